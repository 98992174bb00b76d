//! `/openapi.json`, generated from the handlers, and `/docs`, its page for people.

use std::sync::LazyLock;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{IntoResponses, Modify, OpenApi};

use super::{accounts, docs_page, me, oauth};
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

#[derive(OpenApi)]
#[openapi(
    info(
        title = "authsvc",
        description = "Accounts, sessions and OAuth. Errors are problem documents (RFC 9457); `code` is for programs.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    paths(
        accounts::register,
        accounts::login,
        accounts::refresh,
        accounts::logout,
        accounts::verify_email,
        accounts::resend_verification,
        accounts::change_password,
        me::show,
        me::change,
        me::sessions,
        me::end_session,
        oauth::redirect,
        oauth::callback,
        oauth::begin,
        oauth::exchange,
        accounts::keys,
    ),
    components(schemas(Problem)),
    modifiers(&BearerScheme)
)]
struct Document;

struct BearerScheme;

impl Modify for BearerScheme {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        if let Some(components) = &mut document.components {
            components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
        }
    }
}

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::to_value(Document::openapi()).unwrap_or_default());
static JSON: LazyLock<String> = LazyLock::new(|| DOCUMENT.to_string());

pub(super) async fn json() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "public, max-age=300")], JSON.as_str())
}

pub(super) async fn show() -> Response {
    docs_page::render(&DOCUMENT)
}
