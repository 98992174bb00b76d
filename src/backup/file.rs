//! Files that are complete under their final name, or not there: written beside, flushed, linked, directory flushed.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::error::Error;

/// Ends the name of a file that is being written.
const UNFINISHED: &str = ".unfinished";

/// The directory for backups, made if it is not there, readable by its owner only.
pub(super) fn directory(path: &Path) -> Result<(), Error> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(Error::NotADirectory { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Error::file(path))
        }
        Err(error) => Err(Error::file(path)(error)),
    }
}

/// The name of a backup.
pub(super) fn name(created_at: DateTime<Utc>, compressed: bool) -> String {
    let extension = if compressed { "sql.gz" } else { "sql" };
    format!("backup_{}.{extension}", created_at.format("%Y%m%d_%H%M%S"))
}

/// Removes what killed processes left in the directory. One that is still being written is locked.
pub(super) fn sweep(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let ours = name.starts_with(".backup_") && name.ends_with(UNFINISHED);
        // the lock is held while it is removed, so that nobody begins with it meanwhile
        let abandoned = File::open(entry.path()).ok().filter(|file| ours && file.try_lock().is_ok());
        if abandoned.is_some() && fs::remove_file(entry.path()).is_ok() {
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
    /// Begins a file in the directory of `target`.
    pub(super) fn begin(target: &Path) -> io::Result<Self> {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let name = name.strip_prefix("backup_").unwrap_or(&name);
        let unique = format!(".backup_{name}.{}{UNFINISHED}", std::process::id());
        let path = target.with_file_name(unique);
        loop {
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(&path)?;
            file.lock()?;
            // a sweep of another process may have taken the file before it was locked
            if fs::metadata(&path).is_ok_and(|found| file.metadata().is_ok_and(|own| own.ino() == found.ino())) {
                return Ok(Self { path, file });
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A handle to write through.
    pub(super) fn handle(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    pub(super) fn flush_to_disk(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Gives it a name that nothing has yet. Where the file system has no links, it is renamed.
    ///
    /// # Errors
    /// `AlreadyExists` where something has the name; it is untouched.
    pub(super) fn place(&self, target: &Path) -> io::Result<()> {
        match fs::hard_link(&self.path, target) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists && !target.exists() => {
                fs::rename(&self.path, target)?;
            }
            placed => placed?,
        }
        flush_directory(target)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Writes a small file, replacing what was there.
pub(super) fn replace(target: &Path, content: &[u8]) -> io::Result<()> {
    let unfinished = Unfinished::begin(target)?;
    unfinished.handle()?.write_all(content)?;
    unfinished.flush_to_disk()?;
    fs::rename(&unfinished.path, target)?;
    flush_directory(target)
}

/// Makes what was done to names in the directory of `file` last.
pub(super) fn flush_directory(file: &Path) -> io::Result<()> {
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}
