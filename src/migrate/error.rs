//! Why a migration, rollback or adoption did not happen.

use std::time::Duration;

use super::catalogue::Difference;
use crate::db;
use crate::printable::line;

/// A refusal or a failure. Unless it says otherwise, the database is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database could not be reached or read.
    #[error(transparent)]
    Database(#[from] db::Error),
    /// SQL of a migration failed.
    #[error("{file}:{line}: {}\n  in `{excerpt}`", self::line(&source.to_string()))]
    Sql {
        /// Path of the file.
        file: &'static str,
        /// Line of the statement.
        line: usize,
        /// First line of the statement.
        excerpt: String,
        /// What was rolled back.
        scope: FailureScope,
        /// What the server said.
        source: Box<db::Error>,
    },
    /// Rows point to rows that are not there after the migration (SQLite).
    #[error("{file}: the migration leaves {count} rows of `{table}` pointing to rows that do not exist")]
    ForeignKeys {
        /// Path of the last file.
        file: &'static str,
        /// Table of the pointing rows.
        table: String,
        /// How many.
        count: usize,
    },
    /// The ledger has migrations this program does not know.
    #[error("the database is newer than this program: it has {}", names.join(", "))]
    Newer {
        /// The unknown migrations.
        names: Vec<String>,
    },
    /// The SQL of an applied migration is not what was applied.
    #[error("applied migrations were changed: {}", names.join(", "))]
    Changed {
        /// The changed migrations.
        names: Vec<String>,
    },
    /// A migration is pending below one that is applied.
    #[error("{pending} is not applied, but the later {applied} is")]
    OutOfOrder {
        /// The pending one.
        pending: String,
        /// The newest applied one.
        applied: String,
    },
    /// The database of the earlier manager.
    #[error("the database belongs to the earlier manager (it has the table migration_records)")]
    Legacy,
    /// A new database whose encoding is not UTF8.
    #[error("the database has the encoding {encoding}; authsvc needs UTF8")]
    Encoding {
        /// As the server names it.
        encoding: String,
    },
    /// No tables.
    #[error("the database is empty")]
    Empty,
    /// Tables, but no history.
    #[error("the database has tables but no migration history: {}", shorten(tables))]
    UnknownTables {
        /// Their names.
        tables: Vec<String>,
    },
    /// Nothing there that could be taken over.
    #[error("there is nothing to adopt: {found}")]
    NothingToAdopt {
        /// What is there instead.
        found: &'static str,
    },
    /// The schema is not the one that is to be recorded as applied.
    #[error("the schema differs from what {name} makes, in {} places:{}", differences.len(), list(differences))]
    NotEqual {
        /// The migration compared with.
        name: &'static str,
        /// Every difference.
        differences: Vec<Difference>,
    },
    /// A takeover would leave tables and sequences with several owners.
    #[error("these objects do not belong to `{role}`, as which the migration would run: {}", shorten(objects))]
    OtherOwners {
        /// The role as which it would run: the owner of the history where the current role may act as that one.
        role: String,
        /// `table users of owner`
        objects: Vec<String>,
    },
    /// The live schema is not what the applied migrations made.
    #[error("the schema has drifted from what {name} made, in {} places:{}", differences.len(), list(differences))]
    Drift {
        /// The newest applied migration.
        name: String,
        /// Every difference.
        differences: Vec<Difference>,
    },
    /// Another program migrates, or a table stayed locked.
    #[error("{what} for {}", humantime::format_duration(*waited))]
    LockTimeout {
        /// Which lock.
        what: &'static str,
        /// How long was waited.
        waited: Duration,
    },
    /// No migration has this number.
    #[error("there is no migration {number:03}")]
    NoSuchMigration {
        /// The number asked for.
        number: u32,
        /// The numbers there are.
        known: String,
    },
    /// `--to` points the other way.
    #[error("{asked} is {relation} the newest applied migration, {applied}")]
    WrongDirection {
        /// The migration asked for.
        asked: String,
        /// `below` or `above`.
        relation: &'static str,
        /// The newest applied one.
        applied: String,
    },
    /// More steps down than migrations are applied.
    #[error("{asked} steps are more than the applied migrations: {applied}")]
    TooManySteps {
        /// The number of steps asked for.
        asked: usize,
        /// The number of applied migrations.
        applied: usize,
    },
    /// A migration on the way down cannot be undone.
    #[error("{name} cannot be undone")]
    Irreversible {
        /// Its name.
        name: &'static str,
    },
}

/// The lock of a SQLite file, in [`Error::LockTimeout`].
pub(super) const SQLITE_LOCK: &str = "another program writes to the SQLite file and held its lock";

/// What a failed statement of a migration took with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureScope {
    /// The whole migration was rolled back.
    Migration,
    /// Only the statement: the migration runs outside a transaction.
    Statement,
}

/// What kind of outcome an error is: one exit code each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationErrorKind {
    /// It failed, or was refused.
    Failed,
    /// It was asked wrongly.
    Usage,
    /// The database is newer than this program.
    Newer,
    /// An applied migration was changed.
    Changed,
    /// A lock was not got in time.
    Lock,
}

