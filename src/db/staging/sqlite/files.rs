//! Opens the SQLite files of a restore, and names the files beside them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::db::connection_options::plain_name;
use crate::db::{DbErrorKind, Error};

/// Endings of the files that SQLite keeps beside a database. SQLite applies them to any file with the database's name.
pub(super) const LOGS: [&str; 3] = ["-journal", "-wal", "-shm"];

/// Opens the staged file, which needs no journal.
pub(super) fn open_staged(path: &Path) -> Result<Connection, Error> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_URI)?;
    connection.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -8192",
    )?;
    Ok(connection)
}

pub(super) fn open(path: &Path, flags: OpenFlags) -> Result<Connection, Error> {
    let connection = Connection::open_with_flags(plain_name(path), flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    Ok(connection)
}

pub(super) fn cannot(path: &Path) -> impl Fn(std::io::Error) -> Error {
    let path = path.display().to_string();
    move |error| Error::new(DbErrorKind::CannotOpen, format!("`{path}`: {error}"))
}

/// Returns the path of a file that SQLite keeps beside another one.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(ending);
    path.into()
}
