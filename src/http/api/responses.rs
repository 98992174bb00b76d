//! Answers that several operations share, for the OpenAPI document.

use utoipa::IntoResponses;

use crate::http::problem::Problem;

/// Errors of every operation with a body.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only the OpenAPI document reads it")]
pub(super) enum Refused {
    /// The body is not JSON, or its token is not valid
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(#[to_schema] Problem),
    /// The body is too large
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(#[to_schema] Problem),
    /// The content type of the body is not JSON
    #[response(status = 415, content_type = "application/problem+json")]
    UnsupportedMediaType(#[to_schema] Problem),
    /// Fields are missing, unknown or not valid; `errors` lists them
    #[response(status = 422, content_type = "application/problem+json")]
    Unprocessable(#[to_schema] Problem),
    /// Too many requests or failed attempts; `Retry-After` gives the wait
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(#[to_schema] Problem),
    /// The service is starting, or its database does not answer
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(#[to_schema] Problem),
}

/// Errors of every operation without a body.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only the OpenAPI document reads it")]
pub(super) enum Unavailable {
    /// Too many requests; `Retry-After` gives the wait
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(#[to_schema] Problem),
    /// The service is starting, or its database does not answer
    #[response(status = 503, content_type = "application/problem+json")]
    Closed(#[to_schema] Problem),
}

/// Error of operations that require a token or a password.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only the OpenAPI document reads it")]
pub(super) enum Unauthorized {
    /// The token or the password is missing, wrong or expired
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(#[to_schema] Problem),
}

/// Errors of every operation with a provider.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only the OpenAPI document reads it")]
pub(super) enum AtProvider {
    /// The provider is unknown or not configured
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(#[to_schema] Problem),
    /// The provider does not answer, or its answer is not valid
    #[response(status = 502, content_type = "application/problem+json")]
    BadGateway(#[to_schema] Problem),
}

/// Errors of a login through a provider.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only the OpenAPI document reads it")]
pub(super) enum NotEntered {
    /// The provider denied access or has no verified address, or the account is inactive; `code` gives the reason
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(#[to_schema] Problem),
}
