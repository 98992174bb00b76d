//! Problem documents for failed logins through providers. Details that only an operator can fix are logged, not sent.

use axum::http::StatusCode;

use crate::auth::oauth::{Error, OauthErrorKind};
use crate::http::problem::Problem;

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let (hint, detail) = (error.hint(), error.to_string());
        match error.kind() {
            OauthErrorKind::NotFound => Self::new(StatusCode::NOT_FOUND, "no_provider", detail),
            OauthErrorKind::Browser => Self::new(StatusCode::BAD_REQUEST, code(&error), detail).hinting(hint),
            OauthErrorKind::Refused => Self::new(StatusCode::FORBIDDEN, code(&error), detail).hinting(hint),
            OauthErrorKind::Provider => {
                tracing::warn!(hint, "a login failed: {detail}");
                Self::new(StatusCode::BAD_GATEWAY, "provider", "no valid answer from the provider")
            }
            OauthErrorKind::Internal => {
                tracing::error!(hint, "a request failed: {detail}");
                Self::internal()
            }
        }
    }
}

fn code(error: &Error) -> &'static str {
    match error {
        Error::StateMissing => "state_missing",
        Error::StateMismatch => "state_mismatch",
        Error::StateExpired => "state_expired",
        Error::StateUsed => "state_used",
        Error::CodeMissing => "code_missing",
        Error::CodeRefused(_) => "code_refused",
        Error::Denied(_) => "denied",
        Error::NoVerifiedEmail(_) => "no_verified_email",
        Error::NotConfigured(_)
        | Error::Provider { .. }
        | Error::IdToken { .. }
        | Error::Setup(_)
        | Error::Random(_) => "oauth",
    }
}
