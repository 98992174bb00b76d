//! One migrator at a time.
//!
//! PostgreSQL: an advisory lock that belongs to a transaction, on a connection of its own. It is *tried* and tried
//! again, never waited for: a session that waits for a lock holds a snapshot, and `CREATE INDEX CONCURRENTLY` of the
//! holder would wait for that. A transaction pins its server connection, so the lock is safe behind a
//! transaction-pooling PgBouncer, and it goes with the process. SQLite: `BEGIN IMMEDIATE`, which is the only writer.

use std::time::Duration;

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbErr, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

use super::error::{Error, SQLITE_LOCK};
use super::progress::{MigrationEvent, MigrationProgress};
use crate::clock::Stopwatch;
use crate::db::{self, Backend, Pool};

/// Takes the lock, waiting at most `patience`. The transaction is the lock: end it to release it.
pub(crate) async fn acquire(
    pool: &Pool,
    patience: Duration,
    progress: &dyn MigrationProgress,
) -> Result<DatabaseTransaction, Error> {
    let watch = Stopwatch::start();
    let mut pause = Duration::from_millis(20);
    let mut told = false;
    loop {
        if let Some(lock) = attempt(pool).await? {
            return Ok(lock);
        }
        if watch.elapsed() >= patience {
            return Err(Error::LockTimeout {
                what: pool.backend().pick("another program is changing the schema and held its lock", SQLITE_LOCK),
                waited: patience,
            });
        }
        if !told {
            progress.event(MigrationEvent::WaitingForLock);
            told = true;
        }
        tokio::time::sleep(with_jitter(pause)).await;
        pause = (pause * 2).min(Duration::from_millis(500));
    }
}

/// Runs something in a transaction that excludes every migrator and everything else that runs under this lock.
///
/// # Errors
/// The lock was not got in time, or the work failed and was rolled back.
pub async fn with_lock<T, E: From<Error>>(
    pool: &Pool,
    patience: Duration,
    work: impl AsyncFnOnce(&DatabaseTransaction) -> Result<T, E>,
) -> Result<T, E> {
    let lock = acquire(pool, patience, &()).await?;
    let done = work(&lock).await?;
    lock.commit().await.map_err(Error::from)?;
    Ok(done)
}

/// Whether the lock's connection is there yet: without it somebody else may have the lock by now.
///
/// # Errors
/// It is gone.
pub async fn still_holds(lock: &DatabaseTransaction) -> Result<(), Error> {
    lock.execute_unprepared("SELECT 1").await?;
    Ok(())
}

async fn attempt(pool: &Pool) -> Result<Option<DatabaseTransaction>, Error> {
    let backend = pool.backend();
    match try_attempt(pool, backend).await {
        Ok(lock) => Ok(lock),
        Err(error) => {
            let error = db::Error::from(error);
            if backend == Backend::Sqlite && error.kind() == db::DbErrorKind::Locked {
                Ok(None)
            } else {
                Err(error.into())
            }
        }
    }
}

async fn try_attempt(pool: &Pool, backend: Backend) -> Result<Option<DatabaseTransaction>, DbErr> {
    if backend == Backend::Sqlite {
        // readers do not block the writer in this mode; it stays with the file
        pool.orm().execute_unprepared("PRAGMA journal_mode = WAL").await?;
    }
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let lock = pool.orm().begin_with_options(options).await?;
    let got = backend == Backend::Sqlite || lock.execute_unprepared(backend.try_lock()).await?.rows_affected() == 1;
    if got {
        lock.execute_unprepared(&backend.hold_lock()).await?;
        return Ok(Some(lock));
    }
    lock.rollback().await?;
    Ok(None)
}

/// Between half and all of it, so that many waiters do not move in step.
pub(crate) fn with_jitter(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + fastrand::f64() / 2.0)
}
