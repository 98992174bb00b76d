//! The program as a process with a clean environment, its own working directory and logging at trace level. Every
//! output is searched for the canary.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;

use super::{CANARY, CANARY_ENCODED, Database, eventually, free_port};

pub(crate) struct Program {
    environment: BTreeMap<String, String>,
    pub(crate) directory: tempfile::TempDir,
    wrapper: Vec<String>,
    executable: PathBuf,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Program {
    /// Without `DATABASE_URL`, in an empty directory.
    pub(crate) fn new() -> Self {
        let environment = [("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), ("AUTHSVC_LOG", "trace"), ("USER", "nobody")];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Self {
            environment,
            directory: tempfile::tempdir().unwrap(),
            wrapper: Vec::new(),
            executable: env!("CARGO_BIN_EXE_authsvc").into(),
        }
    }

    /// On a database.
    pub(crate) fn on(database: &Database) -> Self {
        Self::new().env("DATABASE_URL", &database.url)
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Takes a variable out again.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.environment.remove(name);
        self
    }

    /// Another executable, in the same environment.
    pub(crate) fn running(mut self, executable: &Path) -> Self {
        self.executable = executable.to_owned();
        self
    }

    /// Runs it through another program, such as `setpriv`.
    pub(crate) fn through(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// Runs it with a clock that differs by an offset such as `-5d`.
    pub(crate) fn with_clock(self, offset: &str) -> Self {
        let found = std::fs::read_dir("/usr/lib").unwrap().filter_map(|entry| {
            Some(entry.ok()?.path().join("faketime/libfaketime.so.1")).filter(|library| library.exists())
        });
        let library = found.max().expect("faketime is not installed: apt-get install faketime (./test.sh does it)");
        // in the process itself: the command `faketime` remains as its parent, and would get its signals
        self.env("LD_PRELOAD", library.to_str().unwrap())
            .env("FAKETIME", offset)
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Its environment, for running it in another way.
    pub(crate) fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// Runs it to the end, for a minute at most.
    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        self.spawn(arguments).wait()
    }

    /// Starts it.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Running {
        let executable = self.executable.as_os_str();
        let words: Vec<&OsStr> = self.wrapper.iter().map(AsRef::as_ref).chain([executable]).collect();
        let child = Command::new(words[0])
            .args(&words[1..])
            .args(arguments)
            .env_clear()
            .envs(&self.environment)
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Running::new(child)
    }

    /// Starts `serve` on two free ports.
    pub(crate) fn serve(self) -> Server {
        let [public, admin] = [(); 2].map(|()| SocketAddr::from(([127, 0, 0, 1], free_port())));
        let program = self.env("AUTHSVC_LISTEN", &public.to_string()).env("AUTHSVC_ADMIN_LISTEN", &admin.to_string());
        let running = program.spawn(&["serve"]);
        Server { public, admin, running, program }
    }
}

/// A process; killed if the test ends before it.
pub(crate) struct Running {
    child: Option<Child>,
    outputs: Vec<std::thread::JoinHandle<String>>,
}

impl Running {
    fn new(mut child: Child) -> Self {
        let stdout = child.stdout.take().unwrap();
        let stderr = child.stderr.take().unwrap();
        // read on, so that the process never waits for a full pipe
        let outputs = vec![std::thread::spawn(move || text(stdout)), std::thread::spawn(move || text(stderr))];
        Self { child: Some(child), outputs }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.as_mut().unwrap().try_wait().unwrap().is_none()
    }

    pub(crate) fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([&format!("-{signal}"), &self.id().to_string()]).status().unwrap().success());
    }

    /// Its end, in a minute at most.
    pub(crate) fn wait(mut self) -> Outcome {
        let deadline = std::time::Instant::now() + Duration::from_secs(300);
        while self.is_running() {
            assert!(std::time::Instant::now() < deadline, "the program does not end");
            std::thread::park_timeout(Duration::from_millis(5));
        }
        let code = self.child.take().unwrap().wait().unwrap().code();
        let mut outputs = self.outputs.drain(..).map(|thread| thread.join().unwrap());
        let (stdout, stderr) = (outputs.next().unwrap(), outputs.next().unwrap());
        assert_no_secret(&stdout);
        assert_no_secret(&stderr);
        Outcome { code, stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn text(mut pipe: impl Read) -> String {
    let mut bytes = Vec::new();
    pipe.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// P10: no secret ever shows, in clear, percent-encoded or in base64.
pub(crate) fn assert_no_secret(text: &str) {
    let base64 = base64::engine::general_purpose::STANDARD_NO_PAD.encode(CANARY);
    for form in [CANARY, CANARY_ENCODED, base64.as_str(), "cAn4ry"] {
        assert!(!text.contains(form), "the canary shows in:\n{text}");
    }
}

impl Outcome {
    #[track_caller]
    pub(crate) fn success(self) -> Self {
        self.code(0)
    }

    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// The error message and its hint, without log lines.
    pub(crate) fn error(&self) -> String {
        let at = self.stderr.find("error: ").unwrap_or_else(|| panic!("no error in:\n{}", self.stderr));
        self.stderr[at..].to_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in:\n{}", self.stdout))
    }
}

/// A running `serve`.
pub(crate) struct Server {
    pub(crate) public: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) running: Running,
    program: Program,
}

impl Server {
    /// Waits until it is ready.
    pub(crate) fn ready(mut self) -> Self {
        eventually("readiness", || {
            let ready = get(self.public, "/readyz").is_some_and(|(status, _)| status == 200);
            (ready || !self.running.is_running()).then_some(())
        });
        if !self.running.is_running() {
            panic!("serve ended before it was ready: {:#?}", self.running.wait());
        }
        self
    }

    /// Where it runs.
    pub(crate) fn directory(&self) -> &Path {
        self.program.directory()
    }

    /// SIGTERM, and how it ended.
    pub(crate) fn stop(self) -> Outcome {
        self.running.signal("TERM");
        self.running.wait()
    }
}

/// Status and body of a GET, if there was an answer within five seconds.
pub(crate) fn get(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    assert_no_secret(&answer);
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    Some((status, answer.split_once("\r\n\r\n")?.1.to_owned()))
}
