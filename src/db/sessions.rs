//! Sessions: chains of refresh tokens that are rotated at each use (`db/rotation.rs`).
//!
//! A token that was used, replaced or ended is revoked. A session is live if one of its tokens is neither revoked nor
//! expired. This also holds for rows that an older replica or an operator changed.
//!
//! # Lock order
//! Every transaction that begins, rotates or ends a session of an account locks these rows, in this order:
//! 1. the account's row in `users`: by [`lock_account`] or [`lock_owner`], or by an UPDATE of that row as the first
//!    statement;
//! 2. the account's refresh tokens;
//! 3. links, rows of `login_throttles` in the order of their subjects, and new rows of `auth_events`.
//!
//! `session_check.rs` marks one token as used, in a separate statement, without the account's row. On SQLite a
//! transaction locks the whole file when it begins. A decision uses only rows that were read after the lock of step 1,
//! and values that never change. These are id, account, session, hash and expiry of a token. Otherwise a token that is
//! issued at that moment could escape the UPDATE that ends the session. The reasons are in
//! `docs/adr/0011-one-lock-order-for-sessions.md`.

use chrono::{DateTime, TimeDelta, Utc};
use entity::auth_event::AuthEventKind;
use entity::refresh_token::{Column, Entity, Model};
use entity::user;
use entity::value::TokenHash;
use sea_orm::sea_query::{Expr, ExprTrait as _, LockType, Query};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, Select, UpdateMany,
};

use super::audit_log::AuditEvent;
use super::database_identity::{Epoch, current_epoch, is_in};
use super::query_runner::unique_row;
use super::request_context::RequestContext;
use super::session_check::{SessionClaim, is_live, session_start};
use super::{Error, Pool, Transaction};

/// Maximum number of sessions in a list.
const MOST_LISTED: u64 = 200;

/// Refresh token that is about to be issued.
#[derive(Debug, Clone)]
pub struct NewRefreshToken {
    /// Hash of the token, which is stored instead of it.
    pub hash: TokenHash,
    /// Expiry of the token.
    pub expires_at: DateTime<Utc>,
    /// Maximum age of the token's session, however often it is refreshed.
    pub max_age: TimeDelta,
}

/// Account and the session that was begun for it.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Account row after the session began.
    pub user: user::Model,
    /// Id of the session, which is the id of its first refresh token.
    pub session: i64,
    /// Id of the refresh token that was issued.
    pub token: i64,
    /// Epoch of the database in which the session began.
    pub epoch: Epoch,
}

/// Result of ending one session of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEnd {
    /// The session was ended.
    Ended,
    /// The account has no live session with this id.
    NoSuchSession,
    /// The session of the request itself ended in the meantime.
    CallerEnded,
}

/// Scope of a logout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogoutScope {
    /// Only the session of the token.
    This,
    /// All sessions of the token's account.
    All,
}

impl Pool {
    /// Ends the session of a refresh token, or all sessions of its account. Returns the account if the token exists.
    /// Only a token of a live session can end others, because a stolen token of an ended session must not.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement. In that case nothing is ended.
    pub async fn log_out(
        &self,
        hash: &TokenHash,
        scope: LogoutScope,
        context: &RequestContext,
    ) -> Result<Option<i64>, Error> {
        let transaction = self.runner().begin().await?;
        let Some(owner) = lock_owner(&transaction, hash).await?.filter(|owner| owner.user.deleted_at.is_none()) else {
            transaction.rollback().await?;
            return Ok(None);
        };
        let user_id = owner.user.id;
        let of_owner = revoking(context.now).filter(Column::UserId.eq(user_id));
        let is_over = scope == LogoutScope::All && !has_live_token(&transaction, owner.session(), context.now).await?;
        let scope = if is_over { LogoutScope::This } else { scope };
        let (ending, detail) = match scope {
            LogoutScope::This => (of_session(of_owner, owner.session()), "this session"),
            LogoutScope::All => (of_owner, "all sessions"),
        };
        if ending.exec(&transaction).await?.rows_affected > 0 {
            AuditEvent::of(AuthEventKind::Logout, user_id).with_detail(detail).record(&transaction, context).await?;
        }
        transaction.commit().await?;
        Ok(Some(user_id))
    }

