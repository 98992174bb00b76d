//! Errors of the use cases of accounts and sessions.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{oauth, vault};
use crate::db;

/// Field of a request that was rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct InvalidField {
    /// Name of the field.
    pub field: &'static str,
    /// Reason of the rejection.
    pub message: String,
}

/// Error of a use case. No message contains a password or a token.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields of the request are not valid.
    #[error("some fields are not valid")]
    Invalid(Vec<InvalidField>),
    /// Another account has a value that must be unique.
    #[error("already taken")]
    Taken(Vec<InvalidField>),
    /// The password is wrong, or the account does not exist. The answer does not distinguish these cases.
    #[error("address or password is wrong")]
    Credentials,
    /// The current password, which a change must repeat, is wrong.
    #[error("the current password is wrong")]
    CurrentPassword,
    /// Too many attempts failed.
    #[error("too many failed attempts")]
    Throttled {
        /// Time until the next attempt is allowed.
        retry_after: Duration,
    },
    /// The refresh token is unknown, expired or already used.
    #[error("the refresh token is unknown, expired or already used")]
    RefreshToken,
    /// The access token is missing or not valid.
    #[error("{0}")]
    AccessToken(&'static str),
    /// The verification token is not valid.
    #[error("the token is not valid, has expired, or is for another address")]
    VerificationToken,
    /// The verification token is valid, but the request does not prove the account.
    #[error("the token proves only the address, and the request must also prove the account")]
    VerificationProof,
    /// The session does not exist, or belongs to another account.
    #[error("the account has no such session")]
    NoSession,
    /// The account has no password, because it belongs to a provider.
    #[error("the account has no password because it belongs to {provider}")]
    NoPassword {
        /// Name of the provider.
        provider: &'static str,
    },
    /// The credentials are valid, but the account is deleted or inactive.
    #[error("the account is inactive or deleted")]
    Inactive,
    /// The login at a provider failed.
    #[error(transparent)]
    Oauth(#[from] oauth::Error),
    /// The token of a provider cannot be encrypted or decrypted.
    #[error(transparent)]
    Vault(#[from] vault::Error),
    /// Concurrent attempts may lock a counter, and did not end within the wait limit.
    #[error("too many passwords are being checked")]
    Busy,
    /// The password would be checked only after the time limit of the request.
    #[error("too many passwords are being checked")]
    QueueFull {
        /// Estimated time in which the passwords in the queue are checked.
        retry_after: Duration,
    },
    /// The database does not answer.
    #[error(transparent)]
    Database(#[from] db::Error),
    /// An operation failed that fails only because of a bug or a broken system.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    pub(super) fn throttled(until: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        Self::Throttled { retry_after: (until - now).to_std().unwrap_or_default() }
    }

    pub(super) fn internal(error: impl std::fmt::Display) -> Self {
        Self::Internal(error.to_string())
    }
}
