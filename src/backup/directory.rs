//! BACKUP_DIR: what it is, asked in one way by every command.
//!
//! The path itself may be a symbolic link to a directory; nothing in it may be a link. Every command that writes there refuses a
//! directory that other users can write to: they could plant links, or replace a backup. Commands that read say so.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use super::error::Error;
use crate::disk;

/// What a path for backups names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DirectoryState {
    /// Nothing, and a directory can be created there.
    Missing,
    /// A directory that only its owner can write to.
    Private,
    /// A directory that its group or others can write to: its mode.
    OpenToOthers(u32),
}

/// Looks at the path.
///
/// # Errors
/// It names something else than a directory, or leads nowhere; what the system said.
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

/// Refuses a directory that other users can write to. A missing one is accepted.
///
/// # Errors
/// As [`directory_state`]; [`Error::OpenToOthers`].
pub(super) fn require_private(path: &Path) -> Result<DirectoryState, Error> {
    match directory_state(path)? {
        DirectoryState::OpenToOthers(mode) => Err(Error::OpenToOthers { path: path.to_owned(), mode }),
        state => Ok(state),
    }
}

/// Prepares the directory for writing: it is created where it is missing, for its owner only.
///
/// # Errors
/// As [`require_private`].
pub(super) fn prepare(path: &Path) -> Result<(), Error> {
    if require_private(path)? == DirectoryState::Missing {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Error::file(path))?;
        // its file system can give it another mode than it was asked for
        require_private(path)?;
    }
    Ok(())
}

/// Where backups are: the same path on another host is another place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceOfBackup {
    /// The host's name.
    pub host: String,
    /// The directory, as an absolute path.
    pub directory: String,
}

impl PlaceOfBackup {
    /// The place of a directory on this host.
    pub fn of(directory: &Path) -> Self {
        let absolute = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
        Self {
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            directory: absolute.to_string_lossy().into_owned(),
        }
    }
}