    /// Returns the newest token of each live session of an account, newest first. The list has at most 200 tokens.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement.
    pub async fn sessions_of(&self, claim: SessionClaim) -> Result<Vec<Model>, Error> {
        let live = Entity::live(claim.now).filter(Column::UserId.eq(claim.principal.user_id));
        let live =
            live.filter(Expr::expr(session_start(Entity)).gt(claim.too_old)).filter(is_in(claim.principal.epoch));
        Ok(live.order_by_desc(Column::Id).limit(MOST_LISTED).all(self.runner()).await?)
    }

    /// Ends one session of an account, on request of another session or of itself.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement. In that case nothing is ended.
    pub async fn end_session(
        &self,
        claim: SessionClaim,
        session: i64,
        context: &RequestContext,
    ) -> Result<SessionEnd, Error> {
        let (now, user_id) = (context.now, claim.principal.user_id);
        let transaction = self.runner().begin().await?;
        lock_account(&transaction, user_id).await?;
        if !is_live(&transaction, claim).await? {
            transaction.rollback().await?;
            return Ok(SessionEnd::CallerEnded);
        }
        let live = revoking(now).filter(Column::UserId.eq(user_id)).filter(Column::ExpiresAt.gt(now));
        if of_session(live, session).exec(&transaction).await?.rows_affected == 0 {
            transaction.rollback().await?;
            return Ok(SessionEnd::NoSuchSession);
        }
        AuditEvent::of(AuthEventKind::Logout, user_id)
            .with_detail("another session")
            .record(&transaction, context)
            .await?;
        transaction.commit().await?;
        Ok(SessionEnd::Ended)
    }
}

/// Locks an account's row until the transaction ends, and returns the row as it is under the lock. It is the first
/// statement of every transaction that changes sessions of the account.
pub(super) async fn lock_account(transaction: &Transaction, user_id: i64) -> Result<Option<user::Model>, DbErr> {
    Ok(unique_row(locked(user::Entity::find_by_id(user_id)).all(transaction).await?))
}

/// Account of a refresh token as it is under the lock, and the fields of the token that never change.
#[derive(FromQueryResult)]
pub(super) struct TokenOwner {
    #[sea_orm(nested)]
    pub(super) user: user::Model,
    pub(super) token: i64,
    family: Option<i64>,
    pub(super) token_expires_at: DateTime<Utc>,
    pub(super) session_start: DateTime<Utc>,
}

impl TokenOwner {
    /// Returns the id of the session.
    pub(super) fn session(&self) -> i64 {
        self.family.unwrap_or(self.token)
    }

    pub(super) fn may_log_in(&self) -> bool {
        self.user.active && self.user.deleted_at.is_none()
    }
}

/// Locks the row of a refresh token's account, as [`lock_account`] does; `None` if the token does not exist.
pub(super) async fn lock_owner(transaction: &Transaction, hash: &TokenHash) -> Result<Option<TokenOwner>, DbErr> {
    let of_token = |column: Column| Expr::col((Entity, column));
    let owner = user::Entity::find().inner_join(Entity).filter(Column::TokenHash.eq(hash.clone()));
    let owner = owner.expr_as(of_token(Column::Id), "token").expr_as(of_token(Column::FamilyId), "family");
    let owner = owner.expr_as(of_token(Column::ExpiresAt), "token_expires_at");
    let owner = owner.expr_as(session_start(Entity), "session_start");
    Ok(unique_row(locked(owner).into_model().all(transaction).await?))
}

/// Adds `FOR NO KEY UPDATE OF users` to the query. SQLite ignores it.
pub(super) fn locked(mut accounts: Select<user::Entity>) -> Select<user::Entity> {
    QueryTrait::query(&mut accounts).lock_with_tables(LockType::NoKeyUpdate, [user::Entity]);
    accounts
}

/// Session that a new token continues.
#[derive(Clone, Copy)]
pub(super) struct ContinuedSession {
    pub(super) session: i64,
    pub(super) started_at: DateTime<Utc>,
    /// Token that must still be usable when the new token is issued.
    pub(super) only_after: Option<i64>,
}

