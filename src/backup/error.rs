//! Errors of making, verifying and restoring backups, with their hints.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;

use crate::{db, migrate, printable};

/// Failure to make, read or restore a backup. No file is left under a final name, and the database is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database could not be reached or read.
    #[error(transparent)]
    Database(#[from] db::Error),
    /// The schema of the database is not one that can be backed up.
    #[error(transparent)]
    Schema(#[from] migrate::Error),
    /// Reading a table failed.
    #[error("reading `{table}`: {source}")]
    Table {
        /// Name of the table.
        table: String,
        /// Error that the database returned.
        source: db::Error,
    },
    /// The role may not read a sequence, so its value would be wrong in the backup.
    #[error("the sequence `{sequence}` cannot be read")]
    Sequence {
        /// Name of the sequence.
        sequence: String,
    },
    /// A migration ran between reading the schema and reading the rows.
    #[error("the schema changed while the backup began")]
    SchemaChanged,
    /// A file or directory operation failed.
    #[error("{}: {source}", shown(path))]
    File {
        /// Path of the file or directory.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// BACKUP_DIR names something that is not a directory.
    #[error("{} is not a directory", shown(path))]
    NotADirectory {
        /// The path in BACKUP_DIR.
        path: PathBuf,
    },
    /// The path does not name a regular file.
    #[error("{} is not a regular file but {kind}", shown(path))]
    NotAFile {
        /// The path that was given.
        path: PathBuf,
        /// Kind of the file, for example `a named pipe`.
        kind: String,
    },
    /// BACKUP_DIR names a symbolic link whose target does not exist.
    #[error("{} is a symbolic link to a path that does not exist", shown(path))]
    DanglingLink {
        /// Path of the link.
        path: PathBuf,
    },
    /// Other users can write to the backup directory.
    #[error("{} has mode {mode:04o}: other users can write there, replace backups and plant links", shown(path))]
    OpenToOthers {
        /// Path of the directory.
        path: PathBuf,
        /// Permission bits of the directory.
        mode: u32,
    },
    /// The file system of a path hangs.
    #[error("{} gave no answer within {}", shown(path), humantime::format_duration(*patience))]
    NoAnswer {
        /// The path that was accessed.
        path: PathBuf,
        /// Time limit that expired.
        patience: Duration,
    },
    /// The file is damaged, comes from another program, or does not match its metadata.
    #[error("the file is not a backup that can be restored: {}", reasons.join("; "))]
    Invalid {
        /// All reasons, for people.
        reasons: Vec<String>,
    },
    /// Stored password hashes cost more than a login may cost.
    #[error("{count} rows of `users` have a password hash that costs more than a login may take: {}", rows.join(", "))]
    CostlyHashes {
        /// Number of rows with such a hash.
        count: u64,
        /// The first such rows, each with its id and the cost of its hash.
        rows: Vec<String>,
    },
    /// The file was made by a newer version of authsvc.
    #[error("{message}")]
    Newer {
        /// Message that names the newer format or migration.
        message: String,
    },
    /// The safety backup failed.
    #[error("the safety backup failed: {0}")]
    Safety(Box<Error>),
    /// The database belongs to the legacy manager and was not adopted yet.
    #[error("the database belongs to the legacy manager, and a restore does not replace it")]
    LegacyInPlace,
    /// Objects of other programs depend on the tables that would be replaced, or those tables were altered.
    #[error("a restore would lose objects that depend on its tables: {}", obstacles.join("; "))]
    Obstacles {
        /// Each obstacle, with what to do about it.
        obstacles: Vec<String>,
    },
    /// No scratch database could be created.
    #[error("the scratch database could not be created: {0}")]
    Scratch(db::Error),
    /// The scratch database was created, but connections to it fail or lead to another database.
    #[error("the scratch database {name} was created but cannot be reached: {why}")]
    ScratchUnreachable {
        /// Name of the scratch database.
        name: String,
        /// Error of the server or of the pooler.
        why: String,
    },
    /// The database refused rows that were loaded.
    #[error(transparent)]
    Load(Box<db::LoadError>),
    /// Rows that were loaded differ from the rows in the file.
    #[error("`{table}` has other rows than the file after loading")]
    Unequal {
        /// Name of the table.
        table: String,
    },
    /// The file that was just written is not valid when it is read back.
    #[error("the backup is not valid when read back: {}", reasons.join("; "))]
    NotValid {
        /// All reasons, for people.
        reasons: Vec<String>,
    },
}

/// Hints for errors of the file system, by error code. `PATH` stands for the path.
const FILE_HINTS: &[(&[Errno], &str)] = &[
    (&[Errno::NOENT], "correct the path"),
    (&[Errno::NOSPC], "free space in the file system (df 'PATH'), then run the command again"),
    (&[Errno::DQUOT], "the quota of this user is used up: raise it, or remove files"),
    (&[Errno::FBIG], "the file system or `ulimit -f` allows no file of this size"),
    (
        &[Errno::ACCESS, Errno::PERM],
        "let this user read and write there (chown, chmod), or name another directory in BACKUP_DIR",
    ),
    (&[Errno::ROFS], "the file system is mounted read-only: name another directory in BACKUP_DIR"),
    (
        &[Errno::IO, Errno::STALE, Errno::TIMEDOUT],
        "the disk or the network file system fails: look at the system's log (dmesg), and mount it again",
    ),
    (&[Errno::LOOP], "symbolic links lead in a circle: name the directory itself"),
    (&[Errno::EXIST], "name a file that does not exist"),
    (&[Errno::NOTDIR], "a part of the path is not a directory: correct it"),
    (&[Errno::NAMETOOLONG], "choose a shorter name"),
    (&[Errno::MFILE, Errno::NFILE], "too many files are open: raise `ulimit -n`"),
];

/// Returns every error of the file system that has a hint, for the document that lists them.
#[doc(hidden)]
pub fn file_errors() -> impl Iterator<Item = io::Error> {
    FILE_HINTS.iter().flat_map(|(codes, _)| codes.iter().map(|code| io::Error::from(*code)))
}

/// Hint for a file system error, chosen by its code.
fn file_hint(path: &Path, error: &io::Error) -> String {
    let is_of = |codes: &[Errno]| Errno::from_io_error(error).is_some_and(|code| codes.contains(&code));
    let hint = FILE_HINTS.iter().find(|(codes, _)| is_of(codes)).map(|(_, hint)| hint.replace("PATH", &shown(path)));
    hint.unwrap_or_else(|| "check the file system of the path: free space, permissions, mount options".to_owned())
}

/// Makes a path printable: control characters are escaped, so that a terminal does not obey them.
pub(super) fn shown(path: &std::path::Path) -> String {
    printable::line(&path.to_string_lossy())
}

/// Placeholder for the path of a backup whose final path is not known yet.
pub(super) const BEING_WRITTEN: &str = "the backup";

impl From<db::LoadError> for Error {
    fn from(error: db::LoadError) -> Self {
        Self::Load(Box::new(error))
    }
}

impl Error {
    /// Replaces the placeholder path by the final path, or by `stdout` if there is no file.
    pub(super) fn of_target(self, target: Option<&std::path::Path>) -> Self {
        match self {
            Self::File { path, source } if path.as_os_str() == BEING_WRITTEN => {
                Self::File { path: target.unwrap_or(std::path::Path::new("stdout")).to_owned(), source }
            }
            other => other,
        }
    }

    /// Returns a function for `map_err` that adds the path to an I/O error.
    pub(crate) fn file(path: &std::path::Path) -> impl Fn(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path: path.clone(), source }
    }

    /// Returns true if the database could not be reached at all.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Database(error) => error.is_unreachable(),
            Self::Schema(error) => error.is_unreachable(),
            _ => false,
        }
    }

    /// Error that the database returned, if it is the cause.
    pub fn database(&self) -> Option<&db::Error> {
        match self {
            Self::Database(source) | Self::Table { source, .. } | Self::Scratch(source) => Some(source),
            Self::Load(error) => Some(&error.source),
            Self::Schema(error) => error.database(),
            Self::Safety(error) => error.database(),
            _ => None,
        }
    }

    /// Hint for the operator: how to solve the problem.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotAFile { path, .. } if path.join("toc.dat").exists() => Some(
                "it is a dump in pg_dump's directory format; make a plain one: pg_dump -Fp -f FILE DATABASE".to_owned(),
            ),
            Self::NotAFile { .. } => Some("name the file itself, not a link, directory or device".to_owned()),
            Self::DanglingLink { path } => {
                Some(format!("create the directory that it leads to, or remove the link: rm '{}'", shown(path)))
            }
            Self::OpenToOthers { path, .. } => Some(format!(
                "chmod go-w '{}'; where the file system has no modes, mount it with umask=077 (dir_mode=0700)",
                shown(path)
            )),
            Self::NoAnswer { .. } => {
                Some("the file system hangs: check whether its server answers (`df` on the path hangs, too)".to_owned())
            }
            Self::Invalid { .. } => Some(
                "`authsvc verify-backup FILE` lists all reasons; `authsvc list-backups` lists other backups"
                    .to_owned(),
            ),
            Self::CostlyHashes { .. } => {
                Some("nothing was changed; clear password_hash of these rows in the source database".to_owned())
            }
            Self::Newer { .. } => Some("restore it with the program that made it, or a newer one".to_owned()),
            Self::Safety(error) => {
                let first = error.hint().unwrap_or_else(|| "correct this".to_owned());
                Some(format!("{first}; or continue without one: --no-safety-backup"))
            }
            Self::LegacyInPlace => {
                Some("adopt it with `authsvc migrate --adopt`, or restore into an empty database".to_owned())
            }
            Self::Obstacles { .. } => {
                Some("nothing was changed; follow the advice for each object, restore, and create the objects again".to_owned())
            }
            Self::Scratch(error) if error.kind() != db::DbErrorKind::PermissionDenied => error.hint(),
            Self::Scratch(_) => Some("use a role with CREATEDB: ALTER ROLE name CREATEDB".to_owned()),
            Self::ScratchUnreachable { .. } => Some(
                "a pooler such as PgBouncer does not know new databases: set DATABASE_URL to the server itself for this command; without a pooler, check pg_hba.conf"
                    .to_owned(),
            ),
            Self::Load(error) => error.source.hint(),
            Self::Unequal { .. } => {
                Some("nothing was changed; suspect a trigger or rule of the server, and report this".to_owned())
            }
            Self::Database(error) => error.hint(),
            Self::Schema(migrate::Error::Legacy) => {
                Some("make it with pg_dump, then adopt the database: `authsvc migrate --adopt`".to_owned())
            }
            Self::Schema(error) => error.hint(),
            Self::Table { source, .. } => source.hint().or_else(|| {
                Some("use a role that may read every table and is not subject to row-level security".to_owned())
            }),
            Self::Sequence { .. } => Some("GRANT SELECT on the sequence to the role of the backup".to_owned()),
            Self::SchemaChanged => Some("run the command again".to_owned()),
            Self::File { path, source } => Some(file_hint(path, source)),
            Self::NotADirectory { .. } => {
                Some("set BACKUP_DIR to a directory; it is created if it does not exist".to_owned())
            }
            Self::NotValid { .. } => Some("suspect the disk: no file was left; look at the system's log".to_owned()),
        }
    }
}
