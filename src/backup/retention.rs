//! Which backups have had their time, and their removal.
//!
//! Invariants: only what lies in the directory under a backup's name, as a regular file, with metadata of that very file, is
//! ever removed, and its age is what the metadata says, never a time of the file system. Of each database, only what is
//! older than a backup that has just been read back and found whole is removed: a damaged newest one pushes nothing out, and
//! where none is whole, all stay. A backup from the future (a clock was set back) is kept and vouches for nothing.
//!
//! The file goes before its metadata. A crash between the two leaves metadata without a file, which nobody takes for a
//! backup and which the next run removes; the other order would leave a backup that nobody can trust, for ever.

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

/// The shortest retention. A shorter one is a slip: `m` is minutes, not months.
const SHORTEST: Duration = Duration::from_hours(1);

/// How long backups are kept: at least an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Retention(TimeDelta);

impl Default for Retention {
    /// A week.
    fn default() -> Self {
        Self(TimeDelta::weeks(1))
    }
}

impl FromStr for Retention {
    type Err = String;

    /// Reads `168h`, `14d`, `2w`. Less than an hour is refused, with the units by name.
    fn from_str(text: &str) -> Result<Self, String> {
        let duration = humantime::parse_duration(text).map_err(|error| format!("is no duration: {error}"))?;
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
    /// What was made before this moment is older than the retention.
    fn cutoff(self, now: DateTime<Utc>) -> DateTime<Utc> {
        now.checked_sub_signed(self.0).unwrap_or(DateTime::<Utc>::MIN_UTC)
    }
}

/// Whether to do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetentionMode {
    /// Only say what would be removed.
    Plan,
    /// Remove it.
    Apply,
}

/// What was removed, or would be, and what stays and why; each newest first.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct RetentionReport {
    /// Backups that went, each with its metadata.
    pub removed: Vec<RemovedFile>,
    /// Bytes of all of these.
    pub removed_bytes: u64,
    /// Backups that stay.
    pub kept: Vec<KeptBackup>,
}

/// A file that went.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct RemovedFile {
    /// Its name.
    pub name: String,
    /// Its size, without its metadata.
    pub bytes: u64,
}

/// A file that stays.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct KeptBackup {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Why.
    pub reason: KeepReason,
}

/// Why a file stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeepReason {
    /// It is younger than the retention.
    Recent,
    /// It is the newest valid one of its database.
    NewestValid,
    /// It is not whole, and nothing newer of its database is: all the reasons.
    NotValid(Vec<String>),
    /// Its metadata tells of a time that is yet to come.
    FromTheFuture,
    /// There is nothing beside it that says that this program made it.
    NoMetadata,
    /// What lies beside it is not its metadata: why.
    WrongMetadata(String),
}

/// Finds what is older than the retention, and removes it if told to. A directory that is not there has nothing.
///
/// # Errors
/// The directory cannot be read, or a file cannot be removed; what went before that is gone.
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

/// A backup and, if it is one to judge, its metadata.
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

/// Goes from the newest to the oldest. Files are read only where something older could go.
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

/// Reads a backup back.
fn whole(path: &Path) -> Result<(), Vec<String>> {
    let nobody: Arc<dyn BackupProgress> = Arc::new(());
    match verify::verify(path, &nobody) {
        Ok(verdict) if verdict.valid => Ok(()),
        Ok(verdict) => Err(verdict.reasons),
        Err(error) => Err(vec![error.to_string()]),
    }
}

/// Metadata whose file was removed by a run that did not come to its end.
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

/// Removes files for good. One that is gone already was removed by another replica.
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
