//! Why a request was not granted.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{oauth, vault};
use crate::db;

/// A field that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct InvalidField {
    /// Its name.
    pub field: &'static str,
    /// What is wrong with it.
    pub message: String,
}

/// Why. No message holds a password or a token.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was sent cannot be used.
    #[error("some fields cannot be used")]
    Invalid(Vec<InvalidField>),
    /// What must be unique is another account's.
    #[error("already taken")]
    Taken(Vec<InvalidField>),
    /// Wrong password, or no such account; which of the two nobody is told.
    #[error("address or password is wrong")]
    Credentials,
    /// The password that was to be replaced is another one.
    #[error("the current password is wrong")]
    CurrentPassword,
    /// Too many failed attempts.
    #[error("too many failed attempts")]
    Throttled {
        /// When the next one may be made.
        retry_after: Duration,
    },
    /// The refresh token is of no use.
    #[error("the refresh token is unknown, expired, or was used before")]
    RefreshToken,
    /// There is no access token, or it is of no use.
    #[error("{0}")]
    AccessToken(&'static str),
    /// The token of a verification is of no use.
    #[error("the token is not one of this service, has expired, or is for another address")]
    VerificationToken,
    /// The token proves an address, and nothing proves the account.
    #[error("the token proves the address; the account is proven by one of its sessions or by its password")]
    VerificationProof,
    /// The session is not there, or is somebody else's.
    #[error("there is no such session of this account")]
    NoSession,
    /// The account is one of a provider.
    #[error("the account has no password: it is one of {provider}")]
    NoPassword {
        /// Which.
        provider: &'static str,
    },
    /// Whoever asks has proven who they are, but the account is deleted or switched off.
    #[error("the account cannot be used any more")]
    Inactive,
    /// A provider did not prove who somebody is.
    #[error(transparent)]
    Oauth(#[from] oauth::Error),
    /// A provider's token cannot be encrypted or decrypted.
    #[error(transparent)]
    Vault(#[from] vault::Error),
    /// More passwords are to be checked than this process can.
    #[error("too many passwords are being checked")]
    Busy,
    /// A password would be checked only after the request's time.
    #[error("too many passwords are being checked")]
    QueueFull {
        /// When the passwords that wait now will have been checked.
        retry_after: Duration,
    },
    /// The database gave no answer.
    #[error(transparent)]
    Database(#[from] db::Error),
    /// Something that does not fail failed.
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
