//! `auth_events`, and who left them.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use entity::auth_event::{ActiveModel, AuthEventKind, Entity};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, Set};
use secrecy::SecretString;

use super::event_budget::EventBudget;

/// How much of a client's name for itself is kept, in characters.
const LONGEST_USER_AGENT: usize = 500;

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
    fn records_refusal(&self) -> bool {
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

/// Something that happened.
pub(super) struct AuditEvent<'a> {
    pub(super) kind: AuthEventKind,
    pub(super) user_id: Option<i64>,
    pub(super) email: Option<&'a str>,
    pub(super) detail: Option<&'a str>,
}

impl<'a> AuditEvent<'a> {
    /// To an account.
    pub(super) fn of(kind: AuthEventKind, user_id: i64) -> Self {
        Self { kind, user_id: Some(user_id), email: None, detail: None }
    }

    pub(super) fn with_email(mut self, email: Option<&'a str>) -> Self {
        self.email = email;
        self
    }

    pub(super) fn with_detail(mut self, detail: &'a str) -> Self {
        self.detail = Some(detail);
        self
    }

    /// Writes it down. What a client can cause without an account is bounded by its budget.
    pub(super) async fn record(
        self,
        connection: &impl ConnectionTrait,
        client: &Client,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        let is_refusal = matches!(self.kind, AuthEventKind::LoginFailed | AuthEventKind::OauthLoginFailed);
        if is_refusal && !client.records_refusal() {
            return Ok(());
        }
        let event = ActiveModel {
            occurred_at: Set(now),
            kind: Set(self.kind),
            user_id: Set(self.user_id),
            email: Set(self.email.map(str::to_owned)),
            ip: Set(client.ip_text()),
            user_agent: Set(client.user_agent()),
            detail: Set(self.detail.map(str::to_owned)),
            ..Default::default()
        };
        Entity::insert(event).exec_without_returning(connection).await.map(|_| ())
    }
}
