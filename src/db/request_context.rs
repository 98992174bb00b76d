//! Context of a request: its client, and the time at which it is decided.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::event_budget::EventBudget;

/// Maximum length of a stored user agent, in characters.
const LONGEST_USER_AGENT: usize = 500;

/// Client that sends a request, and the time of the request.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// Client that sent the request.
    pub client: Client,
    /// Time at which the request is decided, by this program's clock.
    pub now: DateTime<Utc>,
}

impl RequestContext {
    /// Builds the context of a request from this client at this time.
    pub fn new(client: Client, now: DateTime<Utc>) -> Self {
        Self { client, now }
    }
}

/// Client of a request.
#[derive(Debug, Clone, Default)]
pub struct Client {
    ip: Option<IpAddr>,
    user_agent: Option<String>,
    events: Option<EventBudget>,
    device: Option<SecretString>,
}

impl Client {
    /// Builds a client from its address and its user agent.
    pub fn new(ip: Option<IpAddr>, user_agent: Option<&str>) -> Self {
        let cut = |text: &str| text.chars().filter(|sign| !sign.is_control()).take(LONGEST_USER_AGENT).collect();
        Self { ip: ip.map(|ip| ip.to_canonical()), user_agent: user_agent.map(cut), events: None, device: None }
    }

    /// Limits the client's recorded refused logins with this budget.
    #[must_use]
    pub fn within(self, events: &EventBudget) -> Self {
        Self { events: Some(events.clone()), ..self }
    }

    /// Returns true if a refused login is recorded. The call counts as one.
    pub(super) fn records_refusal(&self) -> bool {
        match (&self.events, self.ip) {
            (Some(events), Some(ip)) => events.allows(ip),
            _ => true,
        }
    }

    /// Adds the cookie of a known device.
    #[must_use]
    pub fn with_device(mut self, cookie: Option<SecretString>) -> Self {
        self.device = cookie;
        self
    }

    /// Returns the cookie of a known device, as the client sent it.
    pub fn device(&self) -> Option<&SecretString> {
        self.device.as_ref()
    }

    /// Returns the client's address.
    pub fn ip(&self) -> Option<IpAddr> {
        self.ip
    }

    pub(super) fn ip_text(&self) -> Option<String> {
        self.ip.map(|ip| ip.to_string())
    }

    pub(super) fn user_agent(&self) -> Option<String> {
        self.user_agent.clone()
    }
}
