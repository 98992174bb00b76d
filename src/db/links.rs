//! Links of accounts to accounts at providers: logging in through one, and making one.
//!
//! A transaction locks the account's row first: see the lock order in `db/sessions.rs`. Two logins of one person at once may both find
//! no link; one of them makes it, the other is told to look again.

use chrono::{DateTime, Utc};
use entity::auth_event::AuthEventKind;
use entity::oauth_provider::{ActiveModel, Column, Entity};
use entity::value::{Email, PasswordHash, Provider, ProviderToken};
use entity::{oauth_state, user};
use sea_orm::sea_query::{Expr, NullOrdering};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, Order, QueryFilter, QueryOrder, Set, TryInsertResult};

use super::account_claims::{ClaimedAccount, claim_account};
use super::accounts::{NewSession, is_duplicate};
use super::audit_log::AuditEvent;
use super::database_identity::{Epoch, FoundAccount, is_in};
use super::registration::{RegistrationOutcome, is_name_free};
use super::request_context::RequestContext;
use super::sessions::{self, NewRefreshToken};
use super::{Error, Pool};

/// What is stored of a provider's tokens; by default nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredTokens {
    /// In clear or as ciphertext.
    pub access: Option<ProviderToken>,
    /// Likewise.
    pub refresh: Option<ProviderToken>,
    /// Of the access token.
    pub expires_at: Option<DateTime<Utc>>,
    /// The key that encrypted them; `None`: they are in clear.
    pub key_id: Option<String>,
}

/// An account at a provider, as it was just proven.
#[derive(Debug, Clone)]
pub struct ProviderIdentity {
    /// The provider.
    pub provider: Provider,
    /// The account there.
    pub provider_id: String,
    /// The picture of the account there.
    pub picture: Option<String>,
    /// What is stored of its tokens.
    pub tokens: StoredTokens,
}

/// An account here that somebody with an [`ProviderIdentity`] may enter.
#[derive(Debug, Clone)]
pub struct LinkedAccount {
    /// The account; it may be soft-deleted or inactive.
    pub user: user::Model,
    /// The link, if there is one already.
    pub link: Option<i64>,
    /// The epoch before it was looked up.
    pub epoch: Epoch,
}

/// An account that is about to be made for somebody with an [`ProviderIdentity`].
#[derive(Debug, Clone)]
pub struct NewLinkedAccount {
    /// Its address, which the provider vouches for.
    pub email: Email,
    /// Its name.
    pub username: String,
    /// Its picture.
    pub avatar_url: Option<String>,
}

/// A login through a provider that was refused.
#[derive(Debug, Clone, Default)]
pub struct RefusedProviderLogin {
    /// The account here, if it is known.
    pub user_id: Option<i64>,
    /// The address that the provider told, if it did.
    pub email: Option<String>,
    /// For the audit log.
    pub reason: String,
}

impl Pool {
    /// Notes that a state is used, until it would have expired by itself; whether it was not used before.
    ///
    /// # Errors
    /// What the database said; nothing is noted.
    pub async fn mark_state_used(&self, hash: &str, expires_at: DateTime<Utc>) -> Result<bool, Error> {
        let state = oauth_state::ActiveModel { state_hash: Set(hash.to_owned()), expires_at: Set(expires_at) };
        let used = oauth_state::Entity::insert(state).on_conflict_do_nothing();
        let used = used.exec_without_returning(self.runner()).await?;
        Ok(matches!(used, TryInsertResult::Inserted(1)))
    }

    /// The account of an account at a provider: by its link, or, of accounts that the earlier service made, by their own columns.
    ///
    /// # Errors
    /// What the database said.
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
        // nothing made these unique: one that is still there goes before a deleted one, the oldest before the others
        let own = user::Entity::by_provider_account_with_deleted(provider, provider_id)
            .order_by_with_nulls(user::Column::DeletedAt, Order::Asc, NullOrdering::First)
            .order_by_asc(user::Column::Id);
        Ok(own.one(self.runner()).await?.map(|user| LinkedAccount { user, link: None, epoch }))
    }

    /// The account with this address, soft-deleted or not: nobody else can have it.
    ///
    /// # Errors
    /// What the database said.
    pub async fn owner_of_email(&self, email: &Email) -> Result<Option<FoundAccount>, Error> {
        self.found(user::Entity::by_email_with_deleted(email, self.runner().get_database_backend())).await
    }

    /// Begins a session for whoever has this identity, and makes the link if there is none yet. `None`: account, link or epoch are not
    /// what they were when they were looked up; nothing is begun.
    ///
    /// # Errors
    /// What the database said; nothing is begun.
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

    /// Makes an account without a password, its link and its first session. If neither address nor name are taken and nothing was made,
    /// somebody else made the link.
    ///
    /// # Errors
    /// What the database said; nothing is made.
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

    /// Notes a login through a provider that was refused.
    ///
    /// # Errors
    /// What the database said.
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

/// Records the login, if the account may still log in and its address is as it was looked up: where there is no link yet, the address
/// decided. Returns the row, which is locked now. Failures with the password are left alone: an account at a provider says nothing
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

/// Whether an account of the legacy manager is the one of this identity by its own columns.
fn is_of(user: &user::Model, identity: &ProviderIdentity) -> bool {
    user.provider == identity.provider && user.provider_id.as_deref() == Some(identity.provider_id.as_str())
}

/// Stores the tokens in the link, or in a new one; whether the link is still this account's.
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
            ..of(&identity.tokens)
        };
        return Entity::insert(row).exec_without_returning(connection).await.map(|_| true);
    };
    let row = ActiveModel { updated_at: Set(now), ..of(&identity.tokens) };
    let update = Entity::update_many().set(row).filter(Column::Id.eq(id));
    Ok(update.filter(Column::UserId.eq(user_id)).exec(connection).await?.rows_affected > 0)
}

/// The columns of tokens.
pub(super) fn of(tokens: &StoredTokens) -> ActiveModel {
    ActiveModel {
        access_token: Set(tokens.access.clone()),
        refresh_token: Set(tokens.refresh.clone()),
        expires_at: Set(tokens.expires_at),
        key_id: Set(tokens.key_id.clone()),
        ..Default::default()
    }
}

fn linked(user: &user::Model) -> AuditEvent<'_> {
    AuditEvent::of(AuthEventKind::OauthLinked, user.id).with_email(Some(user.email.as_str()))
}
