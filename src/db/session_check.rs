//! Whether the session of an access token lives: asked in each statement that looks the account up.
//!
//! A session lives as long as one of its refresh tokens is neither revoked nor expired. An access token names the refresh token that was
//! issued with it. That one may have been used since; it must not have been replaced because the answer with both was lost.

use chrono::{DateTime, Utc};
use entity::refresh_token::{Column, Entity};
use entity::user;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Query, SelectStatement, SimpleExpr};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter,
    QuerySelect, Select,
};

use super::database_identity::{Principal, is_in};
use super::query_runner::unique_row;
use super::{Error, Pool};

/// The session of an access token, at the time of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionClaim {
    /// The account.
    pub principal: Principal,
    /// The session: the id of its first refresh token.
    pub session: i64,
    /// The refresh token that was issued with the access token; `None`: an earlier version issued it.
    pub token: Option<i64>,
    /// The time of the request.
    pub now: DateTime<Utc>,
    /// A session that began at this time or before has reached its maximum age.
    pub too_old: DateTime<Utc>,
}

#[derive(FromQueryResult)]
struct CheckedAccount {
    #[sea_orm(nested)]
    user: user::Model,
    access_used_at: Option<DateTime<Utc>>,
}

impl Pool {
    /// The account of an access token, if the account may be used, the epoch has not changed and the session lives. The first time it also
    /// records that the access token is used.
    ///
    /// # Errors
    /// What the database said.
    pub async fn session_account(&self, claim: SessionClaim) -> Result<Option<user::Model>, Error> {
        let found = match self.account_of_live_token(claim).await? {
            Some(found) => Some(found),
            None => self.account_of_live_session(claim).await?,
        };
        let Some(found) = found else { return Ok(None) };
        let is_marked = found.access_used_at.is_some() || claim.token.is_none();
        if is_marked || mark_used(self.runner(), claim).await? { Ok(Some(found.user)) } else { Ok(None) }
    }

    /// Most requests: the refresh token that was issued with the access token can still be used. Three look-ups by primary key, which
    /// PostgreSQL plans once for a connection. It plans the statement with every case anew for each request, which takes longer than the
    /// rest of the request.
    async fn account_of_live_token(&self, claim: SessionClaim) -> Result<Option<CheckedAccount>, Error> {
        let Some(token) = claim.token else { return Ok(None) };
        let select = usable_account(claim)
            .inner_join(Entity)
            .filter(Column::Id.eq(token))
            .filter(Column::Revoked.eq(false))
            .filter(Column::ExpiresAt.gt(claim.now))
            .filter(Expr::expr(session_start(Entity)).gt(claim.too_old))
            .expr_as(Expr::col((Entity, Column::AccessUsedAt)), "access_used_at");
        Ok(unique_row(select.into_model().all(self.runner()).await?))
    }

    async fn account_of_live_session(&self, claim: SessionClaim) -> Result<Option<CheckedAccount>, Error> {
        let select = usable_account(claim).filter(lives(claim)).expr_as(access_used_at(claim), "access_used_at");
        Ok(unique_row(select.into_model().all(self.runner()).await?))
    }
}

/// The account of an access token, if it may be used and the epoch has not changed.
fn usable_account(claim: SessionClaim) -> Select<user::Entity> {
    user::Entity::existing_by_id(claim.principal.user_id)
        .filter(user::Column::Active.eq(true))
        .filter(is_in(claim.principal.epoch))
}

/// Whether the session lives and its access token was not replaced, as a condition of a statement.
fn lives(claim: SessionClaim) -> Condition {
    let Some(token) = claim.token else { return Condition::all().add(Expr::exists(live_tokens(claim))) };
    let column = |column: Column| Expr::col((Entity, column));
    let is_live = Condition::all().add(Column::Revoked.eq(false)).add(Column::ExpiresAt.gt(claim.now));
    let was_used = Condition::any().add(Column::RotatedAt.is_not_null()).add(Column::ReplacedBy.is_null());
    let lives_on = Condition::all().add(was_used).add(Expr::exists(live_tokens(claim)));
    let issued_with = Query::select()
        .expr(Expr::val(1))
        .from(Entity)
        .and_where(column(Column::Id).eq(token))
        .and_where(column(Column::UserId).eq(claim.principal.user_id))
        .cond_where(Condition::any().add(is_live).add(lives_on))
        .and_where(Expr::expr(session_start(Entity)).gt(claim.too_old))
        .take();
    Condition::all().add(Expr::exists(issued_with))
}

/// Whether the account may be used and the session of the access token lives. Right under the lock of the account.
pub(super) async fn is_live(connection: &impl ConnectionTrait, claim: SessionClaim) -> Result<bool, DbErr> {
    let account = usable_account(claim).filter(lives(claim));
    Ok(account.count(connection).await? > 0)
}

/// When the session of a token began.
pub(super) fn session_start(table: impl sea_orm::sea_query::IntoIden + Clone) -> SimpleExpr {
    let table = table.into_iden();
    let column = |column: Column| Expr::col((table.clone(), column));
    sea_orm::sea_query::Func::coalesce([column(Column::SessionStartedAt), column(Column::CreatedAt)]).into()
}

/// The tokens of the session that can be used.
fn live_tokens(claim: SessionClaim) -> SelectStatement {
    let live = Alias::new("live_token");
    let column = |column: Column| Expr::col((live.clone(), column));
    let of_session = column(Column::Id).eq(claim.session).or(column(Column::FamilyId).eq(claim.session));
    Query::select()
        .expr(Expr::val(1))
        .from_as(Entity, live.clone())
        .and_where(of_session)
        .and_where(column(Column::UserId).eq(claim.principal.user_id))
        .and_where(column(Column::Revoked).eq(false))
        .and_where(column(Column::ExpiresAt).gt(claim.now))
        .and_where(Expr::expr(session_start(live.clone())).gt(claim.too_old))
        .take()
}

fn access_used_at(claim: SessionClaim) -> SimpleExpr {
    let used = Query::select()
        .column(Column::AccessUsedAt)
        .from(Entity)
        .and_where(Column::Id.eq(claim.token.unwrap_or_default()))
        .take();
    SimpleExpr::SubQuery(None, Box::new(used.into()))
}

/// Records that the access token is used; `false`: its refresh token was replaced meanwhile.
async fn mark_used(connection: &impl ConnectionTrait, claim: SessionClaim) -> Result<bool, DbErr> {
    let mark = Entity::update_many()
        .col_expr(Column::AccessUsedAt, Expr::value(claim.now))
        .filter(Column::Id.eq(claim.token.unwrap_or_default()))
        .filter(Condition::any().add(Column::RotatedAt.is_not_null()).add(Column::ReplacedBy.is_null()));
    Ok(mark.exec(connection).await?.rows_affected > 0)
}
