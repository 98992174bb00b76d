//! Files that are complete under their final name, or do not exist: written beside, flushed, linked, directory flushed.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use crate::disk;

/// The name of a backup.
pub(super) fn name(created_at: DateTime<Utc>, compressed: bool) -> String {
    let extension = if compressed { "sql.gz" } else { "sql" };
    format!("backup_{}.{extension}", created_at.format("%Y%m%d_%H%M%S"))
}

/// Removes what killed processes left in the directory. A file that is still being written is locked.
pub(super) fn remove_unfinished(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().is_ok_and(|kind| kind.is_file()) && disk::remove_unfinished(&entry.path()) {
            tracing::info!("removed {name}, which an earlier run left unfinished");
        }
    }
}

/// A file that is being written. Its unfinished name is removed in the end; what was placed has another.
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

    /// A handle to write through.
    pub(super) fn handle(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    pub(super) fn flush_to_disk(&self) -> io::Result<()> {
        disk::flush(&self.file, &self.path)
    }

    /// Gives it a name that no other file has.
    ///
    /// # Errors
    /// `AlreadyExists` where another file has the name; it is untouched. After any other error, nothing has the name.
    pub(super) fn place(&self, target: &Path) -> io::Result<()> {
        disk::place(&self.file, &self.path, target)?;
        disk::flush_directory_of(target).inspect_err(|_| self.withdraw(target))
    }

    /// Takes the name away again, if this file has it.
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
