//! Sessions: refresh tokens that are rotated at each use. Of each token exactly one use succeeds; a second one ends the session.
//!
//! # Lock order
//! Every transaction that begins, rotates or ends a session of an account locks these rows, in this order:
//! 1. the account's row in `users`: by [`lock_account`] or [`lock_owner`], or by an UPDATE of that row as the first statement;
//! 2. the account's refresh tokens;
//! 3. links, rows of `login_throttles` in the order of their subjects, and new rows of `auth_events`.
//!
//! On SQLite a transaction locks the whole file when it begins. A decision uses only rows that were read after the lock of step 1, and
//! values that never change: id, account, session, hash and expiry of a token. Otherwise the token that a rotation issues at the same
//! moment escapes the UPDATE that ends the session. The reasons are in `docs/adr/0011-one-lock-order-for-sessions.md`.

use chrono::{DateTime, Utc};
use entity::auth_event::Kind;
use entity::refresh_token::{ActiveModel, Column, Entity, Model};
use entity::user;
use entity::value::TokenHash;
use sea_orm::sea_query::{Expr, LockType, Query};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Select, Set, UpdateMany,
};

use super::accounts::Entered;
use super::database_identity::{Epoch, Principal, current_epoch, is_in};
use super::trail::{Client, Event};
use super::{Error, Pool, Transaction};

/// Sessions that are listed at most.
const MOST_LISTED: u64 = 200;

/// A refresh token that is about to be issued.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What is stored of it.
    pub hash: TokenHash,
    /// No use after this time.
    pub expires_at: DateTime<Utc>,
}

/// What came of a refresh.
#[derive(Debug)]
pub enum Rotation {
    /// The token was exchanged for the new one.
    Done(Box<Entered>),
    /// There is no such token, or it is past its time, or its account is gone.
    Refused,
    /// It was used before: the session is ended.
    Reused {
        /// Whose.
        user_id: i64,
        /// The session.
        session: i64,
    },
}

/// Which sessions are ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The one of the token.
    This,
    /// All of its account.
    All,
}

impl Pool {
    /// Exchanges a refresh token for a new one.
    ///
    /// # Errors
    /// What the database said; the token is as it was.
    pub async fn rotate(
        &self,
        hash: &TokenHash,
        new: &NewToken,
        client: &Client,
        now: DateTime<Utc>,
    ) -> Result<Rotation, Error> {
        let transaction = self.queries().begin().await?;
        let Some(owner) = lock_owner(&transaction, hash).await?.filter(TokenOwner::may_log_in) else {
            transaction.rollback().await?;
            return Ok(Rotation::Refused);
        };
        let used = revoking(now).filter(Column::Id.eq(owner.token)).filter(Column::ExpiresAt.gt(now));
        let rotation = match used.exec(&transaction).await?.rows_affected {
            0 => refuse(&transaction, hash, client, now).await?,
            _ => follow(&transaction, owner, new, client, now).await?,
        };
        transaction.commit().await?;
        Ok(rotation)
    }

    /// Ends the session of a refresh token, live or not, or all of its account; whose it was, if there is such a token.
    ///
    /// # Errors
    /// What the database said; nothing is ended.
    pub async fn log_out(
        &self,
        hash: &TokenHash,
        scope: Scope,
        client: &Client,
        now: DateTime<Utc>,
    ) -> Result<Option<i64>, Error> {
        let transaction = self.queries().begin().await?;
        let Some(owner) = lock_owner(&transaction, hash).await?.filter(|owner| owner.user.deleted_at.is_none()) else {
            transaction.rollback().await?;
            return Ok(None);
        };
        let user_id = owner.user.id;
        let of_owner = revoking(now).filter(Column::UserId.eq(user_id));
        let (ending, detail) = match scope {
            Scope::This => (of_session(of_owner, owner.session()), "this session"),
            Scope::All => (of_owner, "all sessions"),
        };
        if ending.exec(&transaction).await?.rows_affected > 0 {
            Event::of(Kind::Logout, user_id).because(detail).record(&transaction, client, now).await?;
        }
        transaction.commit().await?;
        Ok(Some(user_id))
    }

    /// The newest token of each live session of an account, newest first; 200 at most.
    ///
    /// # Errors
    /// What the database said.
    pub async fn sessions_of(&self, principal: Principal, now: DateTime<Utc>) -> Result<Vec<Model>, Error> {
        let live = Entity::live(now).filter(Column::UserId.eq(principal.user_id)).filter(is_in(principal.epoch));
        Ok(live.order_by_desc(Column::Id).limit(MOST_LISTED).all(self.queries()).await?)
    }

    /// Ends one session of an account; whether there was such a live one.
    ///
    /// # Errors
    /// What the database said; nothing is ended.
    pub async fn end_session(
        &self,
        principal: Principal,
        session: i64,
        client: &Client,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let transaction = self.queries().begin().await?;
        lock_account(&transaction, principal.user_id).await?;
        let live = revoking(now).filter(Column::UserId.eq(principal.user_id)).filter(is_in(principal.epoch));
        let live = live.filter(Column::ExpiresAt.gt(now));
        let ended = of_session(live, session).exec(&transaction).await?.rows_affected > 0;
        if ended {
            Event::of(Kind::Logout, principal.user_id)
                .because("another session")
                .record(&transaction, client, now)
                .await?;
        }
        transaction.commit().await?;
        Ok(ended)
    }
}

