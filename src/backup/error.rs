//! Why there is no backup.

use std::io;
use std::path::PathBuf;

use crate::{db, migrate};

/// A failure to make or read a backup. No file is left under a final name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database could not be reached or read.
    #[error(transparent)]
    Database(#[from] db::Error),
    /// The database is none that can be backed up.
    #[error(transparent)]
    Schema(#[from] migrate::Error),
    /// Reading a table failed.
    #[error("reading `{table}`: {source}")]
    Table {
        /// Its name.
        table: String,
        /// What the database said.
        source: db::Error,
    },
    /// The role may not read a sequence, whose value would be wrong.
    #[error("the sequence `{sequence}` cannot be read")]
    Sequence {
        /// Its name.
        sequence: String,
    },
    /// A migration ran between reading the schema and reading the rows.
    #[error("the schema changed while the backup began")]
    SchemaChanged,
    /// A file or directory.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The directory for backups is something else.
    #[error("{} is not a directory", path.display())]
    NotADirectory {
        /// What is there.
        path: PathBuf,
    },
    /// The file that was just written does not read back.
    #[error("the backup does not validate: {}", reasons.join("; "))]
    NotValid {
        /// Every reason.
        reasons: Vec<String>,
    },
}

impl Error {
    /// For `map_err`: the file it happened to.
    pub(crate) fn file(path: &std::path::Path) -> impl Fn(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path: path.clone(), source }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Database(error) => error.hint().map(str::to_owned),
            Self::Schema(migrate::Error::Earlier) => {
                Some("take it with pg_dump, then adopt the database: `authsvc migrate --adopt`".to_owned())
            }
            Self::Schema(error) => error.hint(),
            Self::Table { source, .. } => source.hint().map(str::to_owned).or_else(|| {
                Some("use a role that may read every table and is not subject to row-level security".to_owned())
            }),
            Self::Sequence { .. } => Some("GRANT SELECT on the sequence to the role of the backup".to_owned()),
            Self::SchemaChanged => Some("run `authsvc backup` again".to_owned()),
            Self::File { .. } => Some("check free space and permissions of the directory".to_owned()),
            Self::NotADirectory { .. } => {
                Some("set BACKUP_DIR to a directory; it is created if it is not there".to_owned())
            }
            Self::NotValid { .. } => Some("suspect the disk: no file was left; look at the system's log".to_owned()),
        }
    }
}
