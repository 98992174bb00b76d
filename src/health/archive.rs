//! The files of backups, and the room for more. A file system that hangs holds up nobody: it is asked in a thread, for a second, and
//! not again before it has answered.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::report::BackupFile;
use super::settings::Settings;
use super::survey::Survey;
use crate::backup::{self, LiveDatabase, State};
use crate::clock;

const PATIENCE: Duration = Duration::from_secs(1);
/// How many files are listed.
const RECENT: usize = 20;

/// The backups of this database, newest first, and the names of those that are not as their metadata tells.
type Files = (Vec<BackupFile>, Vec<String>);

/// Fills in the files of this database, and the age of the newest backup, be it a file or a recorded run. `before`: what the last survey
/// may still be looking at.
pub(super) async fn read(settings: &Settings, survey: &mut Survey, before: Option<&Weak<()>>) {
    let (files, free) = match before {
        Some(before) if before.strong_count() > 0 => {
            survey.looking = before.clone();
            no_answer()
        }
        _ => look(settings, survey).await,
    };
    match free {
        Ok(bytes) => survey.backup_free_bytes = Some(bytes),
        Err(why) => survey.warnings.push(format!("backup_free_bytes: {why}")),
    }
    let backups = &mut survey.backups;
    match files {
        Ok((files, broken)) => {
            survey.broken_backups = broken;
            backups.count = Some(files.len() as u64);
            if let Some(newest) = files.first()
                && backups.last_backup.is_none_or(|recorded| recorded <= newest.created_at)
            {
                backups.last_backup = Some(newest.created_at);
                backups.last_size_bytes = Some(newest.size_bytes);
            }
            let verified = files.iter().filter_map(|file| file.verified_at).max();
            backups.last_verified = backups.last_verified.max(verified);
            backups.recent = files.into_iter().take(RECENT).collect();
        }
        Err(why) => survey.warnings.push(format!("count, recent: {why}")),
    }
    backups.age_seconds = backups.last_backup.map(|taken| (clock::now() - taken).num_seconds());
}

async fn look(settings: &Settings, survey: &mut Survey) -> (Result<Files, String>, Result<u64, String>) {
    let directory = settings.backup_dir.clone();
    let database = LiveDatabase { id: survey.database_id.clone(), url: settings.url.to_string() };
    let looking = Arc::new(());
    survey.looking = Arc::downgrade(&looking);
    let looked = tokio::task::spawn_blocking(move || {
        let found = (files(&directory, &database), free_bytes(&directory));
        drop(looking);
        found
    });
    tokio::time::timeout(PATIENCE, looked).await.ok().and_then(Result::ok).unwrap_or_else(no_answer)
}

fn no_answer() -> (Result<Files, String>, Result<u64, String>) {
    (Err("BACKUP_DIR gave no answer within a second".to_owned()), Err("BACKUP_DIR gave no answer".to_owned()))
}

fn files(directory: &Path, database: &LiveDatabase) -> Result<Files, String> {
    let entries = backup::list(directory).map_err(|error| error.to_string())?;
    let broken = entries
        .iter()
        .filter(|entry| matches!(entry.state, State::WrongMetadata(_)))
        .filter(|entry| entry.database_url.is_none() || is_of(entry, database))
        .map(|entry| entry.name.clone())
        .collect();
    let ours = entries.into_iter().filter(|entry| entry.state == State::Ok && is_of(entry, database));
    let file = |entry: backup::Entry| {
        Some(BackupFile {
            created_at: entry.created_at?,
            size_bytes: entry.size,
            verified_at: entry.verified_at,
            name: entry.name,
        })
    };
    Ok((ours.filter_map(file).collect(), broken))
}

fn is_of(entry: &backup::Entry, database: &LiveDatabase) -> bool {
    entry.database_url.as_deref().is_some_and(|url| database.has_backup(entry.database_id.as_deref(), url))
}

/// Free for this user where the directory is, or will be.
fn free_bytes(directory: &Path) -> Result<u64, String> {
    let whole = std::path::absolute(directory).unwrap_or_else(|_| PathBuf::from("/"));
    let existing = whole.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let system = rustix::fs::statvfs(existing).map_err(|error| format!("`{}`: {error}", existing.display()))?;
    Ok(system.f_bavail * system.f_frsize)
}
