//! Metadata file `<file>.meta` beside each backup.

use std::path::{Path, PathBuf};
use std::{fs, io};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::error::Error;
use super::row_digest::TableDigest;
use crate::disk::{self, LinkPolicy};

/// Suffix of a metadata file's name.
pub(super) const SUFFIX: &str = ".meta";
/// Largest accepted metadata file, in bytes.
const LARGEST: u64 = 1 << 20;

/// Metadata of a backup, against which the file is verified.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// Version of the backup format.
    pub format: u32,
    /// Name of the backup file, without directories.
    pub filename: String,
    /// Time of the snapshot.
    pub created_at: DateTime<Utc>,
    /// Duration of making the backup, in milliseconds.
    pub duration_ms: u64,
    /// Size of the file, in bytes.
    pub size: u64,
    /// Size of the uncompressed SQL, in bytes.
    pub uncompressed_size: u64,
    /// True if the file is compressed with gzip.
    pub compressed: bool,
    /// True if the file was read back from disk and compared when it was made.
    pub validated: bool,
    /// Time of the last successful test restore.
    pub verified_at: Option<DateTime<Utc>>,
    /// SHA-256 of the file, in hex.
    pub sha256: String,
    /// URL of the database, without the password.
    pub database_url: String,
    /// Random id of the database. `None` in backups from before migration 011.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_id: Option<String>,
    /// Version of the database server.
    pub version: String,
    /// Database engine: `postgres` or `sqlite`.
    pub backend: String,
    /// Name of the newest applied migration.
    pub migration: String,
    /// Row count and digest of every table.
    pub tables: Vec<TableDigest>,
    /// Tables and columns that no migration makes. The file does not contain them.
    pub not_included: Vec<String>,
    /// Version of authsvc that made the backup.
    pub app_version: String,
    /// Name of the environment in which the backup was made.
    pub environment: String,
}

/// Path of the metadata file that belongs to a backup file.
pub(super) fn path_for(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(SUFFIX);
    PathBuf::from(name)
}

/// Reads the metadata beside a backup.
///
/// # Errors
/// Returns a message for people if the metadata cannot be read or parsed.
pub(super) fn read(file: &Path) -> Result<Metadata, String> {
    let text = disk::read_text(&path_for(file), LARGEST, LinkPolicy::Refused).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => format!("its metadata {error}"),
        _ => format!("its metadata cannot be read: {error}"),
    })?;
    serde_json::from_str(&text).map_err(|error| format!("its metadata is not what this program writes: {error}"))
}

/// Reads the metadata beside a backup. `None` if no file has its name.
///
/// # Errors
/// Returns a message for people if the metadata exists but cannot be read or parsed.
pub(super) fn find(file: &Path) -> Result<Option<Metadata>, String> {
    match fs::symlink_metadata(path_for(file)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        _ => read(file).map(Some),
    }
}

/// Writes the metadata beside a backup, completely or not at all.
pub(super) fn write(file: &Path, metadata: &Metadata) -> Result<(), Error> {
    let path = path_for(file);
    let text = serde_json::to_string_pretty(metadata).map_err(|error| Error::file(&path)(error.into()))?;
    disk::replace(&path, format!("{text}\n").as_bytes()).map_err(Error::file(&path))
}

/// Formats bytes as lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
