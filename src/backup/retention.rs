//! Decides which backups are expired and removes them.
//!
//! Invariants: Only regular files in the directory with a backup's name and metadata of that very file are removed. The
//! age comes from the metadata, never from the file system.
//!
//! Of each database, only backups older than a backup that was just read back and found valid are removed. A damaged
//! newest backup therefore removes nothing, and if none is valid, all are kept. A backup from the future is kept and
//! never counts as the valid one.
//!
//! The file is removed before its metadata. A crash between the two leaves metadata without a file, which is never
//! treated as a backup. The next run removes it. The reverse order would leave a backup without metadata, which would
//! be kept for ever.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::backup_age::is_in_future;
use super::database_key::{DatabaseKey, KnownDatabases};
use super::directory;
use super::error::Error;
use super::listing::{self, BackupEntry, MetadataState};
use super::metadata::{self, Metadata};
use super::progress::BackupProgress;
use super::verify;
use crate::disk;

/// Shortest accepted retention. A shorter one is likely a mistake, because `m` means minutes, not months.
const SHORTEST: Duration = Duration::from_hours(1);

/// Retention of backups: the time for which they are kept, at least one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Retention(TimeDelta);

impl Default for Retention {
    /// The default retention is one week.
    fn default() -> Self {
        Self(TimeDelta::weeks(1))
    }
}

impl FromStr for Retention {
    type Err = String;

    /// Parses `168h`, `14d` or `2w`. Less than an hour is refused with a message that explains the units.
    fn from_str(text: &str) -> Result<Self, String> {
        let duration = humantime::parse_duration(text).map_err(|error| format!("is not a duration: {error}"))?;
        if duration < SHORTEST {
            return Err("is less than an hour; `m` is minutes, not months: write hours (168h), \
                        days (180d) or weeks (26w)"
                .to_owned());
        }
        TimeDelta::from_std(duration).map(Self).map_err(|_| "is too long".to_owned())
    }
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0.to_std().unwrap_or_default()).fmt(f)
    }
}

impl Retention {
    /// Backups made before this time are expired.
    fn cutoff(self, now: DateTime<Utc>) -> DateTime<Utc> {
        now.checked_sub_signed(self.0).unwrap_or(DateTime::<Utc>::MIN_UTC)
    }
}

/// Dry run or removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetentionMode {
    /// Only report the expired backups.
    Plan,
    /// Remove the expired backups.
    Apply,
}

/// Removed and kept backups, each list newest first.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct RetentionReport {
    /// Backups that were removed or would be removed, each with its metadata.
    pub removed: Vec<RemovedFile>,
    /// Total size of these backups, in bytes.
    pub removed_bytes: u64,
    /// Backups that are kept.
    pub kept: Vec<KeptBackup>,
}

/// A file that was removed or would be removed.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct RemovedFile {
    /// File name, without directories.
    pub name: String,
    /// Size of the file in bytes, without its metadata.
    pub bytes: u64,
}

/// A file that is kept.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct KeptBackup {
    /// File name, without directories.
    pub name: String,
    /// Size of the file, in bytes.
    pub bytes: u64,
    /// Reason for keeping the file.
    pub reason: KeepReason,
}

/// Reason for keeping a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeepReason {
    /// The backup is younger than the retention.
    Recent,
    /// The backup is the newest valid one of its database.
    NewestValid,
    /// Neither the backup nor a newer one of its database is valid. The value holds all reasons.
    NotValid(Vec<String>),
    /// The time in its metadata is in the future.
    FromTheFuture,
    /// No metadata lies beside the file.
    NoMetadata,
    /// The metadata does not belong to the file or cannot be read, with the reason.
    WrongMetadata(String),
}

/// Finds expired backups and, in mode `Apply`, removes them. A missing directory has no backups.
///
/// # Errors
/// Returns an error if the directory cannot be read or a file cannot be removed. Files removed before the error stay
/// removed.
pub fn retain(
    directory: &Path,
    retention: Retention,
    now: DateTime<Utc>,
    mode: RetentionMode,
) -> Result<RetentionReport, Error> {
    let cutoff = retention.cutoff(now);
    if mode == RetentionMode::Apply {
        directory::require_private(directory)?;
    }
    let mut report = decide(backups(directory, now)?, directory, cutoff, now);
    let orphans = orphans(directory, cutoff)?;
    if mode == RetentionMode::Apply {
        let files: Vec<_> = report.removed.iter().map(|removed| directory.join(&removed.name)).collect();
        remove(directory, files.clone())?;
        remove(directory, files.iter().map(|file| metadata::path_for(file)))?;
        remove(directory, orphans.iter().map(|orphan| directory.join(&orphan.name)))?;
    }
    report.removed.extend(orphans);
    report.removed_bytes = report.removed.iter().map(|removed| removed.bytes).sum();
    Ok(report)
}

