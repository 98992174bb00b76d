//! Lock that allows one migrator at a time.
//!
//! On PostgreSQL it is an advisory lock of a transaction on its own connection. The lock is *polled*, because a waiting
//! session holds a snapshot that would block the lock holder's `CREATE INDEX CONCURRENTLY`. A transaction pins its
//! server connection, so the lock is safe behind a transaction-pooling PgBouncer. It ends with the process.
//!
//! On SQLite it is `BEGIN IMMEDIATE`, which admits one writer.

use std::time::Duration;

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbErr, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

use super::error::{Error, SQLITE_LOCK};
use super::progress::{MigrationEvent, MigrationProgress};
use crate::clock::Stopwatch;
use crate::db::{self, Backend, Pool};

/// Acquires the lock, waiting at most `patience`. The returned transaction is the lock. Ending it releases the lock.
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

/// Runs `work` in a transaction that excludes every migrator and all other work under this lock.
///
/// # Errors
/// Returns an error if waiting for the lock times out, or if the work fails and is rolled back.
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

/// Checks that the lock's connection still exists. Otherwise another process may hold the lock.
///
/// # Errors
/// Returns an error if the connection was lost.
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
        // in WAL mode readers do not block the writer; the mode is stored in the file
        pool.orm().execute_unprepared("PRAGMA journal_mode = WAL").await?;
    }
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let lock = pool.orm().begin_with_options(options).await?;
    let got =
        backend == Backend::Sqlite || lock.execute_unprepared(backend.try_migration_lock()).await?.rows_affected() == 1;
    if got {
        lock.execute_unprepared(&backend.hold_migration_lock()).await?;
        return Ok(Some(lock));
    }
    lock.rollback().await?;
    Ok(None)
}

/// Random duration between half of the pause and all of it, so that many waiters do not retry in step.
pub(crate) fn with_jitter(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + fastrand::f64() / 2.0)
}
