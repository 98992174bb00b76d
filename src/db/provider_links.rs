//! Links between accounts and provider identities: login through a link, and creation of links.
//!
//! Every transaction locks the account's row first, as the lock order in `db/sessions.rs` requires. Two simultaneous
//! logins of one person may both find no link. One of them creates it, and the other has to look it up again.

use chrono::{DateTime, Utc};
use entity::auth_event::AuthEventKind;
use entity::oauth_provider::{ActiveModel, Column, Entity};
use entity::value::{Email, PasswordHash, Provider};
use entity::{oauth_state, user};
use sea_orm::sea_query::{Expr, NullOrdering};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, Order, QueryFilter, QueryOrder, Set, TryInsertResult};

use super::account_claims::{ClaimedAccount, claim_account};
use super::audit_log::AuditEvent;
use super::database_identity::{Epoch, FoundAccount, is_in};
use super::provider_identity::ProviderIdentity;
use super::registration::RegistrationOutcome;
use super::request_context::RequestContext;
use super::sessions::{self, NewRefreshToken, NewSession};
use super::unique_fields::{is_duplicate, is_name_free};
use super::{Error, Pool};

/// Account that the holder of a [`ProviderIdentity`] may log in to.
#[derive(Debug, Clone)]
pub struct LinkedAccount {
    /// Account row; it may be soft-deleted or inactive.
    pub user: user::Model,
    /// Id of the link; `None` if there is no link yet.
    pub link: Option<i64>,
    /// Epoch of the database before the account was looked up.
    pub epoch: Epoch,
}

/// New account for the holder of a [`ProviderIdentity`].
#[derive(Debug, Clone)]
pub struct NewLinkedAccount {
    /// Email address, which the provider vouches for.
    pub email: Email,
    /// Name of the account.
    pub username: String,
    /// Address of the picture.
    pub avatar_url: Option<String>,
}

/// Refused login through a provider, for the audit log.
#[derive(Debug, Clone, Default)]
pub struct RefusedProviderLogin {
    /// Id of the account, if it is known.
    pub user_id: Option<i64>,
    /// Email address that the provider reported, if any.
    pub email: Option<String>,
    /// Reason, as the audit log stores it.
    pub reason: String,
}

impl Pool {
    /// Records that an OAuth state is used, until the state would have expired. Returns true if it was not used before.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement. In that case nothing is noted.
    pub async fn mark_state_used(&self, hash: &str, expires_at: DateTime<Utc>) -> Result<bool, Error> {
        let state = oauth_state::ActiveModel { state_hash: Set(hash.to_owned()), expires_at: Set(expires_at) };
        let used = oauth_state::Entity::insert(state).on_conflict_do_nothing();
        let used = used.exec_without_returning(self.runner()).await?;
        Ok(matches!(used, TryInsertResult::Inserted(1)))
    }

    /// Finds the account of a provider identity by its link. For accounts of the legacy service it uses the account's
    /// own columns.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement.
    pub async fn account_at_provider(
        &self,
        provider: Provider,
        provider_id: &str,
    ) -> Result<Option<LinkedAccount>, Error> {
        let epoch = self.epoch().await?;
        let linked = Entity::of_with_deleted(provider, provider_id).find_also_related(user::Entity);
        if let Some((link, Some(user))) = linked.one(self.runner()).await? {
            return Ok(Some(LinkedAccount { user, link: Some(link.id), epoch }));
        }
        // these are not unique: an existing account comes before a deleted one, and the oldest before the others
        let own = user::Entity::by_provider_account_with_deleted(provider, provider_id)
            .order_by_with_nulls(user::Column::DeletedAt, Order::Asc, NullOrdering::First)
            .order_by_asc(user::Column::Id);
        Ok(own.one(self.runner()).await?.map(|user| LinkedAccount { user, link: None, epoch }))
    }

    /// Finds the account with this address, soft-deleted or not. No other account can have the address.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement.
    pub async fn owner_of_email(&self, email: &Email) -> Result<Option<FoundAccount>, Error> {
        self.found(user::Entity::by_email_with_deleted(email, self.runner().get_database_backend())).await
    }

    /// Begins a session for the holder of the identity, and creates the link if there is none yet. Returns `None`,
    /// without a session, if account, link or epoch changed after they were looked up.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement. In that case nothing is begun.
    pub async fn log_in_linked(
        &self,
        account: LinkedAccount,
        identity: &ProviderIdentity,
        token: &NewRefreshToken,
        context: &RequestContext,
    ) -> Result<Option<NewSession>, Error> {
        let LinkedAccount { user, link, epoch } = account;
        let begun = async {
            let transaction = self.runner().begin().await?;
            let Some(user) = touch_login(&transaction, &user, epoch, context.now).await? else {
                transaction.rollback().await?;
                return Ok(None);
            };
            let joined = match link {
                None if !is_of(&user, identity) => claim_account(&transaction, user, identity, context).await?,
                _ => ClaimedAccount { user, detail: None },
            };
            if !upsert_link(&transaction, joined.user.id, link, identity, context.now).await? {
                transaction.rollback().await?;
                return Ok(None);
            }
            let entered = sessions::begin_session(&transaction, joined.user, token, context).await?;
            let user = &entered.user;
            if link.is_none() {
                let name = identity.provider.name();
                let detail = joined.detail.map_or_else(|| name.to_owned(), |detail| format!("{name}; {detail}"));
                linked(user).with_detail(&detail).record(&transaction, context).await?;
            }
            let detail = format!("through {}", identity.provider.name());
            let event = AuditEvent::of(AuthEventKind::LoginSucceeded, user.id)
                .with_email(Some(user.email.as_str()))
                .with_detail(&detail);
            event.record(&transaction, context).await?;
            transaction.commit().await?;
            Ok(Some(entered))
        };
        match begun.await {
            Err(error) if is_duplicate(&error) => Ok(None),
            begun => Ok(begun?),
        }
    }