/// Issues the first token of a session to an account.
pub(super) async fn begin_session(
    connection: &impl ConnectionTrait,
    user: user::Model,
    new: &NewRefreshToken,
    context: &RequestContext,
) -> Result<NewSession, DbErr> {
    issue(connection, user, None, new, context).await?.ok_or(DbErr::RecordNotInserted)
}

/// Issues a token to an account: the first of a session, or its next one. The token expires with its session at the
/// latest.
pub(super) async fn issue(
    connection: &impl ConnectionTrait,
    user: user::Model,
    continued: Option<ContinuedSession>,
    new: &NewRefreshToken,
    context: &RequestContext,
) -> Result<Option<NewSession>, DbErr> {
    let (session, started_at) = (continued.map(|of| of.session), continued.map_or(context.now, |of| of.started_at));
    let row = [
        (Column::UserId, Expr::val(user.id)),
        (Column::TokenHash, Expr::val(new.hash.clone())),
        (Column::FamilyId, Expr::val(session)),
        (Column::ExpiresAt, Expr::val(Ord::min(new.expires_at, started_at + new.max_age))),
        (Column::CreatedAt, Expr::val(context.now)),
        (Column::Ip, Expr::val(context.client.ip_text())),
        (Column::UserAgent, Expr::val(context.client.user_agent())),
        (Column::SessionStartedAt, Expr::val(started_at)),
    ];
    let (columns, values): (Vec<_>, Vec<_>) = row.into_iter().unzip();
    let mut values = Query::select().exprs(values).take();
    if let Some(token) = continued.and_then(|of| of.only_after) {
        let usable = Entity::find_by_id(token).filter(Column::Revoked.eq(false)).select_only().column(Column::Id);
        values.and_where(Expr::exists(usable.into_query()));
    }
    let mut insert = Query::insert();
    let from = insert.into_table(Entity).columns(columns).select_from(values);
    let insert = from.map_err(|error| DbErr::Custom(error.to_string()))?;
    insert.returning(Query::returning().exprs([Expr::col(Column::Id), current_epoch()]));
    let Some(row) = connection.query_one(insert).await? else { return Ok(None) };
    let (id, epoch): (i64, Option<String>) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
    let epoch = Epoch::from_column(epoch.as_deref())?;
    Ok(Some(NewSession { user, session: session.unwrap_or(id), token: id, epoch }))
}

/// Returns true if a token of the session is neither revoked nor expired. The caller must hold the lock of the account.
pub(super) async fn has_live_token(
    connection: &impl ConnectionTrait,
    session: i64,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let live = Entity::of_family(session).filter(Column::Revoked.eq(false)).filter(Column::ExpiresAt.gt(now));
    Ok(live.count(connection).await? > 0)
}

/// Ends every session of an account, except `kept`.
pub(super) async fn end_others(
    connection: &impl ConnectionTrait,
    user_id: i64,
    kept: Option<i64>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let mut others = revoking(now).filter(Column::UserId.eq(user_id));
    if let Some(kept) = kept {
        let elsewhere = Condition::any().add(Column::FamilyId.is_null()).add(Column::FamilyId.ne(kept));
        others = others.filter(Column::Id.ne(kept)).filter(elsewhere);
    }
    others.exec(connection).await.map(|_| ())
}

/// Builds an UPDATE that revokes tokens which are not revoked. The caller adds filters.
pub(super) fn revoking(now: DateTime<Utc>) -> UpdateMany<Entity> {
    Entity::update_many()
        .col_expr(Column::Revoked, Expr::value(true))
        .col_expr(Column::RevokedAt, Expr::value(now))
        .filter(Column::Revoked.eq(false))
}

/// Restricts the UPDATE to tokens of one session.
pub(super) fn of_session(tokens: UpdateMany<Entity>, session: i64) -> UpdateMany<Entity> {
    tokens.filter(Condition::any().add(Column::Id.eq(session)).add(Column::FamilyId.eq(session)))
}
