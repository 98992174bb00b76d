//! What went wrong, with its exit code and what to do. One kind, one code.

use std::io;

use crate::auth::oauth;
use crate::maintain::CleanupError;
use crate::migrate::Kind;
use crate::{backup, config, db, migrate, seed};

/// A command's failure.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Config(#[from] config::Error),
    #[error("{subject}: {source}")]
    Migrate { subject: String, source: Box<migrate::Error> },
    #[error("{subject}: {source}")]
    Seed { subject: String, source: Box<seed::Error> },
    #[error("{subject}: {source}")]
    Database { subject: String, source: db::Error },
    #[error("{subject}: {source}")]
    Backup { subject: String, source: Box<backup::Error> },
    #[error("{url}: {message}")]
    Service { url: String, message: String },
    #[error("{subject}: {source}")]
    Cleanup { subject: String, source: Box<CleanupError> },
    #[error("{signal}: stopped, {left}")]
    Interrupted { signal: &'static str, left: &'static str },
    #[error("{message}")]
    Usage { message: String, hint: String },
    #[error(transparent)]
    Oauth(#[from] oauth::Error),
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl Error {
    pub(super) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), hint: hint.into() }
    }

    /// For `map_err`: the database that it happened to.
    pub(super) fn migrating(config: &config::Config) -> impl Fn(migrate::Error) -> Self {
        let subject = config.database_url.to_string();
        move |source| Self::Migrate { subject: subject.clone(), source: Box::new(source) }
    }

    /// The same for a backup.
    pub(super) fn backing_up(config: &config::Config) -> impl Fn(backup::Error) -> Self {
        let subject = config.database_url.to_string();
        move |source| Self::Backup { subject: subject.clone(), source: Box::new(source) }
    }

    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Usage { .. } => 2,
            Self::Migrate { source, .. } => exit_code(source.kind()),
            Self::Backup { source, .. } => backup_exit_code(source),
            Self::Cleanup { source, .. } => match source.as_ref() {
                CleanupError::Busy => 6,
                CleanupError::Backups(source) => backup_exit_code(source),
                CleanupError::Database(_) | CleanupError::Empty | CleanupError::Pending { .. } => 1,
            },
            Self::Seed { source, .. } => match source.as_ref() {
                seed::Error::Migrate(source) => exit_code(source.kind()),
                _ => 1,
            },
            Self::Service { .. } | Self::Database { .. } | Self::Interrupted { .. } | Self::Oauth(_) | Self::Io(_) => 1,
        }
    }

    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Self::Config(error) => Some(error.hint().to_owned()),
            Self::Migrate { source, .. } => source.hint(),
            Self::Backup { source, .. } => source.hint(),
            Self::Seed { source, .. } => match source.as_ref() {
                seed::Error::Migrate(source) => source.hint(),
                seed::Error::Database(source) => source.hint().map(str::to_owned),
                seed::Error::Data { .. } => None,
            },
            Self::Database { source, .. } => source.hint().map(str::to_owned),
            Self::Usage { hint, .. } => Some(hint.clone()),
            Self::Service { .. } => {
                Some("check that the service runs, and the address (AUTHSVC_ADMIN_LISTEN)".to_owned())
            }
            Self::Cleanup { source, .. } => source.hint(),
            Self::Oauth(error) => error.hint().map(str::to_owned),
            Self::Interrupted { .. } | Self::Io(_) => None,
        }
    }
}

fn backup_exit_code(error: &backup::Error) -> u8 {
    match error {
        backup::Error::Schema(source) => exit_code(source.kind()),
        backup::Error::Safety(source) => backup_exit_code(source),
        backup::Error::Database(source) if source.kind() == db::Kind::Locked => 6,
        backup::Error::Invalid { .. } => 3,
        backup::Error::Newer { .. } => 4,
        _ => 1,
    }
}

fn exit_code(kind: Kind) -> u8 {
    match kind {
        Kind::Failed => 1,
        Kind::Usage => 2,
        Kind::Newer => 4,
        Kind::Changed => 5,
        Kind::Lock => 6,
    }
}
