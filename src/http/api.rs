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

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Method};
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};
use ipnet::IpNet;
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::edge::{Edge, ProxyWatch, REQUEST_ID};
use super::headers::Scheme;
use super::hosts::AcceptedHosts;
use super::problem::Problem;
use crate::auth::{Auth, PasswordFigures};
use crate::db::EventBudget;
use crate::health::UntrustedForwarding;
use limits::Limits;

pub use limits::Rate;

/// Maximum size of a request body, in bytes. Valid requests are far smaller.
const LARGEST_BODY: usize = 16 * 1024;

/// Limits and addresses of the API.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// True if clients reach the service by https.
    pub is_https: bool,
    /// Path prefix of this service in the URLs of clients, without a `/` at its end.
    pub base_path: String,
    /// Origins of pages that may call the API from a browser.
    pub origins: Vec<HeaderValue>,
    /// Networks of proxies that are trusted to report the address of a client.
    pub trusted_proxies: Vec<IpNet>,
    /// Time limit of a request.
    pub timeout: Duration,
    /// Rate limit of one client.
    pub rate: Option<Rate>,
    /// Rate limit of one client for requests that check a password.
    pub password_rate: Option<Rate>,
}

/// API of the public listener. It answers 503 until [`Self::open`] is called. Clones share the state.
#[derive(Clone)]
pub struct Api(Arc<ApiState>);

/// State of the API. It is behind one pointer, because axum clones [`Api`] several times for each request.
struct ApiState {
    auth: OnceLock<Option<Arc<Auth>>>,
    settings: ApiSettings,
    events: EventBudget,
    forwarding: Arc<UntrustedForwarding>,
}

/// Counters of the API.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ApiFigures {
    /// Refused logins that were not recorded in the audit log.
    pub(super) skipped_events: u64,
    /// Logins to accounts whose stored hash is not checked.
    pub(super) refused_hashes: u64,
    /// Passwords in the queue for hashing or checking.
    pub(super) waiting_passwords: u64,
}

impl Api {
    /// Creates an API that answers 503 until it is opened.
    pub fn new(settings: ApiSettings) -> Self {
        let (auth, events, forwarding) = (OnceLock::new(), EventBudget::default(), Arc::default());
        Self(Arc::new(ApiState { auth, settings, events, forwarding }))
    }

    /// Opens the API. Without keys to sign tokens (`None`), it continues to answer 503 with the reason.
    pub fn open(&self, auth: Option<Arc<Auth>>) {
        // the boot opens the API once, at its end
        let _ = self.0.auth.set(auth);
    }

    /// Returns the counter of requests that an untrusted peer forwarded.
    pub fn forwarding(&self) -> Arc<UntrustedForwarding> {
        self.0.forwarding.clone()
    }

    fn settings(&self) -> &ApiSettings {
        &self.0.settings
    }

    fn auth(&self) -> Result<&Auth, Problem> {
        match self.0.auth.get() {
            Some(Some(auth)) => Ok(auth),
            Some(None) => Err(Problem::closed("no key to sign tokens is set: see AUTHSVC_JWT_KEY")),
            None => Err(Problem::closed("the service is starting")),
        }
    }

    /// Returns the routes of the API.
    pub(super) fn router(&self) -> Router {
        let settings = &self.0.settings;
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

    /// Returns the current counters.
    pub(super) fn figures(&self) -> ApiFigures {
        let passwords = self.0.auth.get().and_then(Option::as_ref).map(|auth| auth.password_figures());
        let PasswordFigures { refused_hashes, waiting } = passwords.unwrap_or_default();
        ApiFigures { skipped_events: self.0.events.skipped(), refused_hashes, waiting_passwords: waiting }
    }

    /// Returns the networks of trusted proxies.
    pub(super) fn trusted_proxies(&self) -> Vec<IpNet> {
        self.0.settings.trusted_proxies.clone()
    }

    /// Returns the rules for every request of the public listener.
    pub(super) fn edge(&self) -> Edge {
        let scheme = if self.0.settings.is_https { Scheme::Https } else { Scheme::Http };
        let proxies = ProxyWatch { trusted: self.trusted_proxies(), untrusted: self.forwarding() };
        Edge { scheme, hosts: AcceptedHosts::Any, proxies: Some(proxies) }
    }

    /// Returns the layer that lets the pages of the configured origins call the API; `None` without such origins.
    pub(super) fn cors(&self) -> Option<CorsLayer> {
        let origins = Some(self.0.settings.origins.clone()).filter(|origins| !origins.is_empty())?;
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
