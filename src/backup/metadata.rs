//! What lies beside a backup: `<file>.meta`.

use std::path::{Path, PathBuf};
use std::{fs, io};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::error::Error;
use super::row_digest::TableDigest;
use crate::disk::{self, LinkPolicy};

/// Ends the name of the metadata.
pub(super) const SUFFIX: &str = ".meta";
/// A metadata file larger than this is none.
const LARGEST: u64 = 1 << 20;

/// The proof of a backup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// Version of the format.
    pub format: u32,
    /// Name of the file, without directories.
    pub filename: String,
    /// When the snapshot was taken.
    pub created_at: DateTime<Utc>,
    /// How long making it took.
    pub duration_ms: u64,
    /// Bytes of the file.
    pub size: u64,
    /// Bytes of the SQL in it.
    pub uncompressed_size: u64,
    /// Whether it is gzip.
    pub compressed: bool,
    /// Whether it was read back from disk and compared when it was made.
    pub validated: bool,
    /// When it was last proven by restoring it.
    pub verified_at: Option<DateTime<Utc>>,
    /// Of the file, in hex.
    pub sha256: String,
    /// The database, without its password.
    pub database_url: String,
    /// Random id of the database; `None` in backups from before migration 011.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_id: Option<String>,
    /// The server's version.
    pub version: String,
    /// `postgres` or `sqlite`
    pub backend: String,
    /// The newest applied migration.
    pub migration: String,
    /// Rows and digest of every table.
    pub tables: Vec<TableDigest>,
    /// Tables and columns of the database that no migration makes, and that are not in the file.
    pub not_included: Vec<String>,
    /// The program that made it.
    pub app_version: String,
    /// The environment it was made in.
    pub environment: String,
}

/// The metadata's path for a backup's.
pub(super) fn path_for(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(SUFFIX);
    PathBuf::from(name)
}

/// Reads the metadata beside a backup.
///
/// # Errors
/// Why it cannot be used, for people.
pub(super) fn read(file: &Path) -> Result<Metadata, String> {
    let text = disk::read_text(&path_for(file), LARGEST, LinkPolicy::Refused).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => format!("its metadata {error}"),
        _ => format!("its metadata cannot be read: {error}"),
    })?;
    serde_json::from_str(&text).map_err(|error| format!("its metadata is not what this program writes: {error}"))
}

/// The metadata beside a backup, if anything has its name.
///
/// # Errors
/// As [`read`].
pub(super) fn find(file: &Path) -> Result<Option<Metadata>, String> {
    match fs::symlink_metadata(path_for(file)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        _ => read(file).map(Some),
    }
}

/// Writes the metadata beside a backup: complete or not at all.
pub(super) fn write(file: &Path, metadata: &Metadata) -> Result<(), Error> {
    let path = path_for(file);
    let text = serde_json::to_string_pretty(metadata).map_err(|error| Error::file(&path)(error.into()))?;
    disk::replace(&path, format!("{text}\n").as_bytes()).map_err(Error::file(&path))
}

/// Bytes in hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
