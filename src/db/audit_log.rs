//! Audit log: events in the table `auth_events`.

use entity::auth_event::{ActiveModel, AuthEventKind, Entity};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, Set};

use super::request_context::RequestContext;

/// Event to be written to the audit log.
pub(super) struct AuditEvent<'a> {
    pub(super) kind: AuthEventKind,
    pub(super) user_id: Option<i64>,
    pub(super) email: Option<&'a str>,
    pub(super) detail: Option<&'a str>,
}

impl<'a> AuditEvent<'a> {
    /// Builds an event of an account.
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

    /// Writes the event. Refused logins are limited by the client's event budget, because a client can cause them
    /// without an account.
    pub(super) async fn record(self, connection: &impl ConnectionTrait, context: &RequestContext) -> Result<(), DbErr> {
        let is_refusal = matches!(self.kind, AuthEventKind::LoginFailed | AuthEventKind::OauthLoginFailed);
        if is_refusal && !context.client.records_refusal() {
            return Ok(());
        }
        let event = ActiveModel {
            occurred_at: Set(context.now),
            kind: Set(self.kind),
            user_id: Set(self.user_id),
            email: Set(self.email.map(str::to_owned)),
            ip: Set(context.client.ip_text()),
            user_agent: Set(context.client.user_agent()),
            detail: Set(self.detail.map(str::to_owned)),
            ..Default::default()
        };
        Entity::insert(event).exec_without_returning(connection).await.map(|_| ())
    }
}

/// Failed login, for the audit log.
#[derive(Debug)]
pub struct FailedLogin<'a> {
    /// Id of the account; `None` if no account has this address.
    pub user_id: Option<i64>,
    /// Address that the client sent, if it is a valid address.
    pub email: Option<&'a str>,
    /// Reason, as the audit log stores it.
    pub reason: &'a str,
}

impl<'a> FailedLogin<'a> {
    /// Builds an event of the login, without a detail.
    pub(super) fn event(&self, kind: AuthEventKind) -> AuditEvent<'a> {
        AuditEvent { kind, user_id: self.user_id, email: self.email, detail: None }
    }
}
