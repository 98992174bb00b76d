//! Verification that an email address belongs to its account.
//!
//! The mailed token proves the address. One of the account's sessions or its password must also prove the account,
//! because another person may have registered the address. A click on the mailed link must not give that person a
//! verified account.
//!
//! Every transaction locks the account's row first, as the lock order in `db/sessions.rs` requires.

use chrono::{DateTime, Utc};
use entity::auth_event::AuthEventKind;
use entity::user::{Column, Entity, Model};
use entity::value::Email;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, UpdateMany};

use super::audit_log::AuditEvent;
use super::database_identity::FoundAccount;
use super::provisional_accounts::confirming;
use super::request_context::RequestContext;
use super::session_check::{SessionClaim, is_live};
use super::sessions::lock_account;
use super::{Error, Pool, Transaction};

/// Proof that the account belongs to the caller.
#[derive(Debug, Clone)]
pub enum VerificationProof {
    /// Session of the account.
    Session(SessionClaim),
    /// Password of the account, which was checked against this row.
    Password(Box<FoundAccount>),
}

impl VerificationProof {
    fn user_id(&self) -> i64 {
        match self {
            Self::Session(claim) => claim.principal.user_id,
            Self::Password(found) => found.user.id,
        }
    }
}

impl Pool {
    /// Records that an address belongs to its account. Returns false if the account has another address, is not usable,
    /// or if the proof no longer holds.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement. In that case nothing is recorded.
    pub async fn verify_email(
        &self,
        proof: &VerificationProof,
        email: &Email,
        context: &RequestContext,
    ) -> Result<bool, Error> {
        let transaction = self.runner().begin().await?;
        let account = lock_account(&transaction, proof.user_id()).await?;
        let account = account.filter(|user| user.email.folded() == email.folded());
        let Some(account) = account.filter(|user| user.active && user.deleted_at.is_none()) else {
            transaction.rollback().await?;
            return Ok(false);
        };
        if !holds(&transaction, proof, &account).await? {
            transaction.rollback().await?;
            return Ok(false);
        }
        if !account.email_verified {
            let id = account.id;
            verifying(Entity::update_many(), context.now).filter(Column::Id.eq(id)).exec(&transaction).await?;
            let event = AuditEvent::of(AuthEventKind::EmailVerified, id).with_email(Some(email.as_str()));
            event.record(&transaction, context).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }
}

/// Returns true if the proof holds for the account as it is under the lock.
async fn holds(transaction: &Transaction, proof: &VerificationProof, account: &Model) -> Result<bool, DbErr> {
    match proof {
        VerificationProof::Session(claim) => is_live(transaction, *claim).await,
        VerificationProof::Password(found) => {
            let is_same = found.user.password_hash == account.password_hash;
            Ok(is_same && super::database_identity::is_current(transaction, found.epoch).await?)
        }
    }
}

/// Marks the address as verified, and lets the account keep it.
pub(super) fn verifying(update: UpdateMany<Entity>, now: DateTime<Utc>) -> UpdateMany<Entity> {
    confirming(update).col_expr(Column::EmailVerified, Expr::value(true)).col_expr(Column::UpdatedAt, Expr::value(now))
}
