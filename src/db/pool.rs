//! Pool of connections through SeaORM, for every operation that writes.

use std::fs::OpenOptions;
use std::num::NonZeroU16;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DatabaseTransaction, DbErr, SqlxPostgresConnector, SqlxSqliteConnector,
    Statement, TransactionTrait as _,
};
use sqlx::sqlite::SqlitePoolOptions;

use super::Backend;
use super::connection_options::{check_file, sqlite_options};
use super::error::Error;
use super::failover_pool::FailoverPool;
use super::pinned_settings;
use super::pool_usage::PoolUsage;
use super::query_runner::QueryRunner;
use super::url::{DatabaseTarget, DatabaseUrl, SqliteMode};

/// Creates the file if it does not exist, readable only by its owner, because it holds accounts. This includes a
/// missing target of a symbolic link. SQLite gives its log the permissions of the file, and reports the error if this
/// fails.
fn create_private(path: &Path) {
    if std::fs::metadata(path).is_err() {
        let _ = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    }
}

/// Purpose of a pool, which decides its number of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolUse {
    /// Changing the schema: two connections, one of which holds the lock. On SQLite one connection, with foreign keys
    /// off.
    Migrate,
    /// Restoring: three connections, for copying, building and reading back.
    Restore,
    /// Serving requests, with at most this number of connections.
    Serve(NonZeroU16),
}

impl PoolUse {
    /// Default for serving requests: ten connections.
    pub const SERVE: Self = Self::Serve(NonZeroU16::MIN.saturating_add(9));

    /// Returns the largest number of connections that the pool opens.
    pub fn connections(self) -> u32 {
        match self {
            Self::Migrate => 2,
            Self::Restore => 3,
            Self::Serve(most) => most.get().into(),
        }
    }
}

/// Pool of connections to one database.
#[derive(Clone)]
pub struct Pool {
    orm: DatabaseConnection,
    runner: QueryRunner,
    backend: Backend,
}

impl Pool {
    /// Prepares a pool. It connects when a connection is first needed.
    ///
    /// # Errors
    /// Returns an error if a file that the URL names cannot be opened.
    pub async fn open(url: &DatabaseUrl, purpose: PoolUse) -> Result<Self, Error> {
        match url.target() {
            DatabaseTarget::Postgres(target) => {
                let failover = FailoverPool::open(target, purpose.connections()).await?;
                let orm = SqlxPostgresConnector::from_sqlx_postgres_pool(failover.pool());
                Ok(Self { orm, runner: QueryRunner::postgres(failover), backend: Backend::Postgres })
            }
            DatabaseTarget::Sqlite(target) => {
                match target.mode {
                    SqliteMode::Create => create_private(&target.path),
                    SqliteMode::ReadOnly | SqliteMode::ReadWrite => check_file(target)?,
                }
                let (mut options, mut size) = (sqlite_options(target), purpose.connections());
                if purpose == PoolUse::Migrate {
                    options = options.foreign_keys(false).busy_timeout(Duration::from_millis(200));
                    size = 1;
                }
                let pool = SqlitePoolOptions::new()
                    .max_connections(size)
                    .test_before_acquire(false)
                    .connect_lazy_with(options);
                let orm = SqlxSqliteConnector::from_sqlx_sqlite_pool(pool);
                Ok(Self { runner: QueryRunner::sqlite(orm.clone()), orm, backend: Backend::Sqlite })
            }
        }
    }

    /// Returns the pool with an observer, which receives every query and its duration.
    #[must_use]
    pub fn observed(mut self, observer: impl Fn(&Statement, Duration) + Send + Sync + 'static) -> Self {
        self.runner.observe(Arc::new(observer));
        self
    }

    /// Returns the runner for queries of requests. It follows the database from one server to another.
    pub fn runner(&self) -> &QueryRunner {
        &self.runner
    }

    /// Checks within `patience` that the database accepts writes.
    ///
    /// # Errors
    /// Returns an error if it does not accept writes or does not answer in time. During a search for a server the error
    /// includes its result.
    pub async fn check_writable_within(&self, patience: Duration) -> Result<(), Error> {
        let checked = tokio::time::timeout(patience, self.runner.check_writable()).await;
        let checked = checked.unwrap_or_else(|_| Err(Error::timed_out(patience)));
        checked.map_err(|error| match self.runner.failover_pool() {
            Some(failover) => failover.explain(error),
            None => error,
        })
    }

    /// Returns SeaORM's handle for short work. It uses the server that was the right one when the pool was opened.
    pub fn orm(&self) -> &DatabaseConnection {
        &self.orm
    }

    /// Begins a transaction in the schema of the program's tables, under pinned settings, and without the role's time
    /// limits.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement.
    pub async fn begin_pinned(&self) -> Result<DatabaseTransaction, DbErr> {
        let transaction = self.orm.begin().await?;
        if self.backend == Backend::Postgres {
            transaction.execute_unprepared(&pinned_settings::prologue()).await?;
        }
        Ok(transaction)
    }

    /// Returns the number of connections in use, open, and allowed.
    pub fn usage(&self) -> PoolUsage {
        match self.runner.failover_pool() {
            Some(failover) => failover.usage(),
            None => PoolUsage::of(self.orm.get_sqlite_connection_pool(), 0),
        }
    }

    /// Returns the engine of the database.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Closes the pool quickly. On PostgreSQL it does not wait for the server to confirm, which takes about as long as
    /// a small migration. On SQLite it writes the log back. The pool must have no open transaction.
    pub async fn hang_up(self) {
        match self.backend {
            Backend::Postgres => drop(self),
            Backend::Sqlite => self.close().await,
        }
    }

    /// Waits for running queries and closes every connection.
    pub async fn close(self) {
        if let Some(failover) = self.runner.failover_pool() {
            failover.close().await;
        }
        if let Err(error) = self.orm.close().await {
            tracing::debug!(%error, "closing the pool failed");
        }
    }
}
