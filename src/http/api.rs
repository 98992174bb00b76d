//! The JSON API of the public listener: accounts, sessions, and the documents that describe it.
//!
//! A handler reads a request into the words of [`crate::auth`], calls one use case, and answers with its report; errors are problem
//! documents (RFC 9457) with a `code` for programs. To add an operation: the use case, a handler with its `utoipa` description,
//! a line in `document` and one in `router`; the test that compares routes with the document, and schemathesis, look at the rest.

mod accounts;
mod body;
mod caller;
mod device_cookie;
mod document;
mod flow_cookie;
mod forwarded;
mod limits;
mod me;
mod oauth;
mod oauth_problem;
mod page;
mod policy;
mod problem;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::HeaderValue;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};
use ipnet::IpNet;

use crate::auth::{Auth, PasswordFigures};
use crate::db::EventBudget;
use crate::health::UntrustedForwarding;
use limits::Limit;
use problem::Problem;

pub use limits::Rate;

/// More than any request of this API needs.
const LARGEST_BODY: usize = 16 * 1024;

/// What is let through.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// Whether clients reach the service by https.
    pub is_https: bool,
    /// What precedes the paths of this service, as clients see them; without a `/` at its end.
    pub base_path: String,
    /// Pages that may call it from a browser.
    pub origins: Vec<HeaderValue>,
    /// Whose word on a client's address is taken.
    pub trusted_proxies: Vec<IpNet>,
    /// How long a request may take.
    pub timeout: Duration,
    /// Requests of one client.
    pub rate: Option<Rate>,
    /// Requests of one client that check a password.
    pub password_rate: Option<Rate>,
}

/// The API: closed until the application is there. A clone is the same.
#[derive(Clone)]
pub struct Api {
    auth: Arc<OnceLock<Option<Arc<Auth>>>>,
    settings: Arc<ApiSettings>,
    events: EventBudget,
    forwarding: Arc<UntrustedForwarding>,
}

/// What the API counts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ApiFigures {
    /// Refused logins that were not recorded.
    pub(super) skipped_events: u64,
    /// Logins to accounts whose stored hash is not checked.
    pub(super) refused_hashes: u64,
    /// Passwords that wait.
    pub(super) waiting_passwords: u64,
}

impl Api {
    /// Answers that it is not ready.
    pub fn new(settings: ApiSettings) -> Self {
        let (events, forwarding) = (EventBudget::default(), Arc::default());
        Self { auth: Arc::default(), settings: Arc::new(settings), events, forwarding }
    }

    /// Opens it; `None`: without keys to sign tokens with, it stays closed and says why.
    pub fn open(&self, auth: Option<Arc<Auth>>) {
        // it is opened once, at the end of the boot
        let _ = self.auth.set(auth);
    }

    /// The requests that a peer forwarded and is not trusted to.
    pub fn forwarding(&self) -> Arc<UntrustedForwarding> {
        self.forwarding.clone()
    }

    fn auth(&self) -> Result<&Auth, Problem> {
        match self.auth.get() {
            Some(Some(auth)) => Ok(auth),
            Some(None) => Err(Problem::closed("no key to sign tokens with is set: see AUTHSVC_JWT_KEY")),
            None => Err(Problem::closed("the service is starting")),
        }
    }

    /// Its routes.
    pub(super) fn router(&self) -> Router {
        let limited = |router: Router<Self>, rate| match rate {
            Some(rate) => router.layer(from_fn_with_state((self.clone(), Limit::new(rate)), limits::check)),
            None => router,
        };
        // what costs a hash, a question to a provider, or a row in the database
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
        let router = limited(costly, self.settings.password_rate)
            .merge(limited(others, self.settings.rate))
            .merge(documents)
            .layer(from_fn_with_state(self.settings.timeout, limits::in_time))
            .method_not_allowed_fallback(problem::method_not_allowed)
            .layer(DefaultBodyLimit::max(LARGEST_BODY));
        router.with_state(self.clone())
    }

    /// What is counted until now.
    pub(super) fn figures(&self) -> ApiFigures {
        let passwords = self.auth.get().and_then(Option::as_ref).map(|auth| auth.password_figures());
        let PasswordFigures { refused_hashes, waiting } = passwords.unwrap_or_default();
        ApiFigures { skipped_events: self.events.skipped(), refused_hashes, waiting_passwords: waiting }
    }

    /// Networks whose word on a client's address is taken.
    pub(super) fn trusted_proxies(&self) -> Vec<IpNet> {
        self.settings.trusted_proxies.clone()
    }

    /// What holds for every answer of the public listener.
    pub(super) fn protected(&self, router: Router) -> Router {
        policy::apply(router.layer(from_fn_with_state(self.clone(), caller::note_forwarded)), &self.settings)
    }
}
