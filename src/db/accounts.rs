//! Accounts: made, logged in to, changed.
//!
//! A transaction locks the account's row first: see the lock order in `db/sessions.rs`.

use chrono::{DateTime, Utc};
use entity::auth_event::Kind;
use entity::user::{ActiveModel, Column, Entity, Model};
use entity::value::{Email, PasswordHash};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, RuntimeErr, Select, Set, UpdateMany,
};

use super::attempts::{self, Reservation};
use super::database_identity::{Epoch, FoundAccount, is_in};
use super::known_devices;
use super::session_check::{SessionClaim, is_live};
use super::sessions::{self, NewToken};
use super::trail::{Client, Event};
use super::{Error, Pool};

/// An account that is about to be made.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Its address.
    pub email: Email,
    /// Its name.
    pub username: String,
    /// Of its password.
    pub password_hash: PasswordHash,
}

/// SQLite's extended codes of a violated primary key: SQLITE_CONSTRAINT_PRIMARYKEY and SQLITE_CONSTRAINT_ROWID.
const PRIMARY_KEY_CODES: [&str; 2] = ["1555", "2579"];

/// What is unique, and somebody else's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// The address.
    pub email: bool,
    /// The name.
    pub username: bool,
}

/// An account, and the session that was begun for it.
#[derive(Debug, Clone)]
pub struct Entered {
    /// The account.
    pub user: Model,
    /// The session.
    pub session: i64,
    /// The refresh token that was issued.
    pub token: i64,
    /// The epoch of the database in which it began.
    pub epoch: Epoch,
}

/// A failed login.
#[derive(Debug)]
pub struct Failure<'a> {
    /// The account; `None`: nobody has this address.
    pub user_id: Option<i64>,
    /// The address that was tried, if it is one.
    pub email: Option<&'a str>,
    /// For the trail.
    pub reason: &'a str,
}

/// What came of changing a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordChange {
    /// It is changed.
    Done,
    /// The password hash is not the one that was checked any more; nothing is changed.
    PasswordReplaced,
    /// The session of the request has ended meanwhile; nothing is changed.
    SessionEnded,
}

/// What is changed of an account; `None`: nothing.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Its name.
    pub username: Option<String>,
    /// Its picture; `Some(None)`: none any more.
    pub avatar_url: Option<Option<String>>,
}

impl Pool {
    /// The account with this address.
    ///
    /// # Errors
    /// What the database said.
    pub async fn account_by_email(&self, email: &Email) -> Result<Option<FoundAccount>, Error> {
        self.found(Entity::by_email(email, self.queries().get_database_backend())).await
    }

    /// Makes an account and its first session.
    ///
    /// # Errors
    /// What the database said; nothing is made.
    pub async fn register(
        &self,
        account: NewAccount,
        token: &NewToken,
        client: &Client,
        now: DateTime<Utc>,
    ) -> Result<Result<Entered, Taken>, Error> {
        let made = async {
            let transaction = self.queries().begin().await?;
            let row = ActiveModel {
                email: Set(account.email.clone()),
                username: Set(account.username.clone()),
                password_hash: Set(account.password_hash),
                created_at: Set(now),
                updated_at: Set(now),
                ..Default::default()
            };
            let user = Entity::insert(row).exec_with_returning(&transaction).await?;
            let entered = sessions::begin_session(&transaction, user, token, client, now).await?;
            let event = Event::of(Kind::Registered, entered.user.id).at(Some(account.email.as_str()));
            event.record(&transaction, client, now).await?;
            transaction.commit().await?;
            Ok(entered)
        };
        match made.await {
            Err(error) if is_duplicate(&error) => Ok(Err(self.taken(&account.email, &account.username).await?)),
            made => Ok(Ok(made?)),
        }
    }

    pub(super) async fn taken(&self, email: &Email, username: &str) -> Result<Taken, Error> {
        // soft-deleted accounts keep theirs
        let email =
            Entity::by_email_with_deleted(email, self.queries().get_database_backend()).count(self.queries()).await?
                > 0;
        let username = Entity::find().filter(Column::Username.eq(username)).count(self.queries()).await? > 0;
        Ok(Taken { email, username })
    }

    /// Begins a session for an account whose password was checked; `rehashed` is stored in the place of the old hash. `None`: the
    /// password hash is not the one that was checked any more, the account may not log in, or it was looked up in another epoch;
    /// nothing is begun. A session takes the attempt and the failures before it back.
    ///
    /// # Errors
    /// What the database said; nothing is begun.
    pub async fn log_in(
        &self,
        FoundAccount { user, epoch }: FoundAccount,
        rehashed: Option<PasswordHash>,
        attempt: Option<&Reservation>,
        token: &NewToken,
        client: &Client,
        now: DateTime<Utc>,
    ) -> Result<Option<Entered>, Error> {
        let transaction = self.queries().begin().await?;
        let mut update = with_password(&user, epoch)
            .col_expr(Column::LastLogin, Expr::value(now))
            .col_expr(Column::UpdatedAt, Expr::value(now));
        if let Some(hash) = rehashed {
            update = update.col_expr(Column::PasswordHash, Expr::value(hash.expose()));
        }
        if update.exec(&transaction).await?.rows_affected == 0 {
            transaction.rollback().await?;
            return Ok(None);
        }
        let entered = sessions::begin_session(&transaction, user, token, client, now).await?;
        if let Some(attempt) = attempt {
            attempts::succeeded(&transaction, attempt, now).await?;
        }
        Event::of(Kind::LoginSucceeded, entered.user.id)
            .at(Some(entered.user.email.as_str()))
            .record(&transaction, client, now)
            .await?;
        transaction.commit().await?;
        Ok(Some(entered))
    }

