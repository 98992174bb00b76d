//! File access on any file system: opens without blocking, creates without following links, renames without
//! overwriting.
//!
//! Only regular files are opened, so that a named pipe or a device cannot block the program. A new file is created
//! exclusively and is accessible to its owner only. [`place`] never overwrites another file. An operation that the file
//! system does not support (links, locks, flushing a directory) is skipped, with one warning per process. A full or
//! failing disk is always an error. To tolerate another unsupported operation, add a variant of `Operation` and its
//! error codes.

use std::fs::{self, File, FileType, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::Duration;

use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::random;

/// Policy for a symbolic link as the last component of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkPolicy {
    /// The link is followed. Its target must be a regular file.
    Followed,
    /// The link is refused with an error.
    Refused,
}

/// Result of an attempt to lock a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockState {
    /// This process holds the lock until the file is closed.
    Held,
    /// Another process holds the lock.
    Busy,
    /// The file system does not support locks.
    Unsupported,
}

/// Operation that some file systems do not support.
#[derive(Debug, Clone, Copy)]
enum Operation {
    Flush,
    FlushDirectory,
    Lock,
    Link,
    RenameExclusively,
}

impl Operation {
    /// Returns true if the error means that the file system does not support the operation.
    fn is_missing(self, error: &io::Error) -> bool {
        let codes: &[Errno] = match self {
            Self::Flush => &[],
            Self::FlushDirectory => &[Errno::BADF, Errno::ISDIR],
            Self::Lock => &[Errno::NOLCK],
            // the system call filter of a container answers EPERM, and vfat answers EPERM to a link
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
            Self::Link | Self::RenameExclusively => "has no hard links, so files are renamed",
        };
        WARNED[self as usize].call_once(|| {
            tracing::warn!("the file system of {} {what} ({error})", path.display());
        });
    }

    /// Turns the error of an unsupported operation into success, after one warning per process.
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

/// Opens a regular file to read. Other kinds are refused, because opening a pipe or a device can block or have effects.
///
/// # Errors
/// Returns `InvalidInput`, with the kind of file, if the path does not name a regular file. Returns the error of the
/// system if the file cannot be opened.
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
    // another process may have replaced the file since the first check
    require_regular(&file.metadata()?)?;
    Ok(file)
}

/// Reads a UTF-8 text file of at most `longest` bytes.
///
/// # Errors
/// Returns the errors of [`open`]. Returns `InvalidData` if the file is longer, or if it is not UTF-8, with the line
/// number.
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

/// Start of the error message for a path that is not a regular file.
pub const NOT_REGULAR: &str = "is not a regular file but ";

/// Checks that metadata is of a regular file.
///
/// # Errors
/// Returns `InvalidInput`, with the kind of file, if it is not a regular file.
pub fn require_regular(found: &Metadata) -> io::Result<()> {
    if found.is_file() {
        return Ok(());
    }
    let message = format!("{NOT_REGULAR}{}", name_of(found.file_type()));
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

/// Name of a kind of file, with its article, for error messages.
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

/// Creates a file with mode 0600. The file must not exist, and a symbolic link of this name is not followed.
///
/// # Errors
/// Returns `AlreadyExists` if the name is in use. Returns the error of the system if the file cannot be created.
pub fn create(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW.bits().cast_signed();
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).custom_flags(flags).open(path)
}

/// Opens a file for locking, and creates it if it does not exist. A symbolic link, pipe or device of this name is
/// refused.
///
/// # Errors
/// Returns `InvalidInput`, with the kind of file, if the path does not name a regular file. Returns the error of the
/// system if the file cannot be opened.
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

/// Tries to lock a file exclusively, without waiting.
///
/// # Errors
/// Returns the error of the system, unless the file system does not support locks.
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

/// Returns true if the path still names this open file.
pub fn is_at(file: &File, path: &Path) -> bool {
    let same = |own: &Metadata, found: &Metadata| (own.dev(), own.ino()) == (found.dev(), found.ino());
    fs::symlink_metadata(path).is_ok_and(|found| file.metadata().is_ok_and(|own| same(&own, &found)))
}

/// Flushes the content of a file to disk.
///
/// # Errors
/// Returns the error of the system, unless the file system does not support flushing.
pub fn flush(file: &File, path: &Path) -> io::Result<()> {
    Operation::Flush.tolerate(path, file.sync_all())
}

/// Flushes the directory that contains a file to disk, so that the name of the file survives a power failure.
///
/// # Errors
/// Returns the error of the system, unless the file system does not support flushing directories.
pub fn flush_directory_of(path: &Path) -> io::Result<()> {
    let directory = directory_of(path);
    let flags = OFlags::DIRECTORY.bits().cast_signed();
    let flushed = OpenOptions::new().read(true).custom_flags(flags).open(directory).and_then(|open| open.sync_all());
    Operation::FlushDirectory.tolerate(directory, flushed)
}

/// Returns the directory that contains a file, `.` for a bare file name.
pub fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Gives the open file at `from` the name `to`, without overwriting another file.
///
/// The first method that the file system supports is used. The methods are a hard link, a rename that does not replace,
/// and a rename over a newly created empty file. Depending on the method, `from` still exists afterwards.
///
/// # Errors
/// Returns `AlreadyExists` if another file has the name. That file is not changed. Returns the error of the system if
/// the file cannot be linked or renamed.
pub fn place(file: &File, from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        // NFS answers AlreadyExists to a request that it received twice
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

/// Writes a small file atomically, and replaces a file of this name.
///
/// # Errors
/// Returns the error of the system. No partial file is left behind.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let (beside, mut file) = create_beside(path)?;
    let written = io::Write::write_all(&mut file, content).and_then(|()| flush(&file, path));
    let written = written.and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written.and_then(|()| flush_directory_of(path))
}

/// Suffix of a file that is being written.
const UNFINISHED: &str = ".unfinished";

/// Creates and locks a hidden file in the directory of another file, under a name that no other process can guess.
///
/// # Errors
/// Returns the error of the system if the file cannot be created or locked, or if there is no randomness.
pub fn create_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    loop {
        let beside = path.with_file_name(format!(".{name}.{}{UNFINISHED}", random::id()?));
        let file = create(&beside)?;
        // the cleanup of another process may have locked or removed the file
        let locked = try_lock(&file, &beside);
        if locked.as_ref().is_ok_and(|locked| *locked != LockState::Busy) && is_at(&file, &beside) {
            return Ok((beside, file));
        }
        let _ = fs::remove_file(&beside);
        locked?;
    }
}

/// Age after the last write at which an unfinished file counts as abandoned, if the file system does not support locks.
const ABANDONED: Duration = Duration::from_hours(24);

/// Removes an unfinished file of [`create_beside`] that a killed process left behind. Returns true if it was removed.
///
/// A file that another process is writing is locked, and is kept.
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
    // the lock is held until the file is removed
    abandoned && fs::remove_file(path).is_ok()
}

/// Returns the mode of a directory, in octal, if its group or others may write to it.
pub fn mode_open_to_others(directory: &Metadata) -> Option<u32> {
    let mode = directory.permissions().mode() & 0o7777;
    (mode & 0o022 != 0).then_some(mode)
}
