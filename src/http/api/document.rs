//! `/openapi.json`, written from the handlers, and `/docs`, the same for people.

use std::sync::LazyLock;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{IntoResponses, Modify, OpenApi};

use super::problem::Problem;
use super::{accounts, me, oauth, page};

/// What every operation with a body may answer.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it is only read by the description")]
pub(super) enum Refused {
    /// The body is not JSON, or its token is of no use
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(#[to_schema] Problem),
    /// The body is too large
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(#[to_schema] Problem),
    /// The body is not declared as JSON
    #[response(status = 415, content_type = "application/problem+json")]
    UnsupportedMediaType(#[to_schema] Problem),
    /// Fields are missing, unknown, or cannot be used; `errors` says which
    #[response(status = 422, content_type = "application/problem+json")]
    Unprocessable(#[to_schema] Problem),
    /// Too often, or too many failures; `Retry-After` says when
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(#[to_schema] Problem),
    /// The service is starting, or its database gives no answer
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(#[to_schema] Problem),
}

/// What every operation without one may answer.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it is only read by the description")]
pub(super) enum Unavailable {
    /// Too often; `Retry-After` says when
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(#[to_schema] Problem),
    /// The service is starting, or its database gives no answer
    #[response(status = 503, content_type = "application/problem+json")]
    Closed(#[to_schema] Problem),
}

/// What whoever proves nothing gets.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it is only read by the description")]
pub(super) enum Unauthorized {
    /// The token or the password is missing, wrong, or expired
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(#[to_schema] Problem),
}

/// What every operation that names a provider may answer.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it is only read by the description")]
pub(super) enum AtProvider {
    /// There is no such provider, or it is not set up
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(#[to_schema] Problem),
    /// The provider gives no answer, or a wrong one
    #[response(status = 502, content_type = "application/problem+json")]
    BadGateway(#[to_schema] Problem),
}

/// What whoever comes back from a provider gets in place of a session.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it is only read by the description")]
pub(super) enum NotEntered {
    /// Access was denied at the provider, it vouches for no address, or the account cannot be used any more; `code` says which
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(#[to_schema] Problem),
    /// There is an account with this address that nobody has verified: log in to it and do that first
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(#[to_schema] Problem),
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
    page::render(&DOCUMENT)
}
