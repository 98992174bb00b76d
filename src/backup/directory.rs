//! Checks of the backup directory (BACKUP_DIR), used by every command.
//!
//! The path itself may be a symbolic link to a directory, but no entry in it may be a link. Commands that write refuse
//! a directory that other users can write to. Those users could plant links or replace a backup. Commands that only
//! read print a warning.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use super::error::Error;
use crate::disk;

/// State of the path of the backup directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DirectoryState {
    /// The path does not exist, and a directory can be created there.
    Missing,
    /// A directory that only its owner can write to.
    Private,
    /// A directory that its group or other users can write to, with its mode.
    OpenToOthers(u32),
}

/// Reads the state of the path.
///
/// # Errors
/// Returns an error if the path is not a directory, is a dangling link, or cannot be read.
pub fn directory_state(path: &Path) -> Result<DirectoryState, Error> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            Ok(disk::mode_open_to_others(&found).map_or(DirectoryState::Private, DirectoryState::OpenToOthers))
        }
        Ok(_) => Err(Error::NotADirectory { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::symlink_metadata(path) {
            Ok(_) => Err(Error::DanglingLink { path: path.to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(DirectoryState::Missing),
            Err(error) => Err(Error::file(path)(error)),
        },
        Err(error) => Err(Error::file(path)(error)),
    }
}

/// Refuses a directory that other users can write to. A missing directory is accepted.
///
/// # Errors
/// Returns [`Error::OpenToOthers`] for such a directory, and otherwise the errors of [`directory_state`].
pub(super) fn require_private(path: &Path) -> Result<DirectoryState, Error> {
    match directory_state(path)? {
        DirectoryState::OpenToOthers(mode) => Err(Error::OpenToOthers { path: path.to_owned(), mode }),
        state => Ok(state),
    }
}

/// Prepares the directory for writing. A missing directory is created with mode 0700.
///
/// # Errors
/// Returns the errors of [`require_private`], and an error if the directory cannot be created.
pub(super) fn prepare(path: &Path) -> Result<(), Error> {
    if require_private(path)? == DirectoryState::Missing {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Error::file(path))?;
        // the file system may give the directory another mode than requested
        require_private(path)?;
    }
    Ok(())
}

/// Location of a backup directory. Equal paths on two hosts are two locations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceOfBackup {
    /// Host name, from `uname`.
    pub host: String,
    /// Absolute path of the directory.
    pub directory: String,
}

impl PlaceOfBackup {
    /// Returns the location of a directory on this host.
    pub fn of(directory: &Path) -> Self {
        let absolute = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
        Self {
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            directory: absolute.to_string_lossy().into_owned(),
        }
    }
}
