//! Files on any file system: opened without waiting, created without following a link, named without overwriting.
//!
//! Invariants: only regular files are opened, so that a named pipe or a device cannot make the program wait; a new file is
//! created exclusively, for its owner only; a name that another file has is never overwritten by [`place`]. An operation that the
//! file system does not have (links, locks, flushing a directory) is skipped, and each is warned about once per process. A full
//! or failing disk is always an error. To tolerate another operation: a variant of `Operation` and its error codes.

use std::fs::{self, File, FileType, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::Duration;

use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::random;

/// Whether the last component of a path may be a symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkPolicy {
    /// It is followed. What it leads to must be a regular file.
    Followed,
    /// It is refused.
    Refused,
}

/// State of a lock that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockState {
    /// This process holds it, until the file is closed.
    Held,
    /// Another process holds it.
    Busy,
    /// The file system has no locks.
    Unsupported,
}

/// What some file systems do not have.
#[derive(Debug, Clone, Copy)]
enum Operation {
    Flush,
    FlushDirectory,
    Lock,
    Link,
    RenameExclusively,
}

impl Operation {
    /// Whether an error says that the file system does not have the operation.
    fn is_missing(self, error: &io::Error) -> bool {
        let codes: &[Errno] = match self {
            Self::Flush => &[],
            Self::FlushDirectory => &[Errno::BADF, Errno::ISDIR],
            Self::Lock => &[Errno::NOLCK],
            // a container's system call filter answers EPERM; so does vfat to a link
            Self::Link => &[Errno::PERM, Errno::ACCESS, Errno::MLINK],
            Self::RenameExclusively => &[Errno::PERM],
        };
        let everywhere = [Errno::INVAL, Errno::NOSYS, Errno::NOTSUP, Errno::OPNOTSUPP];
        let code = Errno::from_io_error(error);
        code.is_some_and(|code| everywhere.contains(&code) || codes.contains(&code))
    }

    fn warn_once(self, path: &Path, error: &io::Error) {
        static WARNED: [Once; 5] = [const { Once::new() }; 5];
        let what = match self {
            Self::Flush => "cannot flush a file to disk: a power failure can lose the newest backup",
            Self::FlushDirectory => "cannot flush a directory: a power failure can lose the name of the newest file",
            Self::Lock => "has no file locks: two processes can do the same work at once",
            Self::Link | Self::RenameExclusively => "has no hard links; files are renamed instead",
        };
        WARNED[self as usize].call_once(|| {
            tracing::warn!("the file system of {} {what} ({error})", path.display());
        });
    }

    /// The result without the error that says that the file system does not have the operation.
    fn tolerate(self, path: &Path, done: io::Result<()>) -> io::Result<()> {
        match done {
            Err(error) if self.is_missing(&error) => {
                self.warn_once(path, &error);
                Ok(())
            }
            done => done,
        }
    }
}

/// Opens a regular file to read. Nothing else is opened: opening a pipe or a device can wait, or do something.
///
/// # Errors
/// `InvalidInput`, with what the path names, where that is not a regular file. What the system said.
pub fn open(path: &Path, links: LinkPolicy) -> io::Result<File> {
    let found = match links {
        LinkPolicy::Followed => fs::metadata(path)?,
        LinkPolicy::Refused => fs::symlink_metadata(path)?,
    };
    require_regular(&found)?;
    let flags = match links {
        LinkPolicy::Followed => OFlags::NONBLOCK,
        LinkPolicy::Refused => OFlags::NONBLOCK | OFlags::NOFOLLOW,
    };
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    // another process may have replaced it in between
    require_regular(&file.metadata()?)?;
    Ok(file)
}

