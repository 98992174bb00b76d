//! Rotation: a refresh token is exchanged for the next one of its session.
//!
//! If two parties hold one token, at most one of them can continue the session. A used token is accepted again only if
//! neither the next token nor the access token issued with it was used. In that case the response was lost, and the
//! next token is replaced. Any other use of a used or replaced token ends the session, with one event. A token of an
//! ended session is refused without an event.

use entity::auth_event::AuthEventKind;
use entity::refresh_token::{Column, Entity};
use entity::value::TokenHash;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter};

use super::audit_log::AuditEvent;
use super::provisional_accounts;
use super::query_runner::unique_row;
use super::request_context::RequestContext;
use super::sessions::{
    ContinuedSession, NewRefreshToken, NewSession, TokenOwner, has_live_token, issue, lock_owner, of_session, revoking,
};
use super::{Error, Pool, Transaction};

/// Result of a refresh.
#[derive(Debug)]
pub enum Rotation {
    /// The token was exchanged for the new one.
    Done(Box<NewSession>),
    /// The token does not exist, it has expired, or its account is not usable.
    Refused,
    /// The token was used before, and the session was ended.
    Reused {
        /// Id of the account.
        user_id: i64,
        /// Id of the session.
        session: i64,
    },
}

/// Refresh that is being decided.
struct RefreshDecision<'a> {
    transaction: &'a Transaction,
    new: &'a NewRefreshToken,
    context: &'a RequestContext,
}

impl Pool {
    /// Exchanges a refresh token for a new one.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement. In that case the token is as it was.
    pub async fn rotate(
        &self,
        hash: &TokenHash,
        new: &NewRefreshToken,
        context: &RequestContext,
    ) -> Result<Rotation, Error> {
        let transaction = self.runner().begin().await?;
        let refresh = RefreshDecision { transaction: &transaction, new, context };
        let rotation = match lock_owner(&transaction, hash).await?.filter(|owner| refresh.may_continue(owner)) {
            Some(owner) => refresh.decide(owner).await?,
            None => Rotation::Refused,
        };
        match rotation {
            Rotation::Refused => transaction.rollback().await?,
            _ => transaction.commit().await?,
        }
        Ok(rotation)
    }
}

impl RefreshDecision<'_> {
    /// Returns true if the account is usable, and neither token nor session has expired.
    fn may_continue(&self, owner: &TokenOwner) -> bool {
        owner.may_log_in()
            && self.context.now < owner.token_expires_at
            && self.context.now < owner.session_start + self.new.max_age
    }

    /// Issues the next token if the presented one is usable. Otherwise it checks why it is not.
    async fn decide(&self, owner: TokenOwner) -> Result<Rotation, DbErr> {
        let (token, used) = (owner.token, Some(owner.token));
        let Some(entered) = self.issue(&owner, used).await? else { return self.not_usable(owner).await };
        let rotated = revoking(self.context.now)
            .col_expr(Column::RotatedAt, Expr::value(self.context.now))
            .col_expr(Column::ReplacedBy, Expr::value(entered.token))
            .filter(Column::Id.eq(token));
        if rotated.exec(self.transaction).await?.rows_affected == 0 {
            // a replica of an older version does not lock the account
            return Ok(Rotation::Refused);
        }
        self.done(entered, None).await
    }

    async fn not_usable(&self, owner: TokenOwner) -> Result<Rotation, DbErr> {
        let token = unique_row(Entity::find_by_id(owner.token).all(self.transaction).await?);
        let is_live = has_live_token(self.transaction, owner.session(), self.context.now).await?;
        let Some(token) = token.filter(|_| is_live) else { return Ok(Rotation::Refused) };
        match token.replaced_by.filter(|_| token.rotated_at.is_some()) {
            Some(follower) if self.withdraw(follower).await? => self.replace(owner, follower).await,
            _ => self.end(&owner).await,
        }
    }

    /// Revokes a token if neither it nor the access token issued with it was used. Returns true if it was revoked.
    async fn withdraw(&self, token: i64) -> Result<bool, DbErr> {
        let untouched = revoking(self.context.now)
            .filter(Column::Id.eq(token))
            .filter(Column::RotatedAt.is_null())
            .filter(Column::AccessUsedAt.is_null());
        Ok(untouched.exec(self.transaction).await?.rows_affected > 0)
    }

    /// Issues another token after the used one, in place of the token whose response was lost.
    async fn replace(&self, owner: TokenOwner, lost: i64) -> Result<Rotation, DbErr> {
        let used = owner.token;
        let Some(entered) = self.issue(&owner, None).await? else { return Ok(Rotation::Refused) };
        let replaced = Entity::update_many().col_expr(Column::ReplacedBy, Expr::value(entered.token));
        replaced.filter(Column::Id.is_in([used, lost])).exec(self.transaction).await?;
        self.done(entered, Some("again: the answer to its first use was lost")).await
    }

    async fn issue(&self, owner: &TokenOwner, only_after: Option<i64>) -> Result<Option<NewSession>, DbErr> {
        let continued = ContinuedSession { session: owner.session(), started_at: owner.session_start, only_after };
        issue(self.transaction, owner.user.clone(), Some(continued), self.new, self.context).await
    }

    async fn done(&self, entered: NewSession, detail: Option<&str>) -> Result<Rotation, DbErr> {
        provisional_accounts::count_refresh(self.transaction, &entered.user, self.context.now).await?;
        let event = AuditEvent { detail, ..AuditEvent::of(AuthEventKind::TokenRefreshed, entered.user.id) };
        event.record(self.transaction, self.context).await?;
        Ok(Rotation::Done(Box::new(entered)))
    }

    async fn end(&self, owner: &TokenOwner) -> Result<Rotation, DbErr> {
        let (user_id, session) = (owner.user.id, owner.session());
        of_session(revoking(self.context.now), session).exec(self.transaction).await?;
        let event = AuditEvent::of(AuthEventKind::RefreshTokenReused, user_id).with_detail("the session is ended");
        event.record(self.transaction, self.context).await?;
        Ok(Rotation::Reused { user_id, session })
    }
}
