//! Errors of commands, each with an exit code and a hint.

use std::{fmt, io};

use super::usage_error::UsageError;
use crate::auth::oauth;
use crate::maintain::CleanupError;
use crate::migrate::MigrationErrorKind;
use crate::{backup, config, db, migrate, seed};

/// Error of a command.
#[doc(hidden)]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Config(#[from] config::Error),
    #[error("{subject}: {source}")]
    Migrate { subject: Subject, source: Box<migrate::Error> },
    #[error("{subject}: {source}")]
    Seed { subject: Subject, source: Box<seed::Error> },
    #[error("{subject}: {source}")]
    Database { subject: Subject, source: db::Error },
    #[error("{subject}: {source}")]
    Backup { subject: Subject, source: Box<backup::Error> },
    #[error("{url}: {message}")]
    Service { url: String, message: String },
    #[error("{subject}: {source}")]
    Cleanup { subject: Subject, source: Box<CleanupError> },
    #[error("{signal}: stopped, {left}")]
    Interrupted { signal: &'static str, left: &'static str },
    #[error(transparent)]
    Usage(#[from] UsageError),
    #[error(transparent)]
    Oauth(#[from] oauth::Error),
    #[error("stdout: {0}")]
    Stdout(io::Error),
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Database in which an error occurred, and the role that the program has there.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct Subject {
    url: Box<str>,
    role: Option<Box<str>>,
}

impl Subject {
    /// Subject for the configured database.
    pub(super) fn of(config: &config::Config) -> Self {
        let url = &config.database_url;
        Self { url: url.to_string().into(), role: url.role().map(Into::into) }
    }

    /// Completes a hint with the role of this database.
    fn filled(&self, hint: String) -> String {
        db::Error::hint_for(&hint, self.role.as_deref())
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

impl Error {
    /// Returns a function for `map_err` that adds the database to a migration error.
    pub(super) fn migrating(config: &config::Config) -> impl Fn(migrate::Error) -> Self {
        let subject = Subject::of(config);
        move |source| Self::Migrate { subject: subject.clone(), source: Box::new(source) }
    }

    /// Returns a function for `map_err` that adds the database to a backup error.
    pub(super) fn backing_up(config: &config::Config) -> impl Fn(backup::Error) -> Self {
        let subject = Subject::of(config);
        move |source| Self::Backup { subject: subject.clone(), source: Box::new(source) }
    }

    /// Error that the database returned, if it is the cause.
    pub(super) fn database(&self) -> Option<&db::Error> {
        match self {
            Self::Migrate { source, .. } => source.database(),
            Self::Backup { source, .. } => source.database(),
            Self::Database { source, .. } => Some(source),
            Self::Cleanup { source, .. } => match source.as_ref() {
                CleanupError::Database(source) => Some(source),
                CleanupError::Backups(source) => source.database(),
                CleanupError::Schema(source) => source.database(),
                CleanupError::Busy | CleanupError::Empty | CleanupError::Pending { .. } => None,
            },
            Self::Seed { source, .. } => match source.as_ref() {
                seed::Error::Migrate(source) => source.database(),
                seed::Error::Database(source) => Some(source),
                seed::Error::Data { .. } | seed::Error::OtherAccounts { .. } => None,
            },
            Self::Config(_)
            | Self::Service { .. }
            | Self::Interrupted { .. }
            | Self::Usage(_)
            | Self::Oauth(_)
            | Self::Stdout(_)
            | Self::Io(_) => None,
        }
    }

    /// Returns true if the program itself formats the message in several lines.
    pub(super) fn has_lines(&self) -> bool {
        use migrate::Error::{Drift, NotEqual, Sql};
        let cause = match self {
            Self::Migrate { source, .. } => source.as_ref(),
            Self::Backup { source, .. } => match source.as_ref() {
                backup::Error::Schema(source) => source,
                _ => return false,
            },
            Self::Seed { source, .. } => match source.as_ref() {
                seed::Error::Migrate(source) => source,
                _ => return false,
            },
            _ => return false,
        };
        matches!(cause, Drift { .. } | NotEqual { .. } | Sql { .. })
    }

    /// Adds the reason to the error if the server refused a write.
    pub(super) async fn explained(self, config: &config::Config) -> Self {
        let refused = self.database().filter(|error| error.kind() == db::DbErrorKind::ReadOnly).cloned();
        match (self, refused) {
            (Self::Migrate { subject, source }, Some(_)) => {
                Self::Migrate { subject, source: Box::new(source.explained(&config.database_url).await) }
            }
            (_, Some(refused)) => {
                let source = refused.explained(&config.database_url).await;
                Self::Database { subject: Subject::of(config), source }
            }
            (error, None) => error,
        }
    }

    pub(super) fn exit_code(&self) -> u8 {
        if self.database().is_some_and(|error| error.kind() == db::DbErrorKind::Locked) {
            return 6;
        }
        match self {
            Self::Config(_) | Self::Usage(_) => 2,
            Self::Migrate { source, .. } => exit_code(source.kind()),
            Self::Backup { source, .. } => backup_exit_code(source),
            Self::Cleanup { source, .. } => match source.as_ref() {
                CleanupError::Busy => 6,
                CleanupError::Backups(source) => backup_exit_code(source),
                CleanupError::Schema(source) => exit_code(source.kind()),
                CleanupError::Database(_) | CleanupError::Empty | CleanupError::Pending { .. } => 1,
            },
            Self::Seed { source, .. } => match source.as_ref() {
                seed::Error::Migrate(source) => exit_code(source.kind()),
                seed::Error::OtherAccounts { .. } => 2,
                seed::Error::Database(_) | seed::Error::Data { .. } => 1,
            },
            Self::Service { .. }
            | Self::Database { .. }
            | Self::Interrupted { .. }
            | Self::Oauth(_)
            | Self::Stdout(_)
            | Self::Io(_) => 1,
        }
    }

    /// Hint for the operator: how to solve the problem.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Config(error) => Some(error.hint().to_owned()),
            Self::Migrate { subject, source } => source.hint().map(|hint| subject.filled(hint)),
            Self::Backup { subject, source } => source.hint().map(|hint| subject.filled(hint)),
            Self::Seed { subject, source } => source.hint().map(|hint| subject.filled(hint)),
            Self::Database { subject, source } => source.hint().map(|hint| subject.filled(hint)),
            Self::Usage(error) => Some(error.hint().to_owned()),
            Self::Service { .. } => {
                Some("check that the service runs, and the address (AUTHSVC_ADMIN_LISTEN)".to_owned())
            }
            Self::Cleanup { subject, source } => source.hint().map(|hint| subject.filled(hint)),
            Self::Oauth(error) => error.hint().map(str::to_owned),
            Self::Stdout(_) => {
                Some("the output is not complete, but the command has finished: check where stdout leads".to_owned())
            }
            Self::Interrupted { .. } | Self::Io(_) => None,
        }
    }
}

fn backup_exit_code(error: &backup::Error) -> u8 {
    match error {
        backup::Error::Schema(source) => exit_code(source.kind()),
        backup::Error::Safety(source) => backup_exit_code(source),
        backup::Error::Invalid { .. } | backup::Error::CostlyHashes { .. } => 3,
        backup::Error::Newer { .. } => 4,
        _ => 1,
    }
}

fn exit_code(kind: MigrationErrorKind) -> u8 {
    match kind {
        MigrationErrorKind::Failed => 1,
        MigrationErrorKind::Usage => 2,
        MigrationErrorKind::Newer => 4,
        MigrationErrorKind::Changed => 5,
        MigrationErrorKind::Lock => 6,
    }
}
