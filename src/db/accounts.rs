//! Account queries: login, password change and profile change.
//!
//! Every transaction locks the account's row first, as the lock order in `db/sessions.rs` requires.

use entity::auth_event::AuthEventKind;
use entity::user::{ActiveModel, Column, Entity, Model};
use entity::value::{Email, PasswordHash};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, Set, UpdateMany};

use super::attempt_counters::{self, Reservation};
use super::audit_log::{AuditEvent, FailedLogin};
use super::database_identity::{Epoch, FoundAccount, is_in};
use super::known_devices;
use super::provisional_accounts::counting_use;
use super::request_context::RequestContext;
use super::session_check::{SessionClaim, is_live};
use super::sessions::{self, NewRefreshToken, NewSession};
use super::unique_fields::{TakenFields, is_duplicate, is_name_free};
use super::{Error, Pool};

const NAME_TAKEN: TakenFields = TakenFields { email: false, username: true };

/// Result of a password change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordChangeOutcome {
    /// The password was changed.
    Done,
    /// The stored password hash is no longer the one that was checked. Nothing was changed.
    PasswordReplaced,
    /// The session of the request ended in the meantime. Nothing was changed.
    SessionEnded,
}

/// Result of a change to an account's profile.
#[derive(Debug)]
pub enum AccountChangeOutcome {
    /// Account row after the change, or as it was if there was nothing to change.
    Changed(Box<Model>),
    /// Another account has the name. Nothing was changed.
    Taken(TakenFields),
    /// The account is not usable, or the session has ended. Nothing was changed.
    SessionEnded,
}

/// Requested changes to an account's profile; a field that is `None` is not changed.
#[derive(Debug, Clone, Default)]
pub struct AccountChange {
    /// New name of the account.
    pub username: Option<String>,
    /// New address of the picture; `Some(None)` removes the picture.
    pub avatar_url: Option<Option<String>>,
}

impl Pool {
    /// Finds the account with this address.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement.
    pub async fn account_by_email(&self, email: &Email) -> Result<Option<FoundAccount>, Error> {
        self.found(Entity::by_email(email, self.runner().get_database_backend())).await
    }

    /// Begins a session for an account whose password was checked, and stores `rehashed` in place of the old hash. A
    /// new session takes back the attempt and the failures before it. Returns `None` and begins no session if the
    /// stored hash is no longer the one that was checked. It also does so if the account may not log in, or if the
    /// epoch has changed.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement. In that case nothing is begun.
    pub async fn log_in(
        &self,
        FoundAccount { user, epoch }: FoundAccount,
        rehashed: Option<PasswordHash>,
        attempt: Option<&Reservation>,
        token: &NewRefreshToken,
        context: &RequestContext,
    ) -> Result<Option<NewSession>, Error> {
        let transaction = self.runner().begin().await?;
        let mut update = with_password(&user, epoch)
            .col_expr(Column::LastLogin, Expr::value(context.now))
            .col_expr(Column::UpdatedAt, Expr::value(context.now));
        update = counting_use(update, context.now);
        if let Some(hash) = rehashed {
            update = update.col_expr(Column::PasswordHash, Expr::value(hash.expose()));
        }
        if update.exec(&transaction).await?.rows_affected == 0 {
            transaction.rollback().await?;
            return Ok(None);
        }
        let entered = sessions::begin_session(&transaction, user, token, context).await?;
        if let Some(attempt) = attempt {
            attempt_counters::succeeded(&transaction, attempt, context.now).await?;
        }
        AuditEvent::of(AuthEventKind::LoginSucceeded, entered.user.id)
            .with_email(Some(entered.user.email.as_str()))
            .record(&transaction, context)
            .await?;
        transaction.commit().await?;
        Ok(Some(entered))
    }

    /// Records a refused login whose password was not checked.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement.
    pub async fn record_refused_login(&self, failure: &FailedLogin<'_>, context: &RequestContext) -> Result<(), Error> {
        Ok(failure.event(AuthEventKind::LoginFailed).with_detail(failure.reason).record(self.runner(), context).await?)
    }

