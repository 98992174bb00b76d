//! One plain connection for reading with simple queries: what `status` and a `migrate` with nothing to do need, in as
//! few round trips as a connection can have.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection as _, Database, Decode, Row as SqlRow};

use super::Backend;
use super::dialect::quoted_name;
use super::error::{DbErrorKind, Error};
use super::find_server::{self, FoundServer};
use super::pinned::{self, Home};
use super::url::{DatabaseTarget, DatabaseUrl, Host, PostgresTarget, SessionAttrs, SqliteMode, SqliteTarget};
use crate::disk;

/// A row as text, column by column.
pub type Row = Vec<Option<String>>;

/// Rows of several statements, up to the first that failed.
#[derive(Debug)]
pub(crate) struct PartialRows {
    /// The rows of the statements before it.
    pub(crate) rows: Vec<Row>,
    /// Why it failed; `None`: every statement succeeded.
    pub(crate) failure: Option<Error>,
}

impl PartialRows {
    /// The rows, if every statement succeeded.
    pub(crate) fn complete(self) -> Result<Vec<Row>, Error> {
        self.failure.map_or(Ok(self.rows), Err)
    }
}

/// What becomes of sessions in a database that is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenSessions {
    /// They stay, and so does the database.
    Keep,
    /// They are ended.
    Terminate,
}

/// A connection that reads, and makes and drops scratch databases.
pub enum Connection {
    /// To a server.
    Postgres(PgConnection),
    /// To a file.
    Sqlite(SqliteConnection),
}

impl Connection {
    /// Connects, in at most the URL's `connect_timeout` for each of its hosts. A SQLite file is never created.
    ///
    /// # Errors
    /// What the server or the file system said; nothing is retried.
    pub async fn open(url: &DatabaseUrl) -> Result<Self, Error> {
        match url.target() {
            DatabaseTarget::Postgres(target) => Ok(Self::Postgres(find_server::connect(target).await?.connection)),
            DatabaseTarget::Sqlite(target) => {
                check_file(target)?;
                let options = sqlite_options(target).create_if_missing(false);
                Ok(Self::Sqlite(SqliteConnection::connect_with(&options).await?))
            }
        }
    }

    /// The same, to whichever server answers, even where the URL wants one that accepts writes.
    pub(super) async fn open_any(url: &DatabaseUrl) -> Result<Self, Error> {
        match url.target() {
            DatabaseTarget::Postgres(target) => {
                let mut target = target.clone();
                target.session_attrs = SessionAttrs::Any;
                Ok(Self::Postgres(find_server::connect(&target).await?.connection))
            }
            DatabaseTarget::Sqlite(_) => Self::open(url).await,
        }
    }

    /// Connects, and gives the URL of the very server it is connected to, for those who need a second connection to it.
    ///
    /// # Errors
    /// Those of [`Self::open`].
    pub async fn open_pinned(url: &DatabaseUrl) -> Result<(Self, DatabaseUrl), Error> {
        let DatabaseTarget::Postgres(target) = url.target() else { return Ok((Self::open(url).await?, url.clone())) };
        let FoundServer { host, connection } = find_server::connect(target).await?;
        Ok((Self::Postgres(connection), url.on(host)))
    }

    /// Which engine it is.
    pub fn backend(&self) -> Backend {
        match self {
            Self::Postgres(_) => Backend::Postgres,
            Self::Sqlite(_) => Backend::Sqlite,
        }
    }

    /// Runs one or more statements in one round trip, in the schema of our tables and under settings of our own;
    /// the rows of all of them. Every column must be text.
    ///
    /// # Errors
    /// What the database said, or that our tables are not in the schema that the search_path names first.
    pub async fn query(&mut self, sql: &'static str) -> Result<Vec<Row>, Error> {
        self.query_partial(sql.to_owned()).await.complete()
    }

