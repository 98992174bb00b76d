//! Errors of command lines that the parser accepts and the command refuses, with their hints. The exit code is 2.

use std::path::PathBuf;

use crate::config::Environment;

/// Reason for which a command refuses its arguments or its environment. Nothing was changed.
#[doc(hidden)]
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// The command needs a confirmation, and stdin or stderr is no terminal.
    #[error("this is destructive and there is no terminal to ask at")]
    NoTerminal,
    /// The operator did not confirm.
    #[error("not confirmed; nothing was changed")]
    NotConfirmed,
    /// The file for a backup exists.
    #[error("{} exists already", .0.display())]
    FileExists(PathBuf),
    /// Backup and report would both be written to stdout.
    #[error("stdout cannot be both the backup and a JSON document")]
    StdoutTwice,
    /// Development data is refused in production and staging.
    #[error("the environment is {0}: development data does not belong there")]
    SeedEnvironment(Environment),
    /// The database to seed, as a redacted URL, has pending migrations.
    #[error("{0}: the schema is not up to date")]
    SeedSchema(String),
    /// A rollback of 0 steps.
    #[error("0 steps undo nothing")]
    NoSteps,
    /// `--quick-check` on PostgreSQL.
    #[error("--quick-check is for SQLite, and this database is PostgreSQL")]
    QuickCheckOnPostgres,
}

impl UsageError {
    /// Hint for the operator: how to solve the problem.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoTerminal => "add --yes to confirm",
            Self::NotConfirmed => "answer `y`, or add --yes",
            Self::FileExists(_) => "name a file that does not exist",
            Self::StdoutTwice => "omit --json",
            Self::SeedEnvironment(_) => "set AUTHSVC_ENV=development if this database is one for development",
            Self::SeedSchema(_) => "run `authsvc migrate` first",
            Self::NoSteps => "give the number of migrations to undo",
            Self::QuickCheckOnPostgres => "omit it; pg_amcheck and data checksums do this for PostgreSQL",
        }
    }
}
