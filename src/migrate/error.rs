//! Errors of migration, rollback and adoption, with their hints.

use std::time::Duration;

use super::catalogue::Difference;
use crate::db;
use crate::printable::line;

/// Refusal or failure of a migration. The database is unchanged unless the variant states otherwise.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database could not be reached or read.
    #[error(transparent)]
    Database(#[from] db::Error),
    /// SQL of a migration failed.
    #[error("{file}:{line}: {}\n  in `{excerpt}`", self::line(&source.to_string()))]
    Sql {
        /// Path of the file.
        file: &'static str,
        /// Line of the statement in the file.
        line: usize,
        /// First line of the statement.
        excerpt: String,
        /// Extent of the rollback.
        scope: FailureScope,
        /// Error that the server returned.
        source: Box<db::Error>,
    },
    /// After the migration, rows refer to rows that do not exist (SQLite).
    #[error("{file}: the migration leaves {count} rows of `{table}` pointing to rows that do not exist")]
    ForeignKeys {
        /// Path of the last file that ran.
        file: &'static str,
        /// Table of the referring rows.
        table: String,
        /// Number of foreign key violations.
        count: usize,
    },
    /// The ledger has migrations that this program does not know.
    #[error("the database is newer than this program: it has {}", names.join(", "))]
    Newer {
        /// Names of the unknown migrations.
        names: Vec<String>,
    },
    /// The SQL of an applied migration differs from the SQL that was applied.
    #[error("applied migrations were changed: {}", names.join(", "))]
    Changed {
        /// Names of the changed migrations.
        names: Vec<String>,
    },
    /// A migration is pending although a later one is applied.
    #[error("{pending} is not applied, but the later {applied} is")]
    OutOfOrder {
        /// Name of the pending migration.
        pending: String,
        /// Name of the newest applied migration.
        applied: String,
    },
    /// The database belongs to the legacy manager and was not adopted.
    #[error("the database belongs to the legacy manager (it has the table migration_records)")]
    Legacy,
    /// The encoding of a new database is not UTF8.
    #[error("the database has the encoding {encoding}; authsvc needs UTF8")]
    Encoding {
        /// Encoding, as the server names it.
        encoding: String,
    },
    /// The database has no tables.
    #[error("the database is empty")]
    Empty,
    /// The database has tables but no migration history.
    #[error("the database has tables but no migration history: {}", shorten(tables))]
    UnknownTables {
        /// Names of the tables.
        tables: Vec<String>,
    },
    /// The database has nothing that could be adopted.
    #[error("there is nothing to adopt: {found}")]
    NothingToAdopt {
        /// State of the database instead.
        found: &'static str,
    },
    /// The schema differs from the one that would be recorded as applied.
    #[error("the schema differs from what {name} makes, in {} places:{}", differences.len(), list(differences))]
    NotEqual {
        /// Newest migration that would be recorded.
        name: &'static str,
        /// All differences from the expected schema.
        differences: Vec<Difference>,
    },
    /// An adoption would leave tables and sequences with several owners.
    #[error("these objects do not belong to `{role}`, the role that would run the migration: {}", shorten(objects))]
    OtherOwners {
        /// Role that would run the migration. It is the history's owner if the current role may act as that owner.
        role: String,
        /// Objects with their owners, for example `table users of owner`.
        objects: Vec<String>,
    },
    /// The live schema differs from what the applied migrations made.
    #[error("the schema has drifted from what {name} made, in {} places:{}", differences.len(), list(differences))]
    Drift {
        /// Name of the newest applied migration.
        name: String,
        /// All differences from the expected schema.
        differences: Vec<Difference>,
    },
    /// Timed out waiting for another migrator or for a table lock.
    #[error("{what} for {}", humantime::format_duration(*waited))]
    LockTimeout {
        /// Reason for waiting, as the start of the message.
        what: &'static str,
        /// Duration of the wait.
        waited: Duration,
    },
    /// No migration has this number.
    #[error("there is no migration {number:03}")]
    NoSuchMigration {
        /// Number of the requested migration.
        number: u32,
        /// Numbers of all migrations, separated by commas.
        known: String,
    },
    /// The target of `--to` is in the wrong direction.
    #[error("{asked} is {relation} the newest applied migration, {applied}")]
    WrongDirection {
        /// Name of the requested migration.
        asked: String,
        /// Position relative to the newest applied migration: `below` or `above`.
        relation: &'static str,
        /// Name of the newest applied migration.
        applied: String,
    },
    /// More rollback steps were requested than migrations are applied.
    #[error("{asked} steps are more than the applied migrations: {applied}")]
    TooManySteps {
        /// Number of steps that were requested.
        asked: usize,
        /// Number of applied migrations.
        applied: usize,
    },
    /// A migration that would be undone is irreversible.
    #[error("{name} cannot be undone")]
    Irreversible {
        /// Name of the migration.
        name: &'static str,
    },
}

/// Message of [`Error::LockTimeout`] for the lock of a SQLite file.
pub(super) const SQLITE_LOCK: &str = "another program writes to the SQLite file and held its lock";

/// Extent of the rollback after a failed statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureScope {
    /// The whole migration was rolled back.
    Migration,
    /// Only the statement was undone, because the migration runs outside a transaction.
    Statement,
}

/// Kind of an error. Each kind has its own exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationErrorKind {
    /// The migration failed or was refused.
    Failed,
    /// The command line was wrong.
    Usage,
    /// The database is newer than this program.
    Newer,
    /// An applied migration was changed.
    Changed,
    /// Timed out waiting for a lock.
    Lock,
}

impl Error {
    /// Kind of the error, which decides the exit code.
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

    /// Hint for the operator: how to solve the problem.
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
                "the steps before are kept; correct the cause and run `authsvc migrate` again, which continues from there"
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
            Self::Legacy => "adopt it, which keeps every row: make a backup, then run `authsvc migrate --adopt`",
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

    /// Error that the database returned, if it is the cause.
    pub fn database(&self) -> Option<&db::Error> {
        match self {
            Self::Database(source) => Some(source),
            Self::Sql { source, .. } => Some(source),
            _ => None,
        }
    }

    /// Adds the reason to the error if the server refused a write.
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

    /// Returns true if the migration was refused before anything began.
    pub fn is_refusal(&self) -> bool {
        !matches!(self, Self::Database(_) | Self::Sql { .. } | Self::ForeignKeys { .. } | Self::LockTimeout { .. })
    }

    /// Returns true if the database could not be reached.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Database(error) if error.is_unreachable())
    }

    /// Returns true if a retry can help.
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
