//! Files that are complete under their final name or do not exist. A file is written beside its target, flushed and
//! linked; then the directory is flushed.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use crate::disk;

/// File name of a backup, for example `backup_20260131_235959.sql.gz`.
pub(super) fn name(created_at: DateTime<Utc>, compressed: bool) -> String {
    let extension = if compressed { "sql.gz" } else { "sql" };
    format!("backup_{}.{extension}", created_at.format("%Y%m%d_%H%M%S"))
}

/// Removes unfinished files that killed processes left in the directory. Files that are still being written are locked
/// and kept.
pub(super) fn remove_unfinished(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().is_ok_and(|kind| kind.is_file()) && disk::remove_unfinished(&entry.path()) {
            tracing::info!("removed {name}, which an earlier run left unfinished");
        }
    }
}

/// A file that is being written. Dropping this value removes the temporary name. A placed file keeps its final name.
pub(super) struct Unfinished {
    path: PathBuf,
    file: File,
}

impl Unfinished {
    /// Begins a file in the directory of `target`, under a name that no other process can guess.
    pub(super) fn begin(target: &Path) -> io::Result<Self> {
        let (path, file) = disk::create_beside(target)?;
        Ok(Self { path, file })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Second handle to the file, for writing.
    pub(super) fn handle(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    pub(super) fn flush_to_disk(&self) -> io::Result<()> {
        disk::flush(&self.file, &self.path)
    }

    /// Gives the file its final name.
    ///
    /// # Errors
    /// Returns `AlreadyExists` if another file has the name. That file is unchanged. After any other error, no file has
    /// the name.
    pub(super) fn place(&self, target: &Path) -> io::Result<()> {
        disk::place(&self.file, &self.path, target)?;
        disk::flush_directory_of(target).inspect_err(|_| self.withdraw(target))
    }

    /// Removes the final name, if this file has it.
    pub(super) fn withdraw(&self, target: &Path) {
        if disk::is_at(&self.file, target)
            && let Err(error) = fs::remove_file(target)
        {
            tracing::warn!("{} is not a backup and could not be removed: {error}", target.display());
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
