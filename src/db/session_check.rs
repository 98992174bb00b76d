//! Whether the session of an access token lives: asked in each statement that looks the account up.
//!
//! A session lives as long as one of its refresh tokens is neither revoked nor expired. An access token names the refresh token that was
//! issued with it. That one may have been used since; it must not have been replaced because the answer with both was lost.

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

/// What the owner of an account sees of it. It does not have the password hash.
#[derive(Debug, Clone, PartialEq, Eq, DerivePartialModel)]
#[sea_orm(entity = "user::Entity")]
pub struct AccountView {
    /// Never used again, even after deletion.
    pub id: i64,
    /// As its owner wrote it.
    pub email: Email,
    /// Unique.
    pub username: String,
    /// Address of a picture.
    pub avatar_url: Option<String>,
    /// Where the account came from.
    pub provider: Provider,
    /// Whether the address was shown to be theirs.
    pub email_verified: bool,
}

/// An account, as [`AccountView`] or [`user::Model`].
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
    /// The account of an access token, if the account may be used, the epoch has not changed and the session lives. The first time it also
    /// records that the access token is used.
    ///
    /// # Errors
    /// What the database said.
    pub async fn session_account(&self, claim: SessionClaim) -> Result<Option<user::Model>, Error> {
        self.in_session(claim).await
    }

    /// Of the same account only what its owner sees.
    ///
    /// # Errors
    /// What the database said.
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

    /// Most requests: the refresh token that was issued with the access token can still be used. Three look-ups by primary key, which
    /// PostgreSQL plans once for a connection. It plans the statement with every case anew for each request, which takes longer than the
    /// rest of the request.
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
        // not `=`: PostgreSQL may then read every token of the account by the index on `user_id`
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

/// The account of an access token, if it may be used and the epoch has not changed. The statement begins at the only row with the epoch,
/// because PostgreSQL answers that in less time than an `EXISTS`, and SeaORM builds it in less time than one with all columns of an account.
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
