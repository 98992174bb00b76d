//! The backups of a directory, newest first, each as what it is.

use std::fs;
use std::path::Path;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::backup_age::is_in_future;
use super::directory::{DirectoryState, directory_state};
use super::error::Error;
use super::metadata::{self, Metadata};

/// A backup in the directory.
#[derive(Debug, Serialize)]
pub struct BackupEntry {
    /// Name of the file.
    pub name: String,
    /// What its metadata is worth; the file itself is not read (`verify-backup` does).
    pub state: MetadataState,
    /// When the snapshot was taken, as the metadata says.
    pub created_at: Option<DateTime<Utc>>,
    /// Whether that is in the future: a clock was or is wrong, and the backup does not count as the newest.
    pub in_future: bool,
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
pub enum MetadataState {
    /// The metadata is there and fits name and size.
    Ok,
    /// There is none.
    NoMetadata,
    /// It is not of this file, or not of this size, or cannot be read.
    WrongMetadata(String),
}

/// Lists a directory; one that does not exist has none. Newest first; those from the future and those without a time last.
///
/// # Errors
/// The path names something else than a directory, or it cannot be read.
pub fn list(directory: &Path, now: DateTime<Utc>) -> Result<Vec<BackupEntry>, Error> {
    if directory_state(directory)? == DirectoryState::Missing {
        return Ok(Vec::new());
    }
    let mut entries = Vec::new();
    for found in fs::read_dir(directory).map_err(Error::file(directory))? {
        let found = found.map_err(Error::file(directory))?;
        let name = found.file_name().to_string_lossy().into_owned();
        let is_file = found.file_type().is_ok_and(|kind| kind.is_file());
        if is_file && is_backup(&name) {
            let size = found.metadata().map_err(Error::file(&found.path()))?.len();
            entries.push(entry(&found.path(), name, size, now));
        }
    }
    let order =
        |entry: &BackupEntry| (entry.created_at.filter(|_| !entry.in_future), entry.created_at, entry.name.clone());
    entries.sort_by_cached_key(|entry| std::cmp::Reverse(order(entry)));
    Ok(entries)
}

/// Names of metadata in a directory whose file is missing, in order.
///
/// # Errors
/// As [`list`].
pub fn orphaned(directory: &Path) -> Result<Vec<String>, Error> {
    if directory_state(directory)? == DirectoryState::Missing {
        return Ok(Vec::new());
    }
    let mut orphaned = Vec::new();
    for found in fs::read_dir(directory).map_err(Error::file(directory))? {
        let name = found.map_err(Error::file(directory))?.file_name().to_string_lossy().into_owned();
        let Some(file) = name.strip_suffix(metadata::SUFFIX).filter(|file| is_backup(file)) else { continue };
        let missing = fs::symlink_metadata(directory.join(file));
        if missing.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
            orphaned.push(name);
        }
    }
    orphaned.sort();
    Ok(orphaned)
}

/// `backup_YYYYMMDD_HHMMSS.sql` or `.sql.gz`
pub(super) fn is_backup(name: &str) -> bool {
    let stem = name.strip_suffix(".sql.gz").or_else(|| name.strip_suffix(".sql"));
    let time = stem.and_then(|stem| stem.strip_prefix("backup_"));
    time.is_some_and(|time| chrono::NaiveDateTime::parse_from_str(time, "%Y%m%d_%H%M%S").is_ok())
}

fn entry(path: &Path, name: String, size: u64, now: DateTime<Utc>) -> BackupEntry {
    let compressed = name.ends_with(".gz");
    let (state, metadata) = match metadata::find(path) {
        Ok(None) => (MetadataState::NoMetadata, None),
        Err(reason) => (MetadataState::WrongMetadata(reason), None),
        Ok(Some(metadata)) => (check(&metadata, &name, size), Some(metadata)),
    };
    let known = metadata.filter(|_| state == MetadataState::Ok);
    BackupEntry {
        name,
        size,
        compressed,
        created_at: known.as_ref().map(|metadata| metadata.created_at),
        in_future: known.as_ref().is_some_and(|metadata| is_in_future(metadata.created_at, now)),
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

fn check(metadata: &Metadata, name: &str, size: u64) -> MetadataState {
    if metadata.filename != name {
        MetadataState::WrongMetadata(format!("it is that of `{}`", metadata.filename.escape_default()))
    } else if metadata.size != size {
        MetadataState::WrongMetadata(format!("it tells of {} bytes", metadata.size))
    } else {
        MetadataState::Ok
    }
}
