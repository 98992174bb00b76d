//! Checks that the session of an access token is live, in each statement that looks up the account.
//!
//! A session is live if one of its refresh tokens is neither revoked nor expired. An access token names the refresh
//! token that was issued with it. That refresh token may have been used since. It must not have been replaced because
//! the response with both tokens was lost.

use chrono::{DateTime, Utc};
use entity::refresh_token::{Column, Entity};
use entity::value::{Email, Provider};
use entity::{database_identity, user};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Query, SelectStatement, SimpleExpr};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, DerivePartialModel, EntityTrait, FromQueryResult, PaginatorTrait,
    PartialModelTrait, QueryFilter, QueryResult, QuerySelect, Select,
};

use super::database_identity::{Principal, in_epoch};
use super::query_runner::unique_row;
use super::{Error, Pool};

/// Session of an access token, at the time of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionClaim {
    /// Account of the session, and its epoch.
    pub principal: Principal,
    /// Id of the session, which is the id of its first refresh token.
    pub session: i64,
    /// Refresh token that was issued with the access token; `None` if an earlier version issued it.
    pub token: Option<i64>,
    /// Time of the request.
    pub now: DateTime<Utc>,
    /// Limit of the session's age: a session that began at this time or before has expired.
    pub too_old: DateTime<Utc>,
}

/// Fields of an account that its owner sees. The password hash is not among them.
#[derive(Debug, Clone, PartialEq, Eq, DerivePartialModel)]
#[sea_orm(entity = "user::Entity")]
pub struct AccountView {
    /// Id of the account, which is never used again, even after deletion.
    pub id: i64,
    /// Email address, as its owner wrote it.
    pub email: Email,
    /// Unique name of the account.
    pub username: String,
    /// Address of the account's picture.
    pub avatar_url: Option<String>,
    /// Origin of the account.
    pub provider: Provider,
    /// True if the email address was verified.
    pub email_verified: bool,
}

/// Account that was looked up, as [`AccountView`] or [`user::Model`].
struct CheckedAccount<A> {
    account: A,
    access_used_at: Option<DateTime<Utc>>,
}

const ACCESS_USED_AT: &str = "access_used_at";

impl<A: PartialModelTrait> FromQueryResult for CheckedAccount<A> {
    fn from_query_result(row: &QueryResult, prefix: &str) -> Result<Self, DbErr> {
        let access_used_at = row.try_get(prefix, ACCESS_USED_AT)?;
        Ok(Self { account: A::from_query_result(row, prefix)?, access_used_at })
    }
}

impl Pool {
    /// Returns the account of an access token if it is usable, the epoch has not changed and the session is live. The
    /// first call also records that the access token was used.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement.
    pub async fn session_account(&self, claim: SessionClaim) -> Result<Option<user::Model>, Error> {
        self.in_session(claim).await
    }

    /// Returns the fields that the owner sees of the account of an access token, under the conditions of
    /// [`Self::session_account`].
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement.
    pub async fn session_account_view(&self, claim: SessionClaim) -> Result<Option<AccountView>, Error> {
        self.in_session(claim).await
    }

    async fn in_session<A: PartialModelTrait>(&self, claim: SessionClaim) -> Result<Option<A>, Error> {
        let found = match self.account_of_live_token(claim).await? {
            Some(found) => Some(found),
            None => self.account_of_live_session(claim).await?,
        };
        let Some(CheckedAccount { account, access_used_at }) = found else { return Ok(None) };
        let is_marked = access_used_at.is_some() || claim.token.is_none();
        if is_marked || mark_used(self.runner(), claim).await? { Ok(Some(account)) } else { Ok(None) }
    }

    /// Handles most requests: the refresh token that was issued with the access token is still usable. It makes three
    /// look-ups by primary key, which PostgreSQL plans once per connection. PostgreSQL plans the general statement for
    /// each request, which takes longer than the rest of the request.
    async fn account_of_live_token<A: PartialModelTrait>(
        &self,
        claim: SessionClaim,
    ) -> Result<Option<CheckedAccount<A>>, Error> {
        let Some(token) = claim.token else { return Ok(None) };
        let user_id = || Expr::col((user::Entity, user::Column::Id));
        let mut select = usable_account(claim)
            .filter(Column::Revoked.eq(false))
            .filter(Column::ExpiresAt.gt(claim.now))
            .filter(Expr::expr(session_start(Entity)).gt(claim.too_old));
        // not `=`: with it, PostgreSQL may read every token of the account by the index on `user_id`
        let is_of_account = Expr::col((Entity, Column::UserId)).between(user_id(), user_id());
        QuerySelect::query(&mut select).inner_join(Entity, Column::Id.eq(token).and(is_of_account));
        self.find_account(select, Expr::col((Entity, Column::AccessUsedAt))).await
    }

    async fn account_of_live_session<A: PartialModelTrait>(
        &self,
        claim: SessionClaim,
    ) -> Result<Option<CheckedAccount<A>>, Error> {
        self.find_account(usable_account(claim).filter(lives(claim)), access_used_at(claim)).await
    }

    async fn find_account<A: PartialModelTrait>(
        &self,
        select: Select<database_identity::Entity>,
        access_used_at: SimpleExpr,
    ) -> Result<Option<CheckedAccount<A>>, Error> {
        let select = A::select_cols(select.select_only()).expr_as(access_used_at, ACCESS_USED_AT);
        Ok(unique_row(select.into_model().all(self.runner()).await?))
    }
}

/// Selects the account of an access token if it is usable and the epoch has not changed. The statement begins at the
/// row of the epoch. PostgreSQL answers that faster than an `EXISTS`, and SeaORM builds it faster than a statement that
/// begins with all columns of an account.
fn usable_account(claim: SessionClaim) -> Select<database_identity::Entity> {
    let column = |column: user::Column| Expr::col((user::Entity, column));
    let may_be_used = column(user::Column::Id)
        .eq(claim.principal.user_id)
        .and(column(user::Column::DeletedAt).is_null())
        .and(column(user::Column::Active).eq(true));
    let mut select = in_epoch(claim.principal.epoch);
    QuerySelect::query(&mut select).inner_join(user::Entity, may_be_used);
    select
}

/// Builds a condition that is true if the session is live and its access token was not replaced.
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

/// Returns true if the account is usable and the session of the access token is live. The caller must hold the lock of
/// the account.
pub(super) async fn is_live(connection: &impl ConnectionTrait, claim: SessionClaim) -> Result<bool, DbErr> {
    let account = usable_account(claim).filter(lives(claim));
    Ok(account.count(connection).await? > 0)
}

/// Builds an expression for the time when the session of a token began.
pub(super) fn session_start(table: impl sea_orm::sea_query::IntoIden + Clone) -> SimpleExpr {
    let table = table.into_iden();
    let column = |column: Column| Expr::col((table.clone(), column));
    sea_orm::sea_query::Func::coalesce([column(Column::SessionStartedAt), column(Column::CreatedAt)]).into()
}

/// Selects the usable tokens of the session.
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

/// Records that the access token was used. Returns false if its refresh token was replaced in the meantime.
async fn mark_used(connection: &impl ConnectionTrait, claim: SessionClaim) -> Result<bool, DbErr> {
    let mark = Entity::update_many()
        .col_expr(Column::AccessUsedAt, Expr::value(claim.now))
        .filter(Column::Id.eq(claim.token.unwrap_or_default()))
        .filter(Condition::any().add(Column::RotatedAt.is_not_null()).add(Column::ReplacedBy.is_null()));
    Ok(mark.exec(connection).await?.rows_affected > 0)
}
