//! Databases for tests, and queries on them that bypass the code under test.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Column as _, Connection as _, PgConnection, Row as _, SqliteConnection, TypeInfo as _};

use super::{CANARY_ENCODED, Cluster, Program};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Postgres,
    Sqlite,
}

pub(crate) const ENGINES: [Engine; 2] = [Engine::Postgres, Engine::Sqlite];

/// One database, deleted with its cluster or directory.
pub(crate) struct Database {
    /// For the program, with the canary as password.
    pub(crate) url: String,
    /// For looking.
    inspect: String,
    pub(crate) directory: Option<tempfile::TempDir>,
}

impl Database {
    /// An empty one.
    pub(crate) fn empty(engine: Engine) -> Self {
        match engine {
            Engine::Postgres => Self::on(Cluster::shared(), None),
            Engine::Sqlite => {
                let directory = tempfile::tempdir().unwrap();
                let path = directory.path().join("test.db");
                let url = format!("sqlite:{}?mode=rwc", path.display());
                Self { inspect: format!("sqlite:{}", path.display()), url, directory: Some(directory) }
            }
        }
    }

    /// An empty one on a cluster, or a copy of another.
    pub(crate) fn on(cluster: &Cluster, template: Option<&str>) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("t{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let template = template.map_or(String::new(), |template| format!(" TEMPLATE {template}"));
        cluster.superuser(&format!("CREATE DATABASE {name} OWNER app{template}"));
        let inspect = cluster.superuser_url(&name);
        super::database::execute(&inspect, "ALTER SCHEMA public OWNER TO app");
        let url = format!("postgres://app:{CANARY_ENCODED}@127.0.0.1:{}/{name}", cluster.port);
        Self { url, inspect, directory: None }
    }

    /// An empty one on the shared cluster, with an encoding.
    pub(crate) fn with_encoding(encoding: &str) -> Self {
        let cluster = Cluster::shared();
        let name = format!("encoding_{}", encoding.to_lowercase());
        let options = format!("TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'");
        cluster.superuser(&format!("CREATE DATABASE {name} OWNER app {options}"));
        let inspect = cluster.superuser_url(&name);
        execute(&inspect, "ALTER SCHEMA public OWNER TO app");
        Self {
            url: format!("postgres://app:{CANARY_ENCODED}@127.0.0.1:{}/{name}", cluster.port),
            inspect,
            directory: None,
        }
    }

    /// One with every migration applied, and nothing in it: that it was migrated is recorded, and taken away.
    pub(crate) fn migrated(engine: Engine) -> Self {
        static TEMPLATE: OnceLock<String> = OnceLock::new();
        if engine == Engine::Sqlite {
            let database = Self::empty(engine);
            Program::on(&database).run(&["migrate"]).success();
            database
                .execute("DELETE FROM maintenance_runs; DELETE FROM sqlite_sequence WHERE name = 'maintenance_runs'");
            return database;
        }
        let template = TEMPLATE.get_or_init(|| {
            let database = Self::empty(engine);
            Program::on(&database).run(&["migrate"]).success();
            database.execute("TRUNCATE maintenance_runs RESTART IDENTITY");
            database.name()
        });
        Self::on(Cluster::shared(), Some(template))
    }

    /// Name of a PostgreSQL database.
    pub(crate) fn name(&self) -> String {
        self.url.rsplit('/').next().unwrap().to_owned()
    }

    /// For PostgreSQL's own programs, as the superuser.
    pub(crate) fn superuser_url(&self) -> String {
        self.inspect.clone()
    }

    /// Path of a SQLite file.
    pub(crate) fn path(&self) -> PathBuf {
        PathBuf::from(self.inspect.strip_prefix("sqlite:").unwrap())
    }

    /// Runs statements as the owner of everything.
    pub(crate) fn execute(&self, sql: &str) {
        execute(&self.inspect, sql);
    }

    /// The rows, columns joined by `|`; NULL is `∅`.
    pub(crate) fn query(&self, sql: &str) -> Vec<String> {
        query(&self.inspect, sql)
    }

    pub(crate) fn one(&self, sql: &str) -> String {
        let mut rows = self.query(sql);
        assert_eq!(rows.len(), 1, "{sql}: {rows:?}");
        rows.remove(0)
    }

    /// How often each migration is in the ledger.
    pub(crate) fn ledger(&self) -> Vec<String> {
        self.query("SELECT m.version || ' ' || h.kind FROM seaql_migrations m JOIN authsvc_migrations h ON h.version = m.version ORDER BY 1")
    }

    /// The same database on another server that follows, or followed, the one it was made on.
    pub(crate) fn seen_on(&self, cluster: &Cluster) -> Self {
        let name = self.name();
        let url = format!("postgres://app:{CANARY_ENCODED}@127.0.0.1:{}/{name}", cluster.port);
        Self { url, inspect: cluster.superuser_url(&name), directory: None }
    }

    /// Itself, once it has another name.
    pub(crate) fn renamed(&self, name: &str) -> Self {
        let (old, new) = (format!("/{}", self.name()), format!("/{}", name.replace(' ', "%20")));
        Self { url: self.url.replace(&old, &new), inspect: self.inspect.replace(&old, &new), directory: None }
    }

    /// A connection that remains open, for locks.
    pub(crate) fn session(&self) -> Session {
        open(&self.inspect)
    }
}

/// A connection to PostgreSQL that remains open.
pub(crate) fn open(url: &str) -> Session {
    let runtime = runtime();
    let connection = runtime.block_on(PgConnection::connect(url)).unwrap();
    Session { runtime, connection: Some(connection) }
}

/// An open PostgreSQL session.
pub(crate) struct Session {
    runtime: tokio::runtime::Runtime,
    connection: Option<PgConnection>,
}

impl Session {
    pub(crate) fn execute(&mut self, sql: &str) {
        let connection = self.connection.as_mut().unwrap();
        self.runtime.block_on(sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection)).unwrap();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            let _ = self.runtime.block_on(connection.close());
        }
    }
}

pub(crate) fn execute(url: &str, sql: &str) {
    block_on(rows(url, sql)).unwrap_or_else(|error| panic!("{sql}: {error}"));
}

pub(crate) fn query(url: &str, sql: &str) -> Vec<String> {
    block_on(rows(url, sql)).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    runtime().block_on(future)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

async fn rows(url: &str, sql: &str) -> Result<Vec<String>, sqlx::Error> {
    let sql = AssertSqlSafe(sql.to_owned());
    if url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(url).await?;
        let rows = sqlx::raw_sql(sql).fetch_all(&mut connection).await?;
        connection.close().await?;
        return Ok(rows.iter().map(|row| join(row.len(), |at| sqlite_text(row, at))).collect());
    }
    let mut connection = PgConnection::connect(url).await?;
    let rows = sqlx::raw_sql(sql).fetch_all(&mut connection).await?;
    connection.close().await?;
    Ok(rows.iter().map(|row| join(row.len(), |at| row.try_get_unchecked(at).unwrap())).collect())
}

fn sqlite_text(row: &sqlx::sqlite::SqliteRow, at: usize) -> Option<String> {
    let integer = || row.try_get_unchecked::<Option<i64>, _>(at).unwrap().map(|number| number.to_string());
    match row.column(at).type_info().name() {
        "INTEGER" | "BOOLEAN" => integer(),
        _ => row.try_get_unchecked(at).unwrap_or_else(|_| integer()),
    }
}

fn join(len: usize, column: impl Fn(usize) -> Option<String>) -> String {
    (0..len).map(|at| column(at).unwrap_or_else(|| "∅".to_owned())).collect::<Vec<_>>().join("|")
}