/// Reads a text file of at most so many bytes.
///
/// # Errors
/// As [`open`]; `InvalidData` where it is longer, or not UTF-8, with the line.
pub fn read_text(path: &Path, longest: u64, links: LinkPolicy) -> io::Result<String> {
    let file = open(path, links)?;
    let refuse = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    let mut bytes = Vec::new();
    file.take(longest.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > longest {
        return Err(refuse(format!("is over {longest} bytes long")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        refuse(format!("is not UTF-8 in line {}", 1 + memchr::memchr_iter(b'\n', before).count()))
    })
}

/// Begins the refusal of what is not a regular file.
pub const NOT_REGULAR: &str = "is not a regular file but ";

/// Refuses what is not a regular file.
///
/// # Errors
/// `InvalidInput`, with what it is.
pub fn require_regular(found: &Metadata) -> io::Result<()> {
    if found.is_file() {
        return Ok(());
    }
    let message = format!("{NOT_REGULAR}{}", name_of(found.file_type()));
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

/// The name of a kind of file, with its article.
fn name_of(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a directory"
    } else if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_char_device() || kind.is_block_device() {
        "a device"
    } else {
        "something else"
    }
}

/// Creates a file that did not exist, for its owner only. A link under this name is not followed.
///
/// # Errors
/// `AlreadyExists`; what the system said.
pub fn create(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW.bits().cast_signed();
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).custom_flags(flags).open(path)
}

/// Opens a file to lock it, and creates it where there is none. A link, pipe or device under this name is refused.
///
/// # Errors
/// As [`open`]; what the system said.
pub fn open_lock(path: &Path) -> io::Result<File> {
    match fs::symlink_metadata(path) {
        Ok(found) => require_regular(&found)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags);
    let file = options.open(path)?;
    require_regular(&file.metadata()?)?;
    Ok(file)
}

/// Tries to lock a file.
///
/// # Errors
/// What the system said, but for a file system without locks.
pub fn try_lock(file: &File, path: &Path) -> io::Result<LockState> {
    match file.try_lock() {
        Ok(()) => Ok(LockState::Held),
        Err(TryLockError::WouldBlock) => Ok(LockState::Busy),
        Err(TryLockError::Error(error)) => {
            Operation::Lock.tolerate(path, Err(error))?;
            Ok(LockState::Unsupported)
        }
    }
}

/// Whether a path still names this open file.
pub fn is_at(file: &File, path: &Path) -> bool {
    let same = |own: &Metadata, found: &Metadata| (own.dev(), own.ino()) == (found.dev(), found.ino());
    fs::symlink_metadata(path).is_ok_and(|found| file.metadata().is_ok_and(|own| same(&own, &found)))
}

/// Flushes a file's content to disk.
///
/// # Errors
/// What the system said, but for a file system that cannot.
pub fn flush(file: &File, path: &Path) -> io::Result<()> {
    Operation::Flush.tolerate(path, file.sync_all())
}

/// Flushes the names in the directory of a file to disk.
///
/// # Errors
/// What the system said, but for a file system that cannot.
pub fn flush_directory_of(path: &Path) -> io::Result<()> {
    let directory = directory_of(path);
    let flags = OFlags::DIRECTORY.bits().cast_signed();
    let flushed = OpenOptions::new().read(true).custom_flags(flags).open(directory).and_then(|open| open.sync_all());
    Operation::FlushDirectory.tolerate(directory, flushed)
}

/// The directory that a file is in.
pub fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Gives an open file, which is at `from`, the name `to`: by a hard link, else by a rename that does not replace, else by a rename
/// over an empty file that was just created there. Afterwards `from` can exist or not.
///
/// # Errors
/// `AlreadyExists` where another file has the name; it is untouched. What the system said.
pub fn place(file: &File, from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        // over NFS a request that was sent twice is answered so
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_at(file, to) => Ok(()),
        Err(error) if Operation::Link.is_missing(&error) => {
            Operation::Link.warn_once(to, &error);
            rename_exclusively(from, to)
        }
        linked => linked,
    }
}

fn rename_exclusively(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE).map_err(io::Error::from) {
        Err(error) if Operation::RenameExclusively.is_missing(&error) => {}
        renamed => return renamed,
    }
    let reserved = create(to)?;
    match fs::rename(from, to) {
        Err(error) if is_at(&reserved, to) => {
            fs::remove_file(to)?;
            Err(error)
        }
        renamed => renamed,
    }
}

/// Writes a small file, complete or not at all, in place of what has the name.
///
/// # Errors
/// What the system said; nothing is left then.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let (beside, mut file) = create_beside(path)?;
    let written = io::Write::write_all(&mut file, content).and_then(|()| flush(&file, path));
    let written = written.and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written.and_then(|()| flush_directory_of(path))
}

/// Ends the name of a file that is being written.
const UNFINISHED: &str = ".unfinished";

/// Creates and locks a hidden file beside another, under a name that no other process can guess.
///
/// # Errors
/// What the system said.
pub fn create_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    loop {
        let beside = path.with_file_name(format!(".{name}.{}{UNFINISHED}", random::id()?));
        let file = create(&beside)?;
        // the cleanup of another process can have locked or removed it
        let locked = try_lock(&file, &beside);
        if locked.as_ref().is_ok_and(|locked| *locked != LockState::Busy) && is_at(&file, &beside) {
            return Ok((beside, file));
        }
        let _ = fs::remove_file(&beside);
        locked?;
    }
}

/// Where there are no locks, a file that was not written to for so long is abandoned.
const ABANDONED: Duration = Duration::from_hours(24);

/// Removes a file of [`create_beside`] that a killed process left; whether it did. One that is being written is locked.
pub fn remove_unfinished(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if !name.starts_with('.') || !name.ends_with(UNFINISHED) {
        return false;
    }
    let Ok(file) = open(path, LinkPolicy::Refused) else { return false };
    let idle = || file.metadata().and_then(|found| found.modified()).ok().and_then(|at| at.elapsed().ok());
    let abandoned = match try_lock(&file, path) {
        Ok(LockState::Held) => true,
        Ok(LockState::Unsupported) => idle().is_some_and(|idle| idle > ABANDONED),
        Ok(LockState::Busy) | Err(_) => false,
    };
    // the lock is held until it is removed
    abandoned && fs::remove_file(path).is_ok()
}

/// The mode of a directory, in octal, where its group or others may write to it.
pub fn mode_open_to_others(directory: &Metadata) -> Option<u32> {
    let mode = directory.permissions().mode() & 0o7777;
    (mode & 0o022 != 0).then_some(mode)
}
