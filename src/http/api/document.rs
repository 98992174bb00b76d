//! `/openapi.json`, generated from the handlers, and `/docs`, its page for people.

use std::sync::LazyLock;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{accounts, docs_page, me, oauth};
use crate::http::problem::Problem;

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
