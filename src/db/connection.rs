//! Single connection that reads with simple queries and few round trips, for `status` and for a `migrate` without
//! pending migrations.

use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection as _, Database, Decode, Row as SqlRow};

use super::Backend;
use super::connection_options::{check_file, sqlite_options};
use super::dialect::quoted_name;
use super::error::{DbErrorKind, Error};
use super::find_server::{self, FoundServer};
use super::pinned_settings::{self, Home};
use super::url::{DatabaseTarget, DatabaseUrl, SessionAttrs};

/// Row whose columns are all read as text; NULL is `None`.
pub type Row = Vec<Option<String>>;

/// Rows of several statements, up to the first statement that failed.
#[derive(Debug)]
pub(crate) struct PartialRows {
    /// Rows of the statements that succeeded.
    pub(crate) rows: Vec<Row>,
    /// Error of the failed statement; `None` if every statement succeeded.
    pub(crate) failure: Option<Error>,
}

impl PartialRows {
    /// Returns the rows, or the error if a statement failed.
    pub(crate) fn complete(self) -> Result<Vec<Row>, Error> {
        self.failure.map_or(Ok(self.rows), Err)
    }
}

/// Treatment of open sessions when their database is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenSessions {
    /// The sessions continue, and the database is not dropped.
    Keep,
    /// The server ends the sessions and drops the database.
    Terminate,
}

/// Connection that reads, and that creates and drops scratch databases.
pub enum Connection {
    /// Connection to a PostgreSQL server.
    Postgres(PgConnection),
    /// Connection to a SQLite file.
    Sqlite(SqliteConnection),
}

impl Connection {
    /// Connects within the URL's `connect_timeout` for each of its hosts. It never creates a SQLite file.
    ///
    /// # Errors
    /// Returns an error if the server or the file cannot be opened. There is no retry.
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

    /// Connects to the first server that answers, even if the URL asks for one that accepts writes.
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

    /// Connects, and returns the URL of the server that answered, for a second connection to that server.
    ///
    /// # Errors
    /// Returns an error in the cases of [`Self::open`].
    pub async fn open_pinned(url: &DatabaseUrl) -> Result<(Self, DatabaseUrl), Error> {
        let DatabaseTarget::Postgres(target) = url.target() else { return Ok((Self::open(url).await?, url.clone())) };
        let FoundServer { host, connection } = find_server::connect(target).await?;
        Ok((Self::Postgres(connection), url.on(host)))
    }

    /// Returns the engine of the database.
    pub fn backend(&self) -> Backend {
        match self {
            Self::Postgres(_) => Backend::Postgres,
            Self::Sqlite(_) => Backend::Sqlite,
        }
    }

    /// Runs one or more statements in one round trip, in the schema of the program's tables and under pinned settings.
    /// Returns the rows of all statements. Every column must be text.
    ///
    /// # Errors
    /// Returns an error if a statement fails, or if search_path names another schema before that of the program's
    /// tables.
    pub async fn query(&mut self, sql: &'static str) -> Result<Vec<Row>, Error> {
        self.query_partial(sql.to_owned()).await.complete()
    }

    /// Runs statements in one round trip like [`Self::query`]. They contain only names and numbers that the program
    /// knows. Returns the rows before the first failing statement, and its error.
    pub(crate) async fn query_partial(&mut self, sql: String) -> PartialRows {
        match self {
            Self::Postgres(connection) => {
                let sql = sqlx::raw_sql(sqlx::AssertSqlSafe(pinned_settings::prologue() + &sql));
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

    /// Returns the schema of the program's tables; `None` on SQLite, or if the role may use no schema.
    ///
    /// # Errors
    /// Returns an error in the cases of [`Self::query`].
    pub(crate) async fn home(&mut self) -> Result<Option<String>, Error> {
        match self {
            Self::Sqlite(_) => Ok(None),
            Self::Postgres(_) => Ok(first_column(self.query("SELECT current_schema()::text").await?).pop()),
        }
    }

    /// Runs statements under the settings of [`Self::query`]. They contain only names and numbers that the program
    /// knows. Returns how many rows they changed.
    pub(crate) async fn change(&mut self, sql: String) -> Result<u64, Error> {
        let sql = match self {
            Self::Postgres(_) => pinned_settings::prologue() + &sql,
            Self::Sqlite(_) => sql,
        };
        let changed = self.execute(sql).await?;
        // the row that pins the schema is counted too
        Ok(if self.backend() == Backend::Postgres { changed.saturating_sub(1) } else { changed })
    }

    /// Runs statements without the pinned settings.
    async fn execute(&mut self, sql: String) -> Result<u64, Error> {
        let sql = sqlx::raw_sql(sqlx::AssertSqlSafe(sql));
        Ok(match self {
            Self::Postgres(connection) => sql.execute(connection).await?.rows_affected(),
            Self::Sqlite(connection) => sql.execute(connection).await?.rows_affected(),
        })
    }

    /// Lists the databases of the server whose names begin with `start`.
    ///
    /// # Errors
    /// Returns an error if the server does not answer or rejects a statement.
    pub async fn databases(&mut self, start: &'static str) -> Result<Vec<String>, Error> {
        let rows = self.query("SELECT datname::text FROM pg_database WHERE NOT datistemplate ORDER BY 1").await?;
        Ok(first_column(rows).into_iter().filter(|name| name.starts_with(start)).collect())
    }

    /// Creates an empty database with the encoding UTF-8.
    ///
    /// # Errors
    /// Returns an error if the role may not create databases, or if the server does not answer.
    pub async fn create_database(&mut self, name: &str) -> Result<(), Error> {
        let name = quoted_name(name);
        self.execute(format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")).await.map(|_| ())
    }

    /// Drops a database of the server.
    ///
    /// # Errors
    /// Returns an error if the server refuses, for example because sessions use the database and are to be kept.
    pub async fn drop_database(&mut self, name: &str, in_use: OpenSessions) -> Result<(), Error> {
        let drop = format!("DROP DATABASE IF EXISTS {}", quoted_name(name));
        if in_use == OpenSessions::Terminate {
            match self.execute(format!("{drop} WITH (FORCE)")).await {
                // A worker of autovacuum is in the database, which this role may not end. The server itself ends it
                // for a plain DROP, which waits some seconds for open sessions.
                Err(error) if error.kind() == DbErrorKind::PermissionDenied => {}
                done => return done.map(|_| ()),
            }
        }
        self.execute(drop).await.map(|_| ())
    }

    /// Closes the connection. On PostgreSQL it does not wait for the server to confirm. On SQLite the last connection
    /// that closes writes the log back to the file.
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

/// Returns the first column of each row and skips NULL.
pub(crate) fn first_column(rows: Vec<Row>) -> Vec<String> {
    rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect()
}

/// Returns the columns of a row, which must all be text.
pub(super) fn texts<'r, R>(row: &'r R) -> Result<Row, Error>
where
    R: SqlRow,
    usize: sqlx::ColumnIndex<R>,
    Option<String>: Decode<'r, R::Database>,
    R::Database: Database,
{
    (0..row.len()).map(|at| Ok(row.try_get_unchecked(at)?)).collect()
}
