//! Lists the backups of a directory, newest first, with the state of their metadata.

use std::fs;
use std::path::Path;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::backup_age::is_in_future;
use super::directory::{DirectoryState, directory_state};
use super::error::Error;
use super::metadata::{self, Metadata};

/// One backup in the directory.
#[derive(Debug, Serialize)]
pub struct BackupEntry {
    /// File name, without directories.
    pub name: String,
    /// State of the metadata. Listing does not read the file itself.
    pub state: MetadataState,
    /// Time of the snapshot, from the metadata.
    pub created_at: Option<DateTime<Utc>>,
    /// True if that time is in the future. Then a clock was or is wrong, and the backup never counts as the newest.
    pub in_future: bool,
    /// Size of the file on disk, in bytes.
    pub size: u64,
    /// True if the file is compressed with gzip.
    pub compressed: bool,
    /// True if the file was read back and compared when it was made.
    pub validated: bool,
    /// Time of the last successful test restore.
    pub verified_at: Option<DateTime<Utc>>,
    /// URL of the database, without the password.
    pub database_url: Option<String>,
    /// Random id of that database. `None` for backups from before migration 011.
    pub database_id: Option<String>,
    /// Version of the database server.
    pub version: Option<String>,
    /// Name of the newest applied migration.
    pub migration: Option<String>,
    /// Number of rows in all tables.
    pub rows: Option<u64>,
}

/// State of a backup's metadata, known without reading the backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MetadataState {
    /// The metadata exists and matches name and size of the file.
    Ok,
    /// No metadata file exists.
    NoMetadata,
    /// The metadata belongs to another file, states another size, or cannot be read, with the reason.
    WrongMetadata(String),
}

/// Lists a directory, newest backup first. Backups from the future or without a time come last. A missing directory has
/// no backups.
///
/// # Errors
/// Returns an error if the path is not a directory or cannot be read.
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

/// Backup names in a directory that have metadata but no file, in order.
///
/// # Errors
/// Returns an error if the path is not a directory or cannot be read.
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

/// Returns true for a name of the form `backup_YYYYMMDD_HHMMSS.sql` or `.sql.gz`.
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
        MetadataState::WrongMetadata(format!("it belongs to `{}`", metadata.filename.escape_default()))
    } else if metadata.size != size {
        MetadataState::WrongMetadata(format!("it states {} bytes", metadata.size))
    } else {
        MetadataState::Ok
    }
}
