//! Links a provider identity to an existing account that has the address which the provider vouches for.
//!
//! Another person may have registered the address and set every field of the account before the first link. The first
//! link therefore ends every session and erases the password. From then on the account belongs to the holder of the
//! provider identity. If the address was unverified, the other links, the provider columns of the legacy manager and
//! the picture are erased too. The account keeps its id and its name. A further link of a verified account changes
//! nothing else.
//!
//! All functions of this file run in the transaction of the login, after its first statement has locked the account's
//! row.

use entity::auth_event::AuthEventKind;
use entity::oauth_provider;
use entity::user::{Column, Entity, Model};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter};

use super::audit_log::AuditEvent;
use super::email_verification::verifying;
use super::provider_identity::ProviderIdentity;
use super::request_context::RequestContext;
use super::sessions::end_others;
use super::{Transaction, known_devices};

/// Result of linking a provider identity to an existing account.
pub(super) struct ClaimedAccount {
    /// Account row after the changes.
    pub(super) user: Model,
    /// Detail for the audit log in addition to the provider; `None` if only the link is new.
    pub(super) detail: Option<&'static str>,
}

/// Prepares an account for a link to a provider identity. The caller has locked the account's row, and the provider
/// vouches for its address.
pub(super) async fn claim_account(
    transaction: &Transaction,
    user: Model,
    identity: &ProviderIdentity,
    context: &RequestContext,
) -> Result<ClaimedAccount, DbErr> {
    let links = oauth_provider::Entity::find().filter(oauth_provider::Column::UserId.eq(user.id));
    let has_password = !user.password_hash.expose().is_empty();
    let is_first = has_password && links.count(transaction).await? == 0;
    if user.email_verified && !is_first {
        return Ok(ClaimedAccount { user, detail: None });
    }
    end_others(transaction, user.id, None, context.now).await?;
    known_devices::forget(transaction, user.id).await?;
    let mut update = verifying(Entity::update_many(), context.now)
        .col_expr(Column::PasswordHash, Expr::value(""))
        .col_expr(Column::Provider, Expr::value(identity.provider))
        .col_expr(Column::ProviderId, Expr::value(identity.provider_id.as_str()));
    if !user.email_verified {
        let unproven = oauth_provider::Entity::delete_many().filter(oauth_provider::Column::UserId.eq(user.id));
        unproven.exec(transaction).await?;
        update = update.col_expr(Column::AvatarUrl, Expr::value(identity.picture.as_deref()));
        let event = AuditEvent::of(AuthEventKind::EmailVerified, user.id).with_email(Some(user.email.as_str()));
        event.with_detail(identity.provider.name()).record(transaction, context).await?;
    }
    let detail = if user.email_verified {
        "the first link: the password is erased and every session is ended"
    } else {
        "the address was unverified: password, other links and picture are erased and every session is ended"
    };
    let changed = update.filter(Column::Id.eq(user.id)).exec_with_returning(transaction).await?;
    let user = changed.into_iter().next().ok_or(DbErr::RecordNotUpdated)?;
    Ok(ClaimedAccount { user, detail: Some(detail) })
}