    /// Runs statements made of names and numbers that the program knows, in one round trip and as [`Self::query`] does:
    /// the rows that came, and what ended them early. The rows before a failing statement are not lost.
    pub(crate) async fn query_partial(&mut self, sql: String) -> PartialRows {
        match self {
            Self::Postgres(connection) => {
                let sql = sqlx::raw_sql(sqlx::AssertSqlSafe(pinned::prologue() + &sql));
                let mut found = until_failure(sql.fetch(connection).map_ok(|row| texts(&row))).await;
                if found.rows.is_empty() {
                    return found;
                }
                match Home::from_columns(found.rows.remove(0).into_iter()).check() {
                    Ok(_) => found,
                    Err(refusal) => PartialRows { rows: Vec::new(), failure: Some(refusal) },
                }
            }
            Self::Sqlite(connection) => {
                let sql = sqlx::raw_sql(sqlx::AssertSqlSafe(sql));
                until_failure(sql.fetch(connection).map_ok(|row| texts(&row))).await
            }
        }
    }

    /// The schema of our tables; none on SQLite, or if the role may use none.
    ///
    /// # Errors
    /// Those of [`Self::query`].
    pub(crate) async fn home(&mut self) -> Result<Option<String>, Error> {
        match self {
            Self::Sqlite(_) => Ok(None),
            Self::Postgres(_) => Ok(first_column(self.query("SELECT current_schema()::text").await?).pop()),
        }
    }

    /// Runs statements made of names and numbers that the program knows, as [`Self::query`] does; how many rows they
    /// changed.
    pub(crate) async fn change(&mut self, sql: String) -> Result<u64, Error> {
        let sql = match self {
            Self::Postgres(_) => pinned::prologue() + &sql,
            Self::Sqlite(_) => sql,
        };
        let changed = self.execute(sql).await?;
        // the row that pins the schema is counted
        Ok(if self.backend() == Backend::Postgres { changed.saturating_sub(1) } else { changed })
    }

    /// Runs statements as they are.
    async fn execute(&mut self, sql: String) -> Result<u64, Error> {
        let sql = sqlx::raw_sql(sqlx::AssertSqlSafe(sql));
        Ok(match self {
            Self::Postgres(connection) => sql.execute(connection).await?.rows_affected(),
            Self::Sqlite(connection) => sql.execute(connection).await?.rows_affected(),
        })
    }

    /// The databases of the server whose names start so.
    ///
    /// # Errors
    /// What the server said.
    pub async fn databases(&mut self, start: &'static str) -> Result<Vec<String>, Error> {
        let rows = self.query("SELECT datname::text FROM pg_database WHERE NOT datistemplate ORDER BY 1").await?;
        Ok(first_column(rows).into_iter().filter(|name| name.starts_with(start)).collect())
    }

    /// Makes an empty database with the encoding that texts need.
    ///
    /// # Errors
    /// The role may not, or what else the server said.
    pub async fn create_database(&mut self, name: &str) -> Result<(), Error> {
        let name = quoted_name(name);
        self.execute(format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")).await.map(|_| ())
    }

    /// Drops a database.
    ///
    /// # Errors
    /// It is in use and that is respected, or what else the server said.
    pub async fn drop_database(&mut self, name: &str, in_use: OpenSessions) -> Result<(), Error> {
        let force = match in_use {
            OpenSessions::Keep => "",
            OpenSessions::Terminate => " WITH (FORCE)",
        };
        let name = quoted_name(name);
        self.execute(format!("DROP DATABASE IF EXISTS {name}{force}")).await.map(|_| ())
    }

    /// Hangs up on PostgreSQL, whose farewell would only take time; closes SQLite, so that the last one to leave writes the
    /// log back.
    pub async fn hang_up(self) {
        if let Self::Sqlite(connection) = self
            && let Err(error) = connection.close().await
        {
            tracing::debug!(%error, "closing the file failed");
        }
    }
}

async fn until_failure(mut rows: impl Stream<Item = Result<Result<Row, Error>, sqlx::Error>> + Unpin) -> PartialRows {
    let mut found = Vec::new();
    while let Some(row) = rows.next().await {
        match row.map_err(Error::from).flatten() {
            Ok(row) => found.push(row),
            Err(error) => return PartialRows { rows: found, failure: Some(error) },
        }
    }
    PartialRows { rows: found, failure: None }
}

/// The first column of each row; NULL is left out.
pub(crate) fn first_column(rows: Vec<Row>) -> Vec<String> {
    rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect()
}

/// A row's columns, all of which are text.
pub(super) fn texts<'r, R>(row: &'r R) -> Result<Row, Error>
where
    R: SqlRow,
    usize: sqlx::ColumnIndex<R>,
    Option<String>: Decode<'r, R::Database>,
    R::Database: Database,
{
    (0..row.len()).map(|at| Ok(row.try_get_unchecked(at)?)).collect()
}

