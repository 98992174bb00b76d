//! Reads the backup files and the free space of BACKUP_DIR. A thread does it with a time limit of one second. If the
//! file system hangs, no second thread is started before the first one has ended.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::accounts::{AccountFigures, RecordedBackup};
use super::pluralized::pluralized;
use super::report::{BackupFile, BackupHealth};
use super::section::Section;
use super::settings::HealthSettings;
use crate::backup::{self, DirectoryState, LiveDatabase, MetadataState};
use crate::clock;

const PATIENCE: Duration = Duration::from_secs(1);
/// Largest number of files in the report.
const RECENT: usize = 20;

/// Figures on the backups of this database and on BACKUP_DIR.
#[derive(Debug, Default)]
pub(super) struct BackupDirFigures {
    pub(super) backups: BackupHealth,
    pub(super) findings: BackupDirFindings,
    pub(super) free_bytes: Option<u64>,
    /// Alive while a thread scans the directory.
    pub(super) scan_in_progress: Weak<()>,
}

/// Problems in BACKUP_DIR, as file names.
#[derive(Debug, Clone, Default)]
pub(super) struct BackupDirFindings {
    /// Backups that do not match their metadata.
    pub(super) broken: Vec<String>,
    /// Metadata whose backup file is missing.
    pub(super) orphaned: Vec<String>,
    /// Backups whose time is in the future.
    pub(super) in_future: Vec<String>,
    /// Message about a recorded backup that is missing.
    pub(super) lost: Option<String>,
    /// Permission bits of the directory, if other users can write to it.
    pub(super) open_to_others: Option<u32>,
}

/// Content of the backup directory.
struct BackupDirContents {
    /// Backups of this database, newest first and those from the future last.
    files: Vec<BackupFile>,
    /// Newest backup that is not from the future.
    newest: Option<BackupFile>,
    findings: BackupDirFindings,
}

/// Result of a scan: each part, or the reason why it is missing.
struct BackupDirReading {
    contents: Result<BackupDirContents, String>,
    free_bytes: Result<u64, String>,
}

/// Input of a scan.
struct BackupDirScan {
    directory: PathBuf,
    database: LiveDatabase,
    placed: Option<RecordedBackup>,
    now: DateTime<Utc>,
}

/// Reads the files of this database, and the age of the newest backup, be it a file or a recorded run. `before` is the
/// scan of the previous extended query, which may still be running.
pub(super) async fn read(
    settings: &HealthSettings,
    accounts: &AccountFigures,
    before: Option<&Weak<()>>,
) -> Section<BackupDirFigures> {
    let now = clock::now();
    let (reading, scan_in_progress) = match before {
        Some(before) if before.strong_count() > 0 => (no_answer(), before.clone()),
        _ => scan(settings, accounts, now).await,
    };
    let mut warnings = Vec::new();
    let free_bytes = reading.free_bytes.map_err(|why| warnings.push(format!("backup_free_bytes: {why}"))).ok();
    let contents = reading.contents.map_err(|why| warnings.push(format!("count, recent: {why}"))).ok();
    let backups = backups(accounts, contents.as_ref(), now);
    let findings = contents.map(|contents| contents.findings).unwrap_or_default();
    Section { figures: BackupDirFigures { backups, findings, free_bytes, scan_in_progress }, warnings }
}

/// Combines the recorded runs with the files. Without the content of the directory, only the runs count.
fn backups(accounts: &AccountFigures, contents: Option<&BackupDirContents>, now: DateTime<Utc>) -> BackupHealth {
    let recorded = accounts.last_backup.as_ref().map(|run| (run.started_at, run.bytes));
    let newest = contents.and_then(|contents| contents.newest.as_ref());
    // of a run and a file with the same time, the file counts
    let newest = newest.map(|file| (file.created_at, Some(file.size_bytes)));
    let newest = newest.filter(|(created_at, _)| recorded.is_none_or(|(started_at, _)| started_at <= *created_at));
    let (last_backup, last_size_bytes) = newest.or(recorded).unzip();
    let files = contents.map_or(&[][..], |contents| contents.files.as_slice());
    let verified = files.iter().filter_map(|file| file.verified_at).filter(|at| !backup::is_in_future(*at, now)).max();
    BackupHealth {
        last_backup,
        last_verified: accounts.last_verified.max(verified),
        age_seconds: last_backup.map(|taken| backup::age_seconds(taken, now)),
        count: contents.map(|contents| contents.files.len() as u64),
        last_size_bytes: last_size_bytes.flatten(),
        recent: files.iter().take(RECENT).cloned().collect(),
    }
}

