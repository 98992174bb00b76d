//! Registration with a password.

use chrono::{DateTime, Utc};
use entity::auth_event::AuthEventKind;
use entity::user::{ActiveModel, Entity};
use entity::value::{Email, PasswordHash};
use sea_orm::{ConnectionTrait as _, DbErr, EntityTrait, PaginatorTrait, Set};

use super::audit_log::AuditEvent;
use super::provisional_accounts::{self, Released, Takeover};
use super::request_context::RequestContext;
use super::sessions::{self, NewRefreshToken, NewSession};
use super::unique_fields::{TakenFields, is_duplicate, is_name_free};
use super::{Error, Pool, Transaction};

/// Account that is about to be created.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Email address of the account.
    pub email: Email,
    /// Name of the account.
    pub username: String,
    /// Hash of the account's password.
    pub password_hash: PasswordHash,
    /// Rule for a provisional account that has held the address for longer than a day.
    pub takeover: Takeover,
}

/// Result of a registration.
#[derive(Debug)]
pub enum RegistrationOutcome {
    /// The account was created, and its first session has begun.
    Registered(Box<NewSession>),
    /// Another account has the address or the name. Nothing was created.
    Taken(TakenFields),
}

impl Pool {
    /// Creates an account and its first session. A provisional account that has held the address for longer than a day
    /// loses it.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement. In that case nothing is created.
    pub async fn register(
        &self,
        account: NewAccount,
        token: &NewRefreshToken,
        context: &RequestContext,
    ) -> Result<RegistrationOutcome, Error> {
        match self.insert(&account, token, context).await {
            Ok(Some(session)) => Ok(RegistrationOutcome::Registered(Box::new(session))),
            Ok(None) => self.taken(&account.email, &account.username).await,
            Err(error) if is_duplicate(&error) => self.taken(&account.email, &account.username).await,
            Err(error) => Err(error.into()),
        }
    }

    async fn insert(
        &self,
        account: &NewAccount,
        token: &NewRefreshToken,
        context: &RequestContext,
    ) -> Result<Option<NewSession>, DbErr> {
        let transaction = self.runner().begin().await?;
        let released =
            provisional_accounts::release(&transaction, &account.email, &account.takeover, context.now).await?;
        if !is_name_free(&transaction, &account.username).await? {
            transaction.rollback().await?;
            return Ok(None);
        }
        let user = Entity::insert(row_of(account, context.now)).exec_with_returning(&transaction).await?;
        let entered = sessions::begin_session(&transaction, user, token, context).await?;
        let detail = released.as_ref().map(|old| format!("takes the address over from account {}", old.id));
        let event = AuditEvent::of(AuthEventKind::Registered, entered.user.id).with_email(Some(account.email.as_str()));
        AuditEvent { detail: detail.as_deref(), ..event }.record(&transaction, context).await?;
        if let Some(old) = released {
            record_release(&transaction, &old, entered.user.id, context).await?;
        }
        transaction.commit().await?;
        Ok(Some(entered))
    }

    pub(super) async fn taken(&self, email: &Email, username: &str) -> Result<RegistrationOutcome, Error> {
        // soft-deleted accounts keep their address and name
        let backend = self.runner().get_database_backend();
        let email = Entity::by_email_with_deleted(email, backend).count(self.runner()).await? > 0;
        let username = !is_name_free(self.runner(), username).await?;
        Ok(RegistrationOutcome::Taken(TakenFields { email, username }))
    }
}

fn row_of(account: &NewAccount, now: DateTime<Utc>) -> ActiveModel {
    ActiveModel {
        email: Set(account.email.clone()),
        username: Set(account.username.clone()),
        password_hash: Set(account.password_hash.clone()),
        created_at: Set(now),
        updated_at: Set(now),
        provisional_uses: Set(Some(1)),
        provisional_used_at: Set(Some(now)),
        ..Default::default()
    }
}

/// Records the old name in the old account's events, so that an operator can return it.
async fn record_release(
    transaction: &Transaction,
    old: &Released,
    new: i64,
    context: &RequestContext,
) -> Result<(), DbErr> {
    let detail = format!(
        "all sessions: account {new} took the address over, which was not verified within a day; the name was {}",
        old.username
    );
    AuditEvent::of(AuthEventKind::Logout, old.id)
        .with_email(Some(old.email.as_str()))
        .with_detail(&detail)
        .record(transaction, context)
        .await
}
