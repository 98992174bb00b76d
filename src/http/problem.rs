//! Errors of both listeners as problem documents (RFC 9457).

use std::any::Any;
use std::time::Duration;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::problem_code::ProblemCode;
use crate::auth::{Error, InvalidField};

/// Problem document: an error, as clients receive it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Problem {
    /// Always `about:blank`: the title is the title of the status.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Title of the HTTP status.
    title: &'static str,
    /// HTTP status of the answer.
    #[schema(value_type = u16, example = 401)]
    status: u16,
    /// Code of the error, for programs.
    #[schema(example = "credentials")]
    code: &'static str,
    /// Description of the error, for people.
    #[schema(value_type = String)]
    detail: Box<str>,
    /// Instruction for the user, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'static str>,
    /// Fields that are not valid or already taken.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<InvalidField>)]
    errors: Box<[InvalidField]>,
    #[serde(skip)]
    retry_after: Option<Duration>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: ProblemCode, detail: impl Into<Box<str>>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code: code.text(),
            detail: detail.into(),
            hint: None,
            errors: Box::default(),
            retry_after: None,
        }
    }

    /// Builds the problem of a service that does not accept this request now (503).
    pub(super) fn closed(why: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, ProblemCode::Unavailable, why).later(Duration::from_secs(5))
    }

    /// Builds the problem of a client above its rate limit (429).
    pub(super) fn too_often(retry_after: Duration) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, ProblemCode::RateLimited, "too many requests").later(retry_after)
    }

    /// Builds the problem of a failure that the client cannot fix (500).
    pub(super) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            ProblemCode::Internal,
            "this request failed. The log contains the reason",
        )
    }

    pub(super) fn hinting(mut self, hint: Option<&'static str>) -> Self {
        self.hint = hint;
        self
    }

    fn later(mut self, retry_after: Duration) -> Self {
        self.retry_after = Some(retry_after);
        self
    }

    fn about(mut self, errors: Vec<InvalidField>) -> Self {
        self.errors = errors.into();
        self
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::Invalid(fields) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, ProblemCode::Invalid, detail).about(fields)
            }
            Error::Taken(fields) => Self::new(StatusCode::CONFLICT, ProblemCode::Taken, detail).about(fields),
            Error::Credentials => Self::new(StatusCode::UNAUTHORIZED, ProblemCode::Credentials, detail),
            Error::CurrentPassword => Self::new(StatusCode::FORBIDDEN, ProblemCode::CurrentPassword, detail),
            Error::Throttled { retry_after } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, ProblemCode::Throttled, detail).later(retry_after)
            }
            Error::RefreshToken => Self::new(StatusCode::UNAUTHORIZED, ProblemCode::RefreshToken, detail),
            Error::AccessToken(_) => Self::new(StatusCode::UNAUTHORIZED, ProblemCode::AccessToken, detail),
            Error::VerificationToken => Self::new(StatusCode::BAD_REQUEST, ProblemCode::VerificationToken, detail),
            Error::NoSession => Self::new(StatusCode::NOT_FOUND, ProblemCode::NoSession, detail),
            Error::NoPassword { .. } => Self::new(StatusCode::CONFLICT, ProblemCode::NoPassword, detail),
            Error::Busy => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, ProblemCode::Busy, detail).later(Duration::from_secs(1))
            }
            Error::QueueFull { retry_after } => Self::new(StatusCode::SERVICE_UNAVAILABLE, ProblemCode::Busy, detail)
                .later(retry_after.max(Duration::from_secs(1))),
            Error::Database(error) if error.is_transient() => {
                tracing::warn!("a request failed: {error}");
                Self::closed("the database does not answer")
            }
            Error::VerificationProof => Self::new(StatusCode::UNAUTHORIZED, ProblemCode::VerificationProof, detail)
                .hinting(Some("log in to the account and send its access token, or send `password` with the token")),
            Error::Inactive => Self::new(StatusCode::FORBIDDEN, ProblemCode::Inactive, detail),
            Error::Oauth(error) => error.into(),
            Error::Database(error) => {
                let hint = error.hint().map_or_else(String::new, |hint| format!("; {hint}"));
                tracing::error!("a request failed: {error}{hint}");
                Self::internal()
            }
            Error::Internal(_) | Error::Vault(_) => {
                tracing::error!("a request failed: {detail}");
                Self::internal()
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(retry_after) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds(retry_after)));
        }
        if self.code == ProblemCode::AccessToken.text() {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\""));
        } else if status == StatusCode::UNAUTHORIZED {
            // RFC 9110 requires a challenge with every 401, and browsers do not prompt for this scheme
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Returns whole seconds, rounded up.
fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

pub(super) async fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, ProblemCode::NotFound, "this path does not exist")
}

pub(super) async fn method_not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, ProblemCode::MethodNotAllowed, "this path does not accept this method")
}

/// Answers a request whose handler panicked. The hook of [`crate::telemetry`] has logged the place. The payload may
/// contain data of the request.
pub(super) fn panicked(_: Box<dyn Any + Send>) -> Response {
    Problem::internal().into_response()
}
