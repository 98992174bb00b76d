//! Errors of a login through a provider. No message contains a code, a token or a secret.

use std::io;

use entity::value::Provider;
use sea_orm::ActiveEnum;

use super::failure::ProviderFailure;

/// Error of a login through a provider.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The provider is not configured, or the name is not one of an OAuth provider.
    #[error("login with {} is not configured", name(*.0))]
    NotConfigured(Provider),
    /// The browser sent no state, or no cookie to compare it with.
    #[error("the state of this login is missing")]
    StateMissing,
    /// The state belongs to another browser, provider or login, or is forged.
    #[error("the state does not belong to this login")]
    StateMismatch,
    /// More than ten minutes passed since the login began.
    #[error("this login has expired")]
    StateExpired,
    /// The state was already used.
    #[error("the state of this login was already used")]
    StateUsed,
    /// The user denied access at the provider.
    #[error("access was denied at {}", name(*.0))]
    Denied(Provider),
    /// The browser returned without a code.
    #[error("the code is missing")]
    CodeMissing,
    /// The provider refuses the code because it is forged, expired or already used.
    #[error("{} refused the code", name(*.0))]
    CodeRefused(Provider),
    /// The account at the provider has no verified e-mail address.
    #[error("the account at {} has no verified e-mail address", name(*.0))]
    NoVerifiedEmail(Provider),
    /// The provider is unreachable, exceeds the time limit, or sends an unexpected answer.
    #[error("{}: {step}: {failure}", name(*.provider))]
    Provider {
        /// Provider at which the step failed.
        provider: Provider,
        /// Step that failed, as a phrase for the message.
        step: &'static str,
        /// Kind of the failure.
        failure: ProviderFailure,
    },
    /// The ID token is not valid.
    #[error("{}: the ID token is refused: {why}", name(*.provider))]
    IdToken {
        /// Provider that issued the token.
        provider: Provider,
        /// Reason for which the token is not valid, as a clause.
        why: &'static str,
    },
    /// The HTTP client cannot be created.
    #[error("cannot create the client for providers: {0}")]
    Setup(String),
    /// The system has no randomness for a state.
    #[error("cannot create a state: {0}")]
    Random(#[from] io::Error),
}

/// Party that caused an error, which determines the HTTP status of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OauthErrorKind {
    /// The login method does not exist: status 404.
    NotFound,
    /// The browser sent invalid parameters, and a new login may succeed: status 400.
    Browser,
    /// The user or the provider denied the login: status 403.
    Refused,
    /// The provider failed: status 502.
    Provider,
    /// This service failed: status 500.
    Internal,
}

impl Error {
    /// Returns the party that caused the error.
    pub fn kind(&self) -> OauthErrorKind {
        match self {
            Self::NotConfigured(_) => OauthErrorKind::NotFound,
            Self::StateMissing
            | Self::StateMismatch
            | Self::StateExpired
            | Self::StateUsed
            | Self::CodeMissing
            | Self::CodeRefused(_) => OauthErrorKind::Browser,
            Self::Denied(_) | Self::NoVerifiedEmail(_) => OauthErrorKind::Refused,
            Self::Provider { .. } | Self::IdToken { .. } => OauthErrorKind::Provider,
            Self::Setup(_) | Self::Random(_) => OauthErrorKind::Internal,
        }
    }

    /// Returns an instruction for the user or the operator, if there is one.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotConfigured(_) => Some("set the client id and secret of this provider"),
            Self::StateMissing
            | Self::StateMismatch
            | Self::StateExpired
            | Self::StateUsed
            | Self::CodeMissing
            | Self::CodeRefused(_) => Some("begin the login again, in the same browser and with cookies allowed"),
            Self::NoVerifiedEmail(_) => Some("verify an address at the provider, then begin the login again"),
            Self::Setup(_) => Some("install the system's CA certificates, or name a file of them in SSL_CERT_FILE"),
            Self::Provider { failure: ProviderFailure::Refused(_), .. } => {
                Some("compare the client id, the secret and the redirect URI with the registration at the provider")
            }
            Self::Denied(_) | Self::Provider { .. } | Self::IdToken { .. } | Self::Random(_) => None,
        }
    }
}

/// Converts the failure of a step into an error, for `map_err`.
pub(super) fn at(provider: Provider, step: &'static str) -> impl FnOnce(ProviderFailure) -> Error {
    move |failure| Error::Provider { provider, step, failure }
}

fn name(provider: Provider) -> String {
    match provider {
        Provider::Google => "Google".to_owned(),
        Provider::Github => "GitHub".to_owned(),
        Provider::Email => provider.to_value(),
    }
}
