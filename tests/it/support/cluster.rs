//! PostgreSQL servers of the tests, run from installed binaries (`installation`). They listen on a unix socket and a
//! free port of 127.0.0.1. They never touch existing servers, and they end with the test process.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};

use super::installation::Installation;
use super::{CANARY, eventually, free_port};

pub(crate) struct Cluster {
    pub(crate) port: u16,
    directory: tempfile::TempDir,
    installation: Installation,
    /// Stops the server when its stdin is closed, which the end of this process does.
    _watchdog: Child,
}

static SHARED: OnceLock<Cluster> = OnceLock::new();
static OTHERS: Mutex<BTreeMap<u16, &Cluster>> = Mutex::new(BTreeMap::new());

impl Cluster {
    /// The cluster that all tests share; each has databases of its own in it.
    pub(crate) fn shared() -> &'static Self {
        SHARED.get_or_init(|| Self::start(&["max_connections=300"]))
    }

    /// A cluster of each installed version, oldest first; tests share them, too.
    pub(crate) fn of_each_version() -> Vec<&'static Self> {
        let mut others = OTHERS.lock().unwrap();
        let shared = Self::shared();
        let mut find = |installed: Installation| match installed.version {
            version if version == shared.version() => shared,
            version => others.entry(version).or_insert_with(|| Box::leak(Box::new(Self::of(installed, &[])))),
        };
        Installation::all().into_iter().map(&mut find).collect()
    }

    /// A cluster that a test may break.
    pub(crate) fn start(settings: &[&str]) -> Self {
        Self::of(Installation::chosen(), settings)
    }

    /// A cluster of an installation.
    pub(crate) fn of(installation: Installation, settings: &[&str]) -> Self {
        let cluster = Self::initialise(installation);
        cluster.launch(settings);
        cluster.superuser(&format!("CREATE ROLE app LOGIN CREATEDB PASSWORD '{CANARY}'"));
        cluster
    }

    fn initialise(installation: Installation) -> Self {
        let makes_checksums = installation.version >= 18;
        let cluster = Self::made_by(installation, |bin, data| {
            let mut initdb = as_server_user(&bin.join("initdb"));
            initdb.args(["-A", "trust", "-E", "UTF8", "-N", "-U", "postgres", "-D"]).arg(data);
            // pg_upgrade needs the same on both sides, and older versions make none by default
            if makes_checksums {
                initdb.arg("--no-data-checksums")
            } else {
                &mut initdb
            };
            initdb
        });
        let rules = "local all postgres trust\nlocal replication postgres trust\nlocal all all scram-sha-256\n\
                     host all all 127.0.0.1/32 scram-sha-256\n";
        std::fs::write(cluster.data().join("pg_hba.conf"), rules).unwrap();
        cluster
    }

    /// A cluster whose data this command makes.
    fn made_by(installation: Installation, command: impl FnOnce(&Path, &Path) -> Command) -> Self {
        let directory = tempfile::Builder::new().prefix("authsvc-pg-").tempdir().unwrap();
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(directory.path()));
        }
        let port = free_port();
        let data = directory.path().join("data");
        run(&mut command(&installation.bin, &data));
        let _watchdog = watchdog(&installation.bin, &data);
        Self { port, directory, installation, _watchdog }
    }

    /// A standby that follows this server, which acknowledges nothing from now on before the standby has it.
    pub(crate) fn standby(&self, settings: &[&str]) -> Self {
        let primary = format!("host={} port={} user=postgres", self.socket().display(), self.port);
        let standby = Self::made_by(self.installation.clone(), |bin, data| {
            let mut copy = as_server_user(&bin.join("pg_basebackup"));
            copy.args(["-d", &primary, "-R", "-X", "stream", "-c", "fast", "--no-sync", "-D"]).arg(data);
            copy
        });
        // pg_basebackup may be newer than the server, and then writes parameters that it does not know
        let settings_file = standby.data().join("postgresql.auto.conf");
        let mut file = std::fs::OpenOptions::new().append(true).open(settings_file).unwrap();
        writeln!(file, "primary_conninfo = '{primary}'").unwrap();
        standby.launch(settings);
        self.configure("SET synchronous_standby_names = '*'");
        let following = "SELECT count(*)::text FROM pg_stat_replication WHERE sync_state = 'sync'";
        eventually("the standby", || (self.ask(following) == ["1"]).then_some(()));
        standby
    }

    /// Changes a setting while it runs.
    pub(crate) fn configure(&self, change: &str) {
        self.superuser(&format!("ALTER SYSTEM {change}"));
        self.superuser("SELECT pg_reload_conf()");
    }

    /// Makes a standby the primary.
    pub(crate) fn promote(&self) {
        let mut promote = as_server_user(&self.installation.bin.join("pg_ctl"));
        run(promote.arg("-D").arg(self.data()).args(["-w", "promote"]).stdout(Stdio::null()));
    }

    /// Starts the server (again).
    pub(crate) fn launch(&self, settings: &[&str]) {
        let socket = self.socket().display().to_string();
        let mut options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories={socket} -c fsync=off \
             -c shared_buffers=64MB -c log_min_messages=fatal -c password_encryption=scram-sha-256",
            self.port
        );
        for setting in settings {
            options.push_str(&format!(" -c {setting}"));
        }
        let log = self.directory.path().join("log");
        let mut start = as_server_user(&self.installation.bin.join("pg_ctl"));
        start.arg("-D").arg(self.data()).args(["-w", "-o", &options, "-l"]).arg(log).arg("start");
        run(start.stdout(Stdio::null()));
    }

    /// Stops the server as a power failure does.
    pub(crate) fn crash(&self) {
        self.stop("immediate");
    }

    /// Stops the server in one of `pg_ctl`'s modes.
    fn stop(&self, mode: &str) {
        let mut stop = as_server_user(&self.installation.bin.join("pg_ctl"));
        run(stop.arg("-D").arg(self.data()).args(["-m", mode, "-w", "stop"]).stdout(Stdio::null()));
    }

    /// The same databases on a newer version, by `pg_upgrade`; this server is stopped.
    pub(crate) fn upgraded(self, to: Installation) -> Self {
        self.stop("fast");
        let newer = Self::initialise(to);
        let mut upgrade = as_server_user(&newer.installation.bin.join("pg_upgrade"));
        upgrade.current_dir(newer.directory.path()).args(["-U", "postgres", "-s"]).arg(newer.socket());
        upgrade.arg("-b").arg(&self.installation.bin).arg("-d").arg(self.data());
        upgrade.arg("-B").arg(&newer.installation.bin).arg("-D").arg(newer.data());
        run(upgrade.args(["-p", &self.port.to_string(), "-P", &newer.port.to_string()]));
        newer.launch(&[]);
        newer
    }

    /// Sends a signal to the server and every process of it.
    pub(crate) fn signal(&self, signal: &str) {
        assert!(self.try_signal(signal), "SIG{signal} was not sent");
    }

    /// The parent first, so that it starts no more children.
    fn try_signal(&self, signal: &str) -> bool {
        let Ok(file) = std::fs::read_to_string(self.data().join("postmaster.pid")) else { return false };
        let server = file.lines().next().unwrap();
        // known before: orphans have another parent
        let children = Command::new("pgrep").args(["-P", server]).output().unwrap().stdout;
        let send = |to: &str| {
            let sent = Command::new("kill").args([&format!("-{signal}"), to]).stderr(Stdio::null()).status();
            sent.unwrap().success()
        };
        let is_sent = send(server);
        let children = String::from_utf8(children).unwrap();
        // either may have ended by now
        for child in children.split_whitespace() {
            send(child);
        }
        is_sent
    }

    /// The directory of the unix socket.
    pub(crate) fn socket(&self) -> &Path {
        self.directory.path()
    }

    /// Major version of the server.
    pub(crate) fn version(&self) -> u16 {
        self.installation.version
    }

    /// The folder of its data.
    pub(crate) fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Runs SQL in the database `postgres` as the superuser.
    pub(crate) fn superuser(&self, sql: &str) {
        super::database::execute(&self.superuser_url("postgres"), sql);
    }

    /// The same, and the rows.
    pub(crate) fn ask(&self, sql: &str) -> Vec<String> {
        super::database::query(&self.superuser_url("postgres"), sql)
    }

    pub(crate) fn superuser_url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost:{}/{database}?host={}", self.port, self.socket().display())
    }
}

fn watchdog(bin: &Path, data: &Path) -> Child {
    let mut child = as_server_user(Path::new("sh"))
        .args(["-c", r#"read -r _; "$0" -D "$1" -m immediate stop >/dev/null 2>&1; rm -rf "${1%/data}""#])
        .arg(bin.join("pg_ctl"))
        .arg(data)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.as_mut().unwrap().flush().unwrap();
    child
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // a test that fails may leave it stopped, and then it cannot end
        self.try_signal("CONT");
        self._watchdog.stdin.take();
        let _ = self._watchdog.wait();
    }
}

pub(crate) fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status").unwrap().lines().any(|line| line.starts_with("Uid:\t0\t"))
}

/// PostgreSQL refuses to run as root.
pub(crate) fn as_server_user(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program).current_dir("/");
    command
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).stderr(Stdio::piped()).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&text));
}
