//! The client of a request, and the time at which the request is decided.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::event_budget::EventBudget;

/// How much of a client's name for itself is kept, in characters.
const LONGEST_USER_AGENT: usize = 500;

/// The client that sends a request, and the time of the request.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// The client.
    pub client: Client,
    /// The time at which the request is decided, by this program's clock.
    pub now: DateTime<Utc>,
}

impl RequestContext {
    /// The context of a request that this client sends at this time.
    pub fn new(client: Client, now: DateTime<Utc>) -> Self {
        Self { client, now }
    }
}

/// Who asks.
#[derive(Debug, Clone, Default)]
pub struct Client {
    ip: Option<IpAddr>,
    user_agent: Option<String>,
    events: Option<EventBudget>,
    device: Option<SecretString>,
}

impl Client {
    /// From an address, as a client that calls itself so.
    pub fn new(ip: Option<IpAddr>, user_agent: Option<&str>) -> Self {
        let cut = |text: &str| text.chars().filter(|sign| !sign.is_control()).take(LONGEST_USER_AGENT).collect();
        Self { ip: ip.map(|ip| ip.to_canonical()), user_agent: user_agent.map(cut), events: None, device: None }
    }

    /// The same client, whose refused logins are recorded within this budget.
    #[must_use]
    pub fn within(self, events: &EventBudget) -> Self {
        Self { events: Some(events.clone()), ..self }
    }

    /// Whether a refused login is recorded; it counts as one.
    pub(super) fn records_refusal(&self) -> bool {
        match (&self.events, self.ip) {
            (Some(events), Some(ip)) => events.allows(ip),
            _ => true,
        }
    }

    /// With the cookie of a known device.
    #[must_use]
    pub fn with_device(mut self, cookie: Option<SecretString>) -> Self {
        self.device = cookie;
        self
    }

    /// The cookie of a known device, as the client sent it.
    pub fn device(&self) -> Option<&SecretString> {
        self.device.as_ref()
    }

    /// Its address.
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
