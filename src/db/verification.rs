//! Proving that an address is its account's.
//!
//! The token that was mailed proves the address. The account is proven as well, by one of its sessions or by its password, because
//! another person may have registered the address: a click on the link in the mail must not give that person a verified account.
//!
//! A transaction locks the account's row first: see the lock order in `db/sessions.rs`.

use chrono::{DateTime, Utc};
use entity::auth_event::AuthEventKind;
use entity::user::{Column, Entity, Model};
use entity::value::Email;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, UpdateMany};

use super::audit_log::AuditEvent;
use super::database_identity::FoundAccount;
use super::provisional::confirming;
use super::request_context::RequestContext;
use super::session_check::{SessionClaim, is_live};
use super::sessions::lock_account;
use super::{Error, Pool, Transaction};

/// What proves that the account is the caller's.
#[derive(Debug, Clone)]
pub enum VerificationProof {
    /// One of its sessions.
    Session(SessionClaim),
    /// Its password, which was checked against this row.
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
    /// Records that an address is its account's; `false`: the account has another address now, may not be used, or the proof does not
    /// hold any more.
    ///
    /// # Errors
    /// What the database said; nothing is recorded.
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

/// Whether the proof holds for the account as it is under the lock.
async fn holds(transaction: &Transaction, proof: &VerificationProof, account: &Model) -> Result<bool, DbErr> {
    match proof {
        VerificationProof::Session(claim) => is_live(transaction, *claim).await,
        VerificationProof::Password(found) => {
            let is_same = found.user.password_hash == account.password_hash;
            Ok(is_same && super::database_identity::is_current(transaction, found.epoch).await?)
        }
    }
}

/// The address is verified, and the account holds it for good.
pub(super) fn verifying(update: UpdateMany<Entity>, now: DateTime<Utc>) -> UpdateMany<Entity> {
    confirming(update).col_expr(Column::EmailVerified, Expr::value(true)).col_expr(Column::UpdatedAt, Expr::value(now))
}
