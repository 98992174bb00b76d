//! One process at a time, over all that share a database, for work that is long and must block nobody.
//!
//! It is tried, never waited for, and it ends with the process that has it, however that ends. PostgreSQL: an advisory lock
//! that belongs to a transaction, on a connection of its own, so that it is safe behind a transaction-pooling PgBouncer.
//! It is not the migrators' lock: a migration never waits for a backup here. The transaction has no snapshot and keeps
//! nothing from being vacuumed. SQLite: a lock on a file beside the database, because a transaction would be the only
//! writer. The file stays; it is the lock on it that counts.

use std::fs::File;
use std::io;
use std::path::Path;

use super::connection::Connection;
use super::error::{DbErrorKind, Error};
use super::url::{DatabaseTarget, DatabaseUrl};
use crate::disk::{self, LockState};

/// The right to be the only one at work, until it is released or dropped.
pub struct ExclusiveLock(Holder);

enum Holder {
    Connection(Connection),
    File(File),
}

impl ExclusiveLock {
    /// Takes it, if nobody has it.
    ///
    /// # Errors
    /// The database gives no answer, or the file beside it cannot be opened.
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

    /// Gives it back. Dropping it does, too, as soon as the server notices.
    pub async fn release(self) {
        match self.0 {
            // a process that is being started has a copy of the file, so closing this one is not enough
            Holder::File(file) => drop(file.unlock()),
            Holder::Connection(mut connection) => {
                if let Err(error) = connection.query("COMMIT").await {
                    tracing::debug!(%error, "the lock was gone before it was released");
                }
                connection.hang_up().await;
            }
        }
    }
}

fn lock(path: &Path) -> io::Result<Option<File>> {
    let file = disk::open_lock(path)?;
    match disk::try_lock(&file, path)? {
        // without locks two processes can be at work: rows are removed once all the same, and no backup replaces another
        LockState::Held | LockState::Unsupported => Ok(Some(file)),
        LockState::Busy => Ok(None),
    }
}
