//! JSON API of the public listener: accounts, sessions, and the API documents.
//!
//! A handler converts a request into types of [`crate::auth`], calls one use case, and converts its result into an
//! answer. Errors are problem documents (RFC 9457) with a `code` for programs. To add an operation, write the use case,
//! a handler with its `utoipa` description, a line in `document`, and a line in `router`. One test compares the routes
//! with the document, and schemathesis checks the answers.

mod accounts;
mod body;
mod caller;
mod device_cookie;
mod docs_page;
mod document;
mod flow_cookie;
mod limits;
mod me;
mod oauth;
mod oauth_problem;
mod responses;
mod settings;
mod state;

use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Method;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::edge::{Edge, ProxyWatch, REQUEST_ID};
use super::headers::Scheme;
use super::hosts::AcceptedHosts;
use limits::Limits;

pub use settings::{ApiSettings, Rate};
pub use state::Api;

/// Maximum size of a request body, in bytes. Valid requests are far smaller.
const LARGEST_BODY: usize = 16 * 1024;

impl Api {
    /// Returns the routes of the API.
    pub(super) fn router(&self) -> Router {
        let settings = self.settings();
        let limited = |router: Router<Self>, rate| {
            let limits = Limits::new(rate, settings);
            router.layer((from_fn_with_state(limits, limits::apply), DefaultBodyLimit::max(LARGEST_BODY)))
        };
        // operations that compute a hash, call a provider, or insert a row
        let costly = Router::new()
            .route("/auth/register", post(accounts::register))
            .route("/auth/login", post(accounts::login))
            .route("/auth/verify-email", post(accounts::verify_email))
            .route("/auth/verify-email/resend", post(accounts::resend_verification))
            .route("/auth/password/change", post(accounts::change_password))
            .route("/auth/oauth/{provider}", post(oauth::exchange))
            .route("/auth/oauth/{provider}/callback", get(oauth::callback));
        let others = Router::new()
            .route("/auth/refresh", post(accounts::refresh))
            .route("/auth/logout", post(accounts::logout))
            .route("/auth/oauth/{provider}", get(oauth::redirect))
            .route("/auth/oauth/state/{provider}", get(oauth::begin))
            .route("/api/me", get(me::show).patch(me::change))
            .route("/api/me/sessions", get(me::sessions))
            .route("/api/me/sessions/{id}", delete(me::end_session))
            .route("/.well-known/jwks.json", get(accounts::keys));
        let documents = Router::new().route("/openapi.json", get(document::json)).route("/docs", get(document::show));
        let costly = limited(costly, settings.password_rate);
        costly.merge(limited(others, settings.rate)).merge(limited(documents, None)).with_state(self.clone())
    }

    /// Returns the rules for every request of the public listener.
    pub(super) fn edge(&self) -> Edge {
        let scheme = if self.settings().is_https { Scheme::Https } else { Scheme::Http };
        let proxies = ProxyWatch { trusted: self.trusted_proxies(), untrusted: self.forwarding() };
        Edge { scheme, hosts: AcceptedHosts::Any, proxies: Some(proxies) }
    }

    /// Returns the layer that lets the pages of the configured origins call the API; `None` without such origins.
    pub(super) fn cors(&self) -> Option<CorsLayer> {
        let origins = Some(self.settings().origins.clone()).filter(|origins| !origins.is_empty())?;
        let layer = CorsLayer::new()
            .allow_origin(AllowOrigin::list(origins))
            .allow_credentials(true)
            .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
            .allow_headers([AUTHORIZATION, CONTENT_TYPE, REQUEST_ID])
            .expose_headers([REQUEST_ID, RETRY_AFTER, WWW_AUTHENTICATE])
            .max_age(Duration::from_secs(600));
        Some(layer)
    }
}
