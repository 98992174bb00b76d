//! State of the API, which every handler receives.

use std::sync::{Arc, OnceLock};

use ipnet::IpNet;

use super::settings::ApiSettings;
use crate::auth::{Auth, PasswordFigures};
use crate::db::EventBudget;
use crate::health::UntrustedForwarding;
use crate::http::problem::Problem;

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
pub(in crate::http) struct ApiFigures {
    /// Refused logins that were not recorded in the audit log.
    pub(in crate::http) skipped_events: u64,
    /// Logins to accounts whose stored hash is not checked.
    pub(in crate::http) refused_hashes: u64,
    /// Passwords in the queue for hashing or checking.
    pub(in crate::http) waiting_passwords: u64,
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

    /// Returns the settings.
    pub(super) fn settings(&self) -> &ApiSettings {
        &self.0.settings
    }

    /// Returns the use cases.
    ///
    /// # Errors
    /// Returns a problem with status 503 until the API is opened with a key.
    pub(super) fn auth(&self) -> Result<&Auth, Problem> {
        match self.0.auth.get() {
            Some(Some(auth)) => Ok(auth),
            Some(None) => Err(Problem::closed("no key to sign tokens is set: see AUTHSVC_JWT_KEY")),
            None => Err(Problem::closed("the service is starting")),
        }
    }

    /// Returns the budget of events about refused logins.
    pub(super) fn events(&self) -> &EventBudget {
        &self.0.events
    }

    /// Returns the current counters.
    pub(in crate::http) fn figures(&self) -> ApiFigures {
        let passwords = self.0.auth.get().and_then(Option::as_ref).map(|auth| auth.password_figures());
        let PasswordFigures { refused_hashes, waiting } = passwords.unwrap_or_default();
        ApiFigures { skipped_events: self.0.events.skipped(), refused_hashes, waiting_passwords: waiting }
    }

    /// Returns the networks of trusted proxies.
    pub(in crate::http) fn trusted_proxies(&self) -> Vec<IpNet> {
        self.0.settings.trusted_proxies.clone()
    }
}
