//! Connections through SeaORM, for everything that writes.

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
use super::connection::{check_file, sqlite_options};
use super::error::Error;
use super::failover_pool::FailoverPool;
use super::pinned;
use super::query_runner::QueryRunner;
use super::url::{DatabaseTarget, DatabaseUrl, SqliteMode};

/// Creates the file where there is none, so that only its owner can read the accounts in it; also where a symbolic link
/// leads to no file yet. SQLite gives its log the same permissions, and reports what is wrong if this fails.
fn create_private(path: &Path) {
    if std::fs::metadata(path).is_err() {
        let _ = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    }
}

/// What the connections are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolUse {
    /// Changing the schema: two connections, one to hold the lock; on SQLite one, with foreign keys off.
    Migrate,
    /// Restoring: connections to copy, to build, and to read back.
    Restore,
    /// Serving requests, with so many connections at most.
    Serve(NonZeroU16),
}

impl PoolUse {
    /// Serving requests, where nothing else is set: ten connections.
    pub const SERVE: Self = Self::Serve(NonZeroU16::MIN.saturating_add(9));

    /// The largest number of connections that the pool opens.
    pub fn connections(self) -> u32 {
        match self {
            Self::Migrate => 2,
            Self::Restore => 3,
            Self::Serve(most) => most.get().into(),
        }
    }
}

/// A pool of connections to one database.
#[derive(Clone)]
pub struct Pool {
    orm: DatabaseConnection,
    runner: QueryRunner,
    backend: Backend,
}

/// Connections of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolUsage {
    /// Lent out.
    pub in_use: u32,
    /// Lent out or waiting.
    pub open: u32,
    /// How many it may have.
    pub most: u32,
}

fn counts<D: sqlx::Database>(pool: &sqlx::Pool<D>) -> (u32, u32, u32) {
    (u32::try_from(pool.num_idle()).unwrap_or(u32::MAX), pool.size(), pool.options().get_max_connections())
}

impl Pool {
    /// Prepares a pool; connections are made when they are first needed.
    ///
    /// # Errors
    /// Files that the URL names and that cannot be opened.
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

    /// The same pool, whose every query and the time it took an observer is told.
    #[must_use]
    pub fn observed(mut self, observer: impl Fn(&Statement, Duration) + Send + Sync + 'static) -> Self {
        self.runner.observe(Arc::new(observer));
        self
    }

    /// What requests are answered with. It follows the database from one server to another.
    pub fn runner(&self) -> &QueryRunner {
        &self.runner
    }

    /// Whether the database takes writes, by a deadline.
    ///
    /// # Errors
    /// That it does not, or what it said instead of an answer; where its server is looked for, what came of that.
    pub async fn check_writable_within(&self, patience: Duration) -> Result<(), Error> {
        let checked = tokio::time::timeout(patience, self.runner.check_writable()).await;
        let checked = checked.unwrap_or_else(|_| Err(Error::timed_out(patience)));
        checked.map_err(|error| match self.runner.failover_pool() {
            Some(failover) => failover.explain(error),
            None => error,
        })
    }

    /// SeaORM's handle, on the server that was the right one when the pool was opened: for work that is soon done.
    pub fn orm(&self) -> &DatabaseConnection {
        &self.orm
    }

    /// Begins a transaction in the schema of our tables and under settings of our own, without limits of
    /// time but for its own.
    ///
    /// # Errors
    /// What the database said.
    pub async fn begin_pinned(&self) -> Result<DatabaseTransaction, DbErr> {
        let transaction = self.orm.begin().await?;
        if self.backend == Backend::Postgres {
            transaction.execute_unprepared(&pinned::prologue()).await?;
        }
        Ok(transaction)
    }

    /// Its connections: in use, open, and how many it may have.
    pub fn usage(&self) -> PoolUsage {
        let (idle, open, most) = match self.runner.failover_pool() {
            Some(failover) => counts(&failover.pool()),
            None => counts(self.orm.get_sqlite_connection_pool()),
        };
        PoolUsage { in_use: open.saturating_sub(idle), open, most }
    }

    /// Which engine it is.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Hangs up on PostgreSQL without waiting for the server's farewell, which takes as long as a small migration; closes
    /// SQLite, which writes its log back. Only for a pool with no transaction open.
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
