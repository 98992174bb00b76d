//! Why a login through a provider did not happen. Never holds a code, a token or a secret.

use std::io;

use entity::value::Provider;
use sea_orm::ActiveEnum;

use super::http::ProviderFailure;

/// A login that did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No client id is set for this provider, or it is none.
    #[error("logging in with {} is not set up", name(*.0))]
    NotConfigured(Provider),
    /// The browser sent no state, or no cookie to compare it with.
    #[error("the state of this login is missing")]
    StateMissing,
    /// The state belongs to another browser, provider or login, or was made up.
    #[error("the state does not belong to this login")]
    StateMismatch,
    /// More than ten minutes went by.
    #[error("this login took too long")]
    StateExpired,
    /// Somebody came back with it before.
    #[error("the state of this login was used before")]
    StateUsed,
    /// The account's owner said no.
    #[error("access was denied at {}", name(*.0))]
    Denied(Provider),
    /// The browser came back without a code.
    #[error("the code is missing")]
    CodeMissing,
    /// The provider does not take the code: it is made up, too old, or was used before.
    #[error("{} does not accept the code", name(*.0))]
    CodeRefused(Provider),
    /// The account has no address that the provider vouches for.
    #[error("the account at {} has no verified e-mail address", name(*.0))]
    NoVerifiedEmail(Provider),
    /// The provider is unreachable, late, or answers what it should not.
    #[error("{}: {step}: {failure}", name(*.provider))]
    Provider {
        /// Which.
        provider: Provider,
        /// What was asked of it.
        step: &'static str,
        /// What it did.
        failure: ProviderFailure,
    },
    /// The ID token does not prove what it has to.
    #[error("{}: the ID token is refused: {why}", name(*.provider))]
    IdToken {
        /// Which.
        provider: Provider,
        /// What is wrong with it.
        why: &'static str,
    },
    /// No client for HTTP can be made.
    #[error("providers cannot be asked: {0}")]
    Setup(String),
    /// No randomness.
    #[error("no state can be made: {0}")]
    Random(#[from] io::Error),
}

/// Whose fault it is, and so which status an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OauthErrorKind {
    /// There is no such way to log in: 404.
    NotFound,
    /// The browser's; beginning again may help: 400.
    Browser,
    /// Nobody's: the account's owner or the provider said no: 403.
    Refused,
    /// The provider's: 502.
    Provider,
    /// Ours: 500.
    Internal,
}

impl Error {
    /// Whose fault it is.
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

    /// What to do about it.
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
                Some("compare the client id, the secret and the redirect URI with what the provider has")
            }
            Self::Denied(_) | Self::Provider { .. } | Self::IdToken { .. } | Self::Random(_) => None,
        }
    }
}

/// For `map_err`: what was asked of a provider.
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