    /// Notes a login that was not even tried.
    ///
    /// # Errors
    /// What the database said.
    pub async fn log_in_refused(
        &self,
        failure: &Failure<'_>,
        client: &Client,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        Ok(failed(failure, Kind::LoginFailed).because(failure.reason).record(self.queries(), client, now).await?)
    }

    /// Changes the password and ends every other session.
    ///
    /// # Errors
    /// What the database said; nothing is changed.
    pub async fn change_password(
        &self,
        checked: &Model,
        new: &PasswordHash,
        claim: SessionClaim,
        client: &Client,
    ) -> Result<PasswordChange, Error> {
        let now = claim.now;
        let transaction = self.queries().begin().await?;
        let change = with_password(checked, claim.principal.epoch)
            .col_expr(Column::PasswordHash, Expr::value(new.expose()))
            .col_expr(Column::UpdatedAt, Expr::value(now));
        let is_changed = change.exec(&transaction).await?.rows_affected > 0;
        let is_live = is_live(&transaction, claim).await?;
        if !is_changed || !is_live {
            transaction.rollback().await?;
            return Ok(if is_live { PasswordChange::PasswordReplaced } else { PasswordChange::SessionEnded });
        }
        sessions::end_others(&transaction, checked.id, Some(claim.session), now).await?;
        known_devices::forget(&transaction, checked.id).await?;
        Event::of(Kind::PasswordChanged, checked.id).record(&transaction, client, now).await?;
        transaction.commit().await?;
        Ok(PasswordChange::Done)
    }

    /// Notes that an address is its account's; whether the account still has it.
    ///
    /// # Errors
    /// What the database said; nothing is noted.
    pub async fn verify_email(
        &self,
        user_id: i64,
        email: &Email,
        client: &Client,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let transaction = self.queries().begin().await?;
        let verified = Entity::update_many()
            .col_expr(Column::EmailVerified, Expr::value(true))
            .col_expr(Column::UpdatedAt, Expr::value(now))
            .filter(Column::Id.eq(user_id))
            .filter(Column::EmailVerified.eq(false))
            .exec(&transaction)
            .await?
            .rows_affected;
        let found = active(user_id).one(&transaction).await?.filter(|user| user.email.folded() == email.folded());
        if found.is_none() {
            transaction.rollback().await?;
            return Ok(false);
        }
        if verified > 0 {
            let event = Event::of(Kind::EmailVerified, user_id).at(Some(email.as_str()));
            event.record(&transaction, client, now).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Changes what its owner may change of an account; `None`: the account may not be used or the session has ended.
    ///
    /// # Errors
    /// What the database said; nothing is changed.
    pub async fn change_account(
        &self,
        claim: SessionClaim,
        change: Change,
    ) -> Result<Result<Option<Model>, Taken>, Error> {
        let Some(account) = self.session_account(claim).await? else { return Ok(Ok(None)) };
        if change.username.is_none() && change.avatar_url.is_none() {
            return Ok(Ok(Some(account)));
        }
        match self.change_row(claim, change).await {
            Ok(changed) => Ok(Ok(changed)),
            Err(error) if is_duplicate(&error) => Ok(Err(Taken { email: false, username: true })),
            Err(error) => Err(error.into()),
        }
    }

    async fn change_row(&self, claim: SessionClaim, change: Change) -> Result<Option<Model>, DbErr> {
        let mut row = ActiveModel { updated_at: Set(claim.now), ..Default::default() };
        row.username = change.username.map_or(row.username, Set);
        row.avatar_url = change.avatar_url.map_or(row.avatar_url, Set);
        let transaction = self.queries().begin().await?;
        sessions::lock_account(&transaction, claim.principal.user_id).await?;
        if !is_live(&transaction, claim).await? {
            transaction.rollback().await?;
            return Ok(None);
        }
        let update = Entity::update_many().set(row).filter(Column::Id.eq(claim.principal.user_id));
        let changed = update.exec_with_returning(&transaction).await?;
        transaction.commit().await?;
        Ok(changed.into_iter().next())
    }
}

/// An UPDATE of an account that may be used and still has the password hash that was checked. It locks the account's row.
fn with_password(user: &Model, epoch: Epoch) -> UpdateMany<Entity> {
    Entity::update_many()
        .filter(Column::Id.eq(user.id))
        .filter(Column::PasswordHash.eq(user.password_hash.clone()))
        .filter(Column::Active.eq(true))
        .filter(Column::DeletedAt.is_null())
        .filter(is_in(epoch))
}

pub(super) fn failed<'a>(failure: &Failure<'a>, kind: Kind) -> Event<'a> {
    Event { kind, user_id: failure.user_id, email: failure.email, detail: None }
}

fn active(id: i64) -> Select<Entity> {
    Entity::existing_by_id(id).filter(Column::Active.eq(true))
}

/// Whether an account or link has what must be unique. A primary key is no such thing: what it refuses is an id that the
/// database gave out twice.
pub(super) fn is_duplicate(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) = error else {
        return false;
    };
    let sqlx::Error::Database(error) = error.as_ref() else { return false };
    if !error.is_unique_violation() {
        return false;
    }
    match error.constraint() {
        Some(constraint) => !constraint.ends_with("_pkey") && !constraint.starts_with("refresh_tokens_"),
        // SQLite names columns, and has a code of its own for primary keys
        None => {
            let is_key = error.code().is_some_and(|code| PRIMARY_KEY_CODES.contains(&code.as_ref()));
            !is_key && !error.message().contains("refresh_tokens.")
        }
    }
}