    /// Creates an account without a password, its link and its first session. If nothing was created although address
    /// and name are free, another login created the link.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement. In that case nothing is created.
    pub async fn register_linked(
        &self,
        account: NewLinkedAccount,
        identity: &ProviderIdentity,
        token: &NewRefreshToken,
        context: &RequestContext,
    ) -> Result<RegistrationOutcome, Error> {
        let (email, username) = (account.email.clone(), account.username.clone());
        let made = async {
            let transaction = self.runner().begin().await?;
            if !is_name_free(&transaction, &account.username).await? {
                transaction.rollback().await?;
                return Ok(None);
            }
            let row = row_of(account, identity, context.now);
            let user = user::Entity::insert(row).exec_with_returning(&transaction).await?;
            upsert_link(&transaction, user.id, None, identity, context.now).await?;
            let entered = sessions::begin_session(&transaction, user, token, context).await?;
            let user = &entered.user;
            let event = AuditEvent::of(AuthEventKind::Registered, user.id).with_email(Some(user.email.as_str()));
            event.record(&transaction, context).await?;
            linked(user).with_detail(identity.provider.name()).record(&transaction, context).await?;
            transaction.commit().await?;
            Ok(Some(entered))
        };
        match made.await {
            Ok(Some(session)) => Ok(RegistrationOutcome::Registered(Box::new(session))),
            Ok(None) => self.taken(&email, &username).await,
            Err(error) if is_duplicate(&error) => self.taken(&email, &username).await,
            Err(error) => Err(error.into()),
        }
    }

    /// Records a refused login through a provider.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement.
    pub async fn record_refused_provider_login(
        &self,
        refused: &RefusedProviderLogin,
        context: &RequestContext,
    ) -> Result<(), Error> {
        let event = AuditEvent {
            kind: AuthEventKind::OauthLoginFailed,
            user_id: refused.user_id,
            email: refused.email.as_deref(),
            detail: Some(&refused.reason),
        };
        Ok(event.record(self.runner(), context).await?)
    }
}

fn row_of(account: NewLinkedAccount, identity: &ProviderIdentity, now: DateTime<Utc>) -> user::ActiveModel {
    user::ActiveModel {
        email: Set(account.email),
        username: Set(account.username),
        password_hash: Set(PasswordHash::new("")),
        avatar_url: Set(account.avatar_url),
        provider: Set(identity.provider),
        provider_id: Set(Some(identity.provider_id.clone())),
        email_verified: Set(true),
        last_login: Set(Some(now)),
        created_at: Set(now),
        updated_at: Set(now),
        ..Default::default()
    }
}

/// Records the login if the account may still log in. Its address must also be as it was when it was looked up. It
/// returns the row, which is now locked. Failed passwords remain counted, because a login at a provider proves nothing
/// about the client that guesses.
async fn touch_login(
    connection: &impl ConnectionTrait,
    user: &user::Model,
    epoch: Epoch,
    now: DateTime<Utc>,
) -> Result<Option<user::Model>, DbErr> {
    let entered = user::Entity::update_many()
        .col_expr(user::Column::LastLogin, Expr::value(now))
        .col_expr(user::Column::UpdatedAt, Expr::value(now))
        .filter(user::Column::Id.eq(user.id))
        .filter(is_in(epoch))
        .filter(user::Column::Email.eq(user.email.clone()))
        .filter(user::Column::EmailVerified.eq(user.email_verified))
        .filter(user::Column::Active.eq(true))
        .filter(user::Column::DeletedAt.is_null());
    Ok(entered.exec_with_returning(connection).await?.into_iter().next())
}

/// Returns true if the columns of a legacy account name this provider identity.
fn is_of(user: &user::Model, identity: &ProviderIdentity) -> bool {
    user.provider == identity.provider && user.provider_id.as_deref() == Some(identity.provider_id.as_str())
}

/// Stores the tokens in the link, or in a new one. Returns true if the link still belongs to this account.
async fn upsert_link(
    connection: &impl ConnectionTrait,
    user_id: i64,
    link: Option<i64>,
    identity: &ProviderIdentity,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let Some(id) = link else {
        let row = ActiveModel {
            user_id: Set(user_id),
            provider: Set(identity.provider),
            provider_id: Set(identity.provider_id.clone()),
            created_at: Set(now),
            updated_at: Set(now),
            ..identity.tokens.columns()
        };
        return Entity::insert(row).exec_without_returning(connection).await.map(|_| true);
    };
    let row = ActiveModel { updated_at: Set(now), ..identity.tokens.columns() };
    let update = Entity::update_many().set(row).filter(Column::Id.eq(id));
    Ok(update.filter(Column::UserId.eq(user_id)).exec(connection).await?.rows_affected > 0)
}

fn linked(user: &user::Model) -> AuditEvent<'_> {
    AuditEvent::of(AuthEventKind::OauthLinked, user.id).with_email(Some(user.email.as_str()))
}