/// Scans the directory in a thread. The returned reference is alive until the thread ends.
async fn scan(
    settings: &HealthSettings,
    accounts: &AccountFigures,
    now: DateTime<Utc>,
) -> (BackupDirReading, Weak<()>) {
    let look = BackupDirScan {
        directory: settings.backup_dir.clone(),
        database: LiveDatabase { id: accounts.database_id.clone(), url: settings.url.to_string() },
        placed: accounts.recorded_backup.clone(),
        now,
    };
    let looking = Arc::new(());
    let in_progress = Arc::downgrade(&looking);
    let looked = tokio::task::spawn_blocking(move || {
        let found = BackupDirReading { contents: look.contents(), free_bytes: free_bytes(&look.directory) };
        drop(looking);
        found
    });
    let reading = tokio::time::timeout(PATIENCE, looked).await.ok().and_then(Result::ok).unwrap_or_else(no_answer);
    (reading, in_progress)
}

fn no_answer() -> BackupDirReading {
    BackupDirReading {
        contents: Err("BACKUP_DIR gave no answer within a second".to_owned()),
        free_bytes: Err("BACKUP_DIR gave no answer".to_owned()),
    }
}

impl BackupDirScan {
    fn contents(&self) -> Result<BackupDirContents, String> {
        let state = backup::directory_state(&self.directory).map_err(|error| error.to_string())?;
        let entries = backup::list(&self.directory, self.now).map_err(|error| error.to_string())?;
        let names = |wanted: &dyn Fn(&backup::BackupEntry) -> bool| {
            entries.iter().filter(|entry| wanted(entry)).map(|entry| entry.name.clone()).collect::<Vec<_>>()
        };
        let is_ours = |entry: &backup::BackupEntry| entry.state == MetadataState::Ok && is_of(entry, &self.database);
        let recorded = self.placed.as_ref().map(|placed| placed.name.as_str());
        let findings = BackupDirFindings {
            broken: names(&|entry| match entry.state {
                MetadataState::WrongMetadata(_) => entry.database_url.is_none() || is_of(entry, &self.database),
                MetadataState::NoMetadata => recorded == Some(entry.name.as_str()),
                MetadataState::Ok => false,
            }),
            orphaned: backup::orphaned(&self.directory).map_err(|error| error.to_string())?,
            in_future: names(&|entry| is_ours(entry) && entry.in_future),
            open_to_others: match state {
                DirectoryState::OpenToOthers(mode) => Some(mode),
                DirectoryState::Private | DirectoryState::Missing => None,
            },
            lost: self.lost(state, &entries, names(&is_ours).len()),
        };
        let file = |entry: &backup::BackupEntry| {
            Some(BackupFile {
                created_at: entry.created_at?,
                size_bytes: entry.size,
                verified_at: entry.verified_at,
                name: entry.name.clone(),
            })
        };
        let files: Vec<BackupFile> = entries.iter().filter(|entry| is_ours(entry)).filter_map(file).collect();
        let newest = backup::newest(files.iter(), |file| Some(file.created_at), self.now).cloned();
        Ok(BackupDirContents { files, newest, findings })
    }

    /// Reason why the newest recorded backup counts as lost. `None` if it does not.
    fn lost(&self, state: DirectoryState, entries: &[backup::BackupEntry], ours: usize) -> Option<String> {
        let placed = self.placed.as_ref()?;
        let (name, recorded, directory) = (&placed.name, placed.recorded, self.directory.display());
        // names are times; after a restore, the recorded runs can be older than the files
        let of_database = |entry: &backup::BackupEntry| is_of(entry, &self.database);
        if entries
            .iter()
            .any(|entry| entry.name == *name || (of_database(entry) && entry.name > *name && !entry.in_future))
        {
            return None;
        }
        let place = backup::PlaceOfBackup::of(&self.directory);
        let is_here = placed.host.as_deref() == Some(place.host.as_str())
            && placed.directory.as_deref() == Some(place.directory.as_str());
        let recorded = format!("{recorded} recorded, the last one as {name}");
        match state {
            DirectoryState::Missing if is_here => {
                Some(format!("lost: {directory} does not exist any more, with backups in it ({recorded})"))
            }
            // a replica whose backups are made on another host has no such directory
            DirectoryState::Missing => None,
            _ if ours == 0 => Some(format!("lost: {directory} holds 0 backups of this database ({recorded})")),
            _ if is_here || placed.directory.is_none() => {
                let count = pluralized(ours as u64, "older backup is", "older backups are");
                Some(format!("lost: the newest backup is not in {directory}, {count} ({recorded})"))
            }
            _ => None,
        }
    }
}

fn is_of(entry: &backup::BackupEntry, database: &LiveDatabase) -> bool {
    entry.database_url.as_deref().is_some_and(|url| database.has_backup(entry.database_id.as_deref(), url))
}

/// Free space in bytes for this user, in the file system where the directory exists or would be created.
fn free_bytes(directory: &Path) -> Result<u64, String> {
    let whole = std::path::absolute(directory).unwrap_or_else(|_| PathBuf::from("/"));
    let existing = whole.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let system = rustix::fs::statvfs(existing).map_err(|error| format!("`{}`: {error}", existing.display()))?;
    Ok(system.f_bavail * system.f_frsize)
}