/// Locks the row of an account until the transaction ends, and returns the row as it is under the lock. The first statement of a
/// transaction that changes sessions of the account.
pub(super) async fn lock_account(transaction: &Transaction, user_id: i64) -> Result<Option<user::Model>, DbErr> {
    locked(user::Entity::find_by_id(user_id)).one(transaction).await
}

/// The account of a refresh token as it is under the lock, and what never changes of the token.
#[derive(FromQueryResult)]
struct TokenOwner {
    #[sea_orm(nested)]
    user: user::Model,
    token: i64,
    family: Option<i64>,
}

impl TokenOwner {
    fn session(&self) -> i64 {
        self.family.unwrap_or(self.token)
    }

    fn may_log_in(&self) -> bool {
        self.user.active && self.user.deleted_at.is_none()
    }
}

/// Locks the row of a refresh token's account, as [`lock_account`] does; `None`: there is no such token.
async fn lock_owner(transaction: &Transaction, hash: &TokenHash) -> Result<Option<TokenOwner>, DbErr> {
    let of_token = |column: Column| Expr::col((Entity, column));
    let owner = user::Entity::find().inner_join(Entity).filter(Column::TokenHash.eq(hash.clone()));
    let owner = owner.expr_as(of_token(Column::Id), "token").expr_as(of_token(Column::FamilyId), "family");
    locked(owner).into_model().one(transaction).await
}

/// `FOR NO KEY UPDATE OF users`; nothing on SQLite.
fn locked(mut accounts: Select<user::Entity>) -> Select<user::Entity> {
    QueryTrait::query(&mut accounts).lock_with_tables(LockType::NoKeyUpdate, [user::Entity]);
    accounts
}

/// Issues a token to an account: the first of a session, or the next one of it.
pub(super) async fn issue(
    connection: &impl ConnectionTrait,
    user: user::Model,
    session: Option<i64>,
    new: &NewToken,
    client: &Client,
    now: DateTime<Utc>,
) -> Result<Entered, DbErr> {
    let token = ActiveModel {
        user_id: Set(user.id),
        token_hash: Set(new.hash.clone()),
        family_id: Set(session),
        expires_at: Set(new.expires_at),
        created_at: Set(now),
        ip: Set(client.ip_text()),
        user_agent: Set(client.user_agent()),
        ..Default::default()
    };
    let mut insert = Entity::insert(token).into_query();
    insert.returning(Query::returning().exprs([Expr::col(Column::Id), current_epoch()]));
    let row = connection.query_one(&insert).await?.ok_or(DbErr::RecordNotInserted)?;
    let (id, epoch): (i64, Option<String>) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
    Ok(Entered { user, session: session.unwrap_or(id), epoch: Epoch::from_column(epoch.as_deref())? })
}

/// Ends every session of an account except one.
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

/// Revokes what further filters leave of the tokens that are not revoked.
fn revoking(now: DateTime<Utc>) -> UpdateMany<Entity> {
    Entity::update_many()
        .col_expr(Column::Revoked, Expr::value(true))
        .col_expr(Column::RevokedAt, Expr::value(now))
        .filter(Column::Revoked.eq(false))
}

fn of_session(tokens: UpdateMany<Entity>, session: i64) -> UpdateMany<Entity> {
    tokens.filter(Condition::any().add(Column::Id.eq(session)).add(Column::FamilyId.eq(session)))
}

/// The token was live, and is used now: another one follows it.
async fn follow(
    transaction: &Transaction,
    owner: TokenOwner,
    new: &NewToken,
    client: &Client,
    now: DateTime<Utc>,
) -> Result<Rotation, DbErr> {
    let session = owner.session();
    let entered = issue(transaction, owner.user, Some(session), new, client, now).await?;
    Event::of(Kind::TokenRefreshed, entered.user.id).record(transaction, client, now).await?;
    Ok(Rotation::Done(Box::new(entered)))
}

/// The token is not live: one that was used tells of a thief, or of its victim.
async fn refuse(
    transaction: &Transaction,
    hash: &TokenHash,
    client: &Client,
    now: DateTime<Utc>,
) -> Result<Rotation, DbErr> {
    let token = Entity::by_hash(hash).one(transaction).await?;
    let Some(token) = token.filter(|token| token.revoked && now < token.expires_at) else {
        return Ok(Rotation::Refused);
    };
    of_session(revoking(now), token.family()).exec(transaction).await?;
    Event::of(Kind::RefreshTokenReused, token.user_id)
        .because("the session is ended")
        .record(transaction, client, now)
        .await?;
    Ok(Rotation::Reused { user_id: token.user_id, session: token.family() })
}
