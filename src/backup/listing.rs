//! The backups of a directory, newest first, each as what it is.

use std::fs;
use std::path::Path;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::error::Error;
use super::metadata::{self, Metadata};

/// A backup in the directory.
#[derive(Debug, Serialize)]
pub struct Entry {
    /// Name of the file.
    pub name: String,
    /// What its metadata is worth; the file itself is not read (`verify-backup` does).
    pub state: State,
    /// When the snapshot was taken, as the metadata says.
    pub created_at: Option<DateTime<Utc>>,
    /// Bytes of the file, as they are on disk.
    pub size: u64,
    /// Whether it is gzip.
    pub compressed: bool,
    /// Whether it was read back and compared when it was made.
    pub validated: bool,
    /// When it was last proven by restoring it.
    pub verified_at: Option<DateTime<Utc>>,
    /// The database it is of, without its password.
    pub database_url: Option<String>,
    /// Random id of that database; `None` for backups from before migration 011.
    pub database_id: Option<String>,
    /// The server's version.
    pub version: Option<String>,
    /// The newest applied migration.
    pub migration: Option<String>,
    /// Rows of all tables.
    pub rows: Option<u64>,
}

/// What is known of a backup without reading it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The metadata is there and fits name and size.
    Ok,
    /// There is none.
    NoMetadata,
    /// It is not of this file, or not of this size, or cannot be read.
    WrongMetadata(String),
}

/// Lists a directory; one that is not there has none.
///
/// # Errors
/// The directory cannot be read.
pub fn list(directory: &Path) -> Result<Vec<Entry>, Error> {
    if !directory.exists() {
        return Ok(Vec::new());
    }
    let mut entries = Vec::new();
    for found in fs::read_dir(directory).map_err(Error::file(directory))? {
        let found = found.map_err(Error::file(directory))?;
        let name = found.file_name().to_string_lossy().into_owned();
        let is_file = found.file_type().is_ok_and(|kind| kind.is_file());
        if is_file && is_backup(&name) {
            let size = found.metadata().map_err(Error::file(&found.path()))?.len();
            entries.push(entry(&found.path(), name, size));
        }
    }
    entries.sort_by(|one, other| (other.created_at, &other.name).cmp(&(one.created_at, &one.name)));
    Ok(entries)
}

/// `backup_YYYYMMDD_HHMMSS.sql` or `.sql.gz`
pub(super) fn is_backup(name: &str) -> bool {
    let stem = name.strip_suffix(".sql.gz").or_else(|| name.strip_suffix(".sql"));
    let time = stem.and_then(|stem| stem.strip_prefix("backup_"));
    time.is_some_and(|time| chrono::NaiveDateTime::parse_from_str(time, "%Y%m%d_%H%M%S").is_ok())
}

fn entry(path: &Path, name: String, size: u64) -> Entry {
    let compressed = name.ends_with(".gz");
    let (state, metadata) = match metadata::read(path) {
        _ if !metadata::path_for(path).exists() => (State::NoMetadata, None),
        Err(reason) => (State::WrongMetadata(reason), None),
        Ok(metadata) => (check(&metadata, &name, size), Some(metadata)),
    };
    let known = metadata.filter(|_| state == State::Ok);
    Entry {
        name,
        size,
        compressed,
        created_at: known.as_ref().map(|metadata| metadata.created_at),
        validated: known.as_ref().is_some_and(|metadata| metadata.validated),
        verified_at: known.as_ref().and_then(|metadata| metadata.verified_at),
        rows: known.as_ref().map(|metadata| metadata.tables.iter().map(|table| table.rows).sum()),
        database_url: known.as_ref().map(|metadata| metadata.database_url.clone()),
        database_id: known.as_ref().and_then(|metadata| metadata.database_id.clone()),
        version: known.as_ref().map(|metadata| metadata.version.clone()),
        migration: known.map(|metadata| metadata.migration),
        state,
    }
}

fn check(metadata: &Metadata, name: &str, size: u64) -> State {
    if metadata.filename != name {
        State::WrongMetadata(format!("it is that of `{}`", metadata.filename.escape_default()))
    } else if metadata.size != size {
        State::WrongMetadata(format!("it tells of {} bytes", metadata.size))
    } else {
        State::Ok
    }
}