impl Error {
    /// The kind of outcome.
    pub fn kind(&self) -> MigrationErrorKind {
        match self {
            Self::Newer { .. } => MigrationErrorKind::Newer,
            Self::Changed { .. } => MigrationErrorKind::Changed,
            Self::LockTimeout { .. } => MigrationErrorKind::Lock,
            _ if self.database().is_some_and(|error| error.kind() == db::DbErrorKind::Locked) => {
                MigrationErrorKind::Lock
            }
            Self::NoSuchMigration { .. } | Self::WrongDirection { .. } | Self::TooManySteps { .. } => {
                MigrationErrorKind::Usage
            }
            _ => MigrationErrorKind::Failed,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Database(error) => return error.hint(),
            Self::Sql { source, .. } if source.kind() == db::DbErrorKind::PermissionDenied => {
                let grant = source.hint().unwrap_or_default();
                return Some(format!("run `authsvc migrate` once with a role that may change the schema; {grant}"));
            }
            Self::Sql { source, .. }
                if !matches!(source.kind(), db::DbErrorKind::Refused | db::DbErrorKind::UndefinedTable) =>
            {
                return source.hint();
            }
            Self::Sql { scope: FailureScope::Statement, .. } => {
                "what this migration did before is kept; correct the cause and run `authsvc migrate` again, which goes on from there"
            }
            Self::Sql { .. } => {
                "nothing of this migration was applied; correct the cause and run `authsvc migrate` again"
            }
            Self::ForeignKeys { .. } => "nothing was applied; correct the rows and run `authsvc migrate` again",
            Self::Newer { .. } => "deploy the program that made these migrations, or restore a backup from before them",
            Self::Changed { .. } => {
                "put the files back as they were when they were applied, and make the change a new migration"
            }
            Self::OutOfOrder { .. } => "give the pending migration a number above every applied one",
            Self::Legacy => "take it over, keeping every row: take a backup, then run `authsvc migrate --adopt`",
            Self::OtherOwners { .. } => {
                "nothing was changed; where owners differ, give all of them to one role first (ALTER TABLE ... OWNER TO); then run it as that role"
            }
            Self::Encoding { .. } => {
                "nothing was changed; create it with CREATE DATABASE ... TEMPLATE template0 ENCODING 'UTF8'"
            }
            Self::Empty => "run `authsvc migrate`",
            Self::UnknownTables { .. } => {
                "use an empty database, or, if these are this program's tables, `authsvc migrate --baseline NNN`"
            }
            Self::NothingToAdopt { .. } => {
                "check DATABASE_URL, or run `authsvc migrate` without --adopt and --baseline"
            }
            Self::NotEqual { .. } => "nothing was changed; bring the schema into line by hand, then run it again",
            Self::Drift { .. } => {
                "nothing was changed; undo the change made by hand, or see `authsvc status` for the whole picture"
            }
            Self::LockTimeout { what: SQLITE_LOCK, .. } => {
                "another process writes to the SQLite file, or its disk hangs: find it (fuser FILE) and let it end, then run it again"
            }
            Self::LockTimeout { .. } => {
                "look for the other migrator or the long transaction in pg_stat_activity, then run it again"
            }
            Self::NoSuchMigration { known, .. } => return Some(format!("there are {known}")),
            Self::WrongDirection { relation: "below", .. } => "go down with `authsvc rollback --to NNN`",
            Self::WrongDirection { .. } => "go up with `authsvc migrate --to NNN`",
            Self::TooManySteps { .. } => {
                "nothing was changed; give a smaller number, or undo everything with `authsvc rollback --to 0`"
            }
            Self::Irreversible { .. } => "restore a backup from before it",
        };
        Some(hint.to_owned())
    }

    /// What the database said, where that is the cause.
    pub fn database(&self) -> Option<&db::Error> {
        match self {
            Self::Database(source) => Some(source),
            Self::Sql { source, .. } => Some(source),
            _ => None,
        }
    }

    /// The same failure; where the server refused a write, with the reason for that.
    #[must_use]
    pub async fn explained(self, url: &db::DatabaseUrl) -> Self {
        match self {
            Self::Database(source) => Self::Database(source.explained(url).await),
            Self::Sql { file, line, excerpt, source, scope } => {
                Self::Sql { file, line, excerpt, scope, source: Box::new(source.explained(url).await) }
            }
            other => other,
        }
    }

    /// Whether it was refused before anything began.
    pub fn is_refusal(&self) -> bool {
        !matches!(self, Self::Database(_) | Self::Sql { .. } | Self::ForeignKeys { .. } | Self::LockTimeout { .. })
    }

    /// Whether the database could not be spoken with.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Database(error) if error.is_unreachable())
    }

    /// Whether trying again can help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database(error) => error.is_transient(),
            _ => false,
        }
    }
}

impl From<sea_orm::DbErr> for Error {
    fn from(error: sea_orm::DbErr) -> Self {
        Self::Database(error.into())
    }
}

fn shorten(names: &[String]) -> String {
    const SHOWN: usize = 8;
    match names.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{} and {more} more", names[..SHOWN].join(", ")),
        _ => names.join(", "),
    }
}

fn list(differences: &[Difference]) -> String {
    differences.iter().map(|difference| format!("\n  {}", line(&difference.to_string()))).collect()
}