    /// Changes the password and ends every other session.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement. In that case nothing is changed.
    pub async fn change_password(
        &self,
        checked: &Model,
        new: &PasswordHash,
        claim: SessionClaim,
        context: &RequestContext,
    ) -> Result<PasswordChangeOutcome, Error> {
        let now = context.now;
        let transaction = self.runner().begin().await?;
        let change = with_password(checked, claim.principal.epoch)
            .col_expr(Column::PasswordHash, Expr::value(new.expose()))
            .col_expr(Column::UpdatedAt, Expr::value(now));
        let is_changed = change.exec(&transaction).await?.rows_affected > 0;
        let is_live = is_live(&transaction, claim).await?;
        if !is_changed || !is_live {
            transaction.rollback().await?;
            return Ok(if is_live {
                PasswordChangeOutcome::PasswordReplaced
            } else {
                PasswordChangeOutcome::SessionEnded
            });
        }
        sessions::end_others(&transaction, checked.id, Some(claim.session), now).await?;
        known_devices::forget(&transaction, checked.id).await?;
        AuditEvent::of(AuthEventKind::PasswordChanged, checked.id).record(&transaction, context).await?;
        transaction.commit().await?;
        Ok(PasswordChangeOutcome::Done)
    }

    /// Changes the fields of an account that its owner may change.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement. In that case nothing is changed.
    pub async fn change_account(
        &self,
        claim: SessionClaim,
        change: AccountChange,
    ) -> Result<AccountChangeOutcome, Error> {
        let Some(account) = self.session_account(claim).await? else {
            return Ok(AccountChangeOutcome::SessionEnded);
        };
        if change.username.is_none() && change.avatar_url.is_none() {
            return Ok(AccountChangeOutcome::Changed(Box::new(account)));
        }
        match self.change_row(claim, change).await {
            Ok(outcome) => Ok(outcome),
            Err(error) if is_duplicate(&error) => Ok(AccountChangeOutcome::Taken(NAME_TAKEN)),
            Err(error) => Err(error.into()),
        }
    }

    async fn change_row(&self, claim: SessionClaim, change: AccountChange) -> Result<AccountChangeOutcome, DbErr> {
        let mut row = ActiveModel { updated_at: Set(claim.now), ..Default::default() };
        let transaction = self.runner().begin().await?;
        let account = sessions::lock_account(&transaction, claim.principal.user_id).await?;
        let is_live = is_live(&transaction, claim).await?;
        let Some(account) = account.filter(|_| is_live) else {
            transaction.rollback().await?;
            return Ok(AccountChangeOutcome::SessionEnded);
        };
        if let Some(name) = change.username {
            let is_kept = name.eq_ignore_ascii_case(&account.username);
            if !is_kept && !is_name_free(&transaction, &name).await? {
                transaction.rollback().await?;
                return Ok(AccountChangeOutcome::Taken(NAME_TAKEN));
            }
            row.username_shared = Set(account.username_shared && is_kept);
            row.username = Set(name);
        }
        row.avatar_url = change.avatar_url.map_or(row.avatar_url, Set);
        let update = Entity::update_many().set(row).filter(Column::Id.eq(account.id));
        let changed = update.exec_with_returning(&transaction).await?;
        transaction.commit().await?;
        let changed = changed.into_iter().next();
        Ok(changed
            .map_or(AccountChangeOutcome::SessionEnded, |account| AccountChangeOutcome::Changed(Box::new(account))))
    }
}

/// Builds an UPDATE of a usable account that still has the password hash which was checked. The UPDATE locks the
/// account's row.
fn with_password(user: &Model, epoch: Epoch) -> UpdateMany<Entity> {
    Entity::update_many()
        .filter(Column::Id.eq(user.id))
        .filter(Column::PasswordHash.eq(user.password_hash.clone()))
        .filter(Column::Active.eq(true))
        .filter(Column::DeletedAt.is_null())
        .filter(is_in(epoch))
}
