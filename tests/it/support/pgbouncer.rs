//! PgBouncer in transaction mode in front of one database.

use std::process::{Child, Command, Stdio};

use super::cluster::as_server_user;
use super::{Cluster, Database, eventually, free_port};

pub(crate) struct PgBouncer {
    /// Of the database, through here.
    pub(crate) url: String,
    child: Child,
    _directory: tempfile::TempDir,
}

impl PgBouncer {
    /// One that knows this database only.
    pub(crate) fn start(database: &Database) -> Self {
        Self::configured(database, "default_pool_size = 12\nmax_client_conn = 500\n")
    }

    /// One with these settings.
    pub(crate) fn configured(database: &Database, settings: &str) -> Self {
        Self::to(Cluster::shared(), database, settings)
    }

    /// One in front of a database of this cluster.
    pub(crate) fn to(cluster: &Cluster, database: &Database, more: &str) -> Self {
        Self::with(cluster, database, &database.name(), more)
    }

    /// One that leads to this database whatever name is asked for.
    pub(crate) fn of_every_name(database: &Database) -> Self {
        Self::with(Cluster::shared(), database, "*", "default_pool_size = 12\nmax_client_conn = 500\n")
    }

    fn with(cluster: &Cluster, database: &Database, names: &str, more: &str) -> Self {
        let program =
            ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].into_iter().find(|path| std::path::Path::new(path).exists());
        let program = program.expect("PgBouncer is not installed: apt-get install pgbouncer (./test.sh does it)");
        let directory = tempfile::tempdir().unwrap();
        let port = free_port();
        let name = database.name();
        let settings = directory.path().join("pgbouncer.ini");
        let auth = if more.contains("auth_type") { "" } else { "auth_type = any\n" };
        std::fs::write(
            &settings,
            format!(
                "[databases]\n{names} = host={} port={} user=postgres dbname={name}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
                 unix_socket_dir =\nignore_startup_parameters = extra_float_digits\npool_mode = transaction\n{auth}{more}",
                cluster.socket().display(),
                cluster.port
            ),
        )
        .unwrap();
        Command::new("chown").args(["-R", "postgres"]).arg(directory.path()).status().unwrap();
        let mut command = as_server_user(std::path::Path::new(program));
        let child = command.arg(&settings).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        eventually("pgbouncer", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        Self { url: format!("postgres://postgres@127.0.0.1:{port}/{name}"), child, _directory: directory }
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
