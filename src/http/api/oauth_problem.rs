//! Problem documents for failed logins through providers. Details that only an operator can fix are logged, not sent.

use axum::http::StatusCode;

use crate::auth::oauth::{Error, OauthErrorKind};
use crate::http::problem::Problem;
use crate::http::problem_code::ProblemCode;

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let (code, hint, detail) = (code(&error), error.hint(), error.to_string());
        match error.kind() {
            OauthErrorKind::NotFound => Self::new(StatusCode::NOT_FOUND, code, detail),
            OauthErrorKind::Browser => Self::new(StatusCode::BAD_REQUEST, code, detail).hinting(hint),
            OauthErrorKind::Refused => Self::new(StatusCode::FORBIDDEN, code, detail).hinting(hint),
            OauthErrorKind::Provider => {
                tracing::warn!(hint, "a login failed: {detail}");
                Self::new(StatusCode::BAD_GATEWAY, code, "no valid answer from the provider")
            }
            OauthErrorKind::Internal => {
                tracing::error!(hint, "a request failed: {detail}");
                Self::internal()
            }
        }
    }
}

fn code(error: &Error) -> ProblemCode {
    match error {
        Error::NotConfigured(_) => ProblemCode::NoProvider,
        Error::StateMissing => ProblemCode::StateMissing,
        Error::StateMismatch => ProblemCode::StateMismatch,
        Error::StateExpired => ProblemCode::StateExpired,
        Error::StateUsed => ProblemCode::StateUsed,
        Error::CodeMissing => ProblemCode::CodeMissing,
        Error::CodeRefused(_) => ProblemCode::CodeRefused,
        Error::Denied(_) => ProblemCode::Denied,
        Error::NoVerifiedEmail(_) => ProblemCode::NoVerifiedEmail,
        Error::Provider { .. } | Error::IdToken { .. } => ProblemCode::Provider,
        Error::Setup(_) | Error::Random(_) => ProblemCode::Internal,
    }
}