/// SQLite reports every trouble with a file as "unable to open database file"; this says which.
pub(super) fn check_file(target: &SqliteTarget) -> Result<(), Error> {
    let path = target.path.display();
    match std::fs::metadata(&target.path) {
        Ok(found) if found.is_dir() => Err(Error::new(DbErrorKind::CannotOpen, format!("`{path}` is a directory"))),
        Ok(found) => {
            let refuse =
                |path: &Path, error| Error::new(DbErrorKind::CannotOpen, format!("`{}` {error}", path.display()));
            disk::require_regular(&found).map_err(|error| refuse(&target.path, error))?;
            // SQLite opens these by itself, and would wait for a pipe
            for beside in ["-journal", "-wal", "-shm"].map(|ending| target.beside(ending)) {
                if let Ok(found) = std::fs::symlink_metadata(&beside) {
                    disk::require_regular(&found).map_err(|error| refuse(&beside, error))?;
                }
            }
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(Error::new(DbErrorKind::NoSuchFile, format!("the SQLite file `{path}` does not exist")))
        }
        Err(error) => Err(Error::new(DbErrorKind::PermissionDenied, format!("`{path}` cannot be opened: {error}"))),
    }
}

/// The driver's options for a host, but for how it is reached ([`super::routes`]).
pub(super) fn postgres_options(target: &PostgresTarget, host: &Host) -> PgConnectOptions {
    let address = host.address.map_or_else(|| host.name.clone(), |address| address.to_string());
    let options = PgConnectOptions::new_without_pgpass()
        .host(&address)
        .port(host.port)
        .username(&target.user)
        .database(&target.database)
        .application_name(&target.application_name)
        // PgBouncer refuses start-up parameters that it does not know
        .extra_float_digits(None)
        .disable_statement_logging();
    // without a setting the driver would send an empty `options`, which PgBouncer refuses, too
    let options = match target.startup.is_empty() {
        true => options,
        false => options.options(target.startup.iter().map(|(name, value)| (name, value))),
    };
    match target.exposed_password(host) {
        Some(password) => options.password(password),
        None => options,
    }
}

pub(super) fn sqlite_options(target: &SqliteTarget) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(plain_name(&target.path))
        .read_only(target.mode == SqliteMode::ReadOnly)
        .immutable(is_immutable(target))
        .create_if_missing(target.mode == SqliteMode::Create)
        .busy_timeout(Duration::from_secs(5))
        .foreign_keys(true)
        .disable_statement_logging()
}

/// The path in a form that SQLite takes for a file's name, never for a URI or a database in memory.
pub(super) fn plain_name(path: &Path) -> PathBuf {
    if path.is_absolute() { path.to_owned() } else { Path::new(".").join(path) }
}

/// Whether nobody writes to the file while it is read: without a log beside it nobody does; and in a directory that cannot be
/// written no log can be made.
pub(super) fn is_immutable(target: &SqliteTarget) -> bool {
    target.mode == SqliteMode::ReadOnly && !target.beside("-wal").exists()
}