/// A backup with its metadata, or with the reason to keep it.
type Backup = (BackupEntry, Result<Metadata, KeepReason>);

fn backups(directory: &Path, now: DateTime<Utc>) -> Result<Vec<Backup>, Error> {
    let judged = |entry: BackupEntry| {
        let metadata = match &entry.state {
            MetadataState::Ok => metadata::read(&directory.join(&entry.name)).map_err(KeepReason::WrongMetadata),
            MetadataState::NoMetadata => Err(KeepReason::NoMetadata),
            MetadataState::WrongMetadata(reason) => Err(KeepReason::WrongMetadata(reason.clone())),
        };
        (entry, metadata)
    };
    Ok(listing::list(directory, now)?.into_iter().map(judged).collect())
}

/// Decides from the newest backup to the oldest. A file is read only if an older backup of its database is expired.
fn decide(backups: Vec<Backup>, directory: &Path, cutoff: DateTime<Utc>, now: DateTime<Utc>) -> RetentionReport {
    let known = || backups.iter().filter_map(|(_, metadata)| metadata.as_ref().ok());
    let databases =
        KnownDatabases::of(known().map(|metadata| (metadata.database_id.as_deref(), metadata.database_url.as_str())));
    let database = |metadata: &Metadata| databases.key(metadata.database_id.as_deref(), &metadata.database_url);
    let expired = known().filter(|metadata| metadata.created_at < cutoff);
    let in_question: BTreeSet<DatabaseKey> = expired.map(database).collect();
    let mut proven = BTreeSet::new();
    let mut report = RetentionReport::default();
    for (BackupEntry { name, size: bytes, .. }, metadata) in backups {
        let reason = match metadata {
            Err(reason) => reason,
            Ok(metadata) if is_in_future(metadata.created_at, now) => KeepReason::FromTheFuture,
            Ok(metadata) if proven.contains(&database(&metadata)) => {
                if metadata.created_at < cutoff {
                    report.removed.push(RemovedFile { name, bytes });
                    continue;
                }
                KeepReason::Recent
            }
            Ok(metadata) if !in_question.contains(&database(&metadata)) => KeepReason::Recent,
            Ok(metadata) => match whole(&directory.join(&name)) {
                Ok(()) => {
                    proven.insert(database(&metadata));
                    KeepReason::NewestValid
                }
                Err(reasons) => KeepReason::NotValid(reasons),
            },
        };
        report.kept.push(KeptBackup { name, bytes, reason });
    }
    report
}

/// Returns all reasons as an error if the backup is not valid when read back.
fn whole(path: &Path) -> Result<(), Vec<String>> {
    let no_progress: Arc<dyn BackupProgress> = Arc::new(());
    match verify::verify(path, &no_progress) {
        Ok(verdict) if verdict.valid => Ok(()),
        Ok(verdict) => Err(verdict.reasons),
        Err(error) => Err(vec![error.to_string()]),
    }
}

/// Finds metadata whose backup file was removed by an interrupted run.
fn orphans(directory: &Path, cutoff: DateTime<Utc>) -> Result<Vec<RemovedFile>, Error> {
    let mut orphans = Vec::new();
    for found in fs::read_dir(directory).into_iter().flatten() {
        let found = found.map_err(Error::file(directory))?;
        let meta = found.file_name().to_string_lossy().into_owned();
        let Some(name) = meta.strip_suffix(metadata::SUFFIX).filter(|name| listing::is_backup(name)) else { continue };
        let path = directory.join(name);
        let gone = fs::symlink_metadata(&path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        let ours = |metadata: &Metadata| metadata.filename == name && metadata.created_at < cutoff;
        if gone && metadata::read(&path).is_ok_and(|metadata| ours(&metadata)) {
            orphans.push(RemovedFile { name: meta, bytes: 0 });
        }
    }
    Ok(orphans)
}

/// Deletes files. A file that no longer exists was removed by another replica.
fn remove(directory: &Path, paths: impl IntoIterator<Item = PathBuf>) -> Result<(), Error> {
    let mut last = None;
    for path in paths {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::file(&path)(error)),
            _ => last = Some(path),
        }
    }
    last.map_or(Ok(()), |path| disk::flush_directory_of(&path).map_err(Error::file(directory)))
}
