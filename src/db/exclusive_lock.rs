//! Lock that lets one process at a time do long work on a database, for example a scheduled backup.
//!
//! A process tries to take the lock and never waits for it. The lock ends with the process that holds it. On PostgreSQL
//! it is an advisory lock of a transaction on a separate connection, which is safe behind a transaction-pooling
//! PgBouncer. It is not the lock of migrations, so a migration never waits for a backup here. The transaction has no
//! snapshot and does not hold back vacuum. On SQLite it is a lock on a file beside the database, because a transaction
//! would block all other writers. The file is not deleted, and only the lock on it counts.

use std::fs::File;
use std::io;
use std::path::Path;

use super::connection::Connection;
use super::error::{DbErrorKind, Error};
use super::url::{DatabaseTarget, DatabaseUrl};
use crate::disk::{self, LockState};

/// Lock of the only process at work, until it is released or dropped.
pub struct ExclusiveLock(Holder);

enum Holder {
    Connection(Connection),
    File(File),
}

impl ExclusiveLock {
    /// Takes the lock; `None` if another process holds it.
    ///
    /// # Errors
    /// Returns an error if the database does not answer, or if the file beside it cannot be opened.
    pub async fn try_acquire(url: &DatabaseUrl) -> Result<Option<Self>, Error> {
        if let DatabaseTarget::Sqlite(target) = url.target() {
            let path = target.beside("-maintenance");
            let refused =
                |error| Error::new(DbErrorKind::CannotOpen, format!("`{}` cannot be locked: {error}", path.display()));
            return Ok(lock(&path).map_err(refused)?.map(|file| Self(Holder::File(file))));
        }
        let mut connection = Connection::open(url).await?;
        let answer = connection.query(connection.backend().try_exclusive_lock()).await?;
        let got = answer.into_iter().flatten().flatten().next().is_some_and(|text| text == "true");
        if got {
            return Ok(Some(Self(Holder::Connection(connection))));
        }
        connection.hang_up().await;
        Ok(None)
    }

    /// Releases the lock. Dropping it also releases it, as soon as the server notices.
    pub async fn release(self) {
        match self.0 {
            // a child process that is being started has a copy of the file, so closing the file here is not enough
            Holder::File(file) => drop(file.unlock()),
            Holder::Connection(mut connection) => {
                if let Err(error) = connection.query("COMMIT").await {
                    tracing::debug!(%error, "the lock ended before it was released");
                }
                connection.hang_up().await;
            }
        }
    }
}

fn lock(path: &Path) -> io::Result<Option<File>> {
    let file = disk::open_lock(path)?;
    match disk::try_lock(&file, path)? {
        // without file locks two processes can be at work: rows are still removed once, and no backup overwrites
        // another
        LockState::Held | LockState::Unsupported => Ok(Some(file)),
        LockState::Busy => Ok(None),
    }
}
