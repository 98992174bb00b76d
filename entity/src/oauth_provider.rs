//! `oauth_providers`: links between accounts and accounts at providers.

use sea_orm::entity::prelude::*;

use crate::value::{Provider, ProviderToken};

/// Link to an account at a provider. The row is kept when its tokens are erased.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "oauth_providers")]
pub struct Model {
    /// Id of the link.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Id of the account in `users`.
    pub user_id: i64,
    /// Provider of the linked account.
    #[sea_orm(unique_key = "provider_provider_id")]
    pub provider: Provider,
    /// Id of the account at the provider.
    #[sea_orm(unique_key = "provider_provider_id", column_type = "String(StringLen::N(255))")]
    pub provider_id: String,
    /// Access token of the provider; `None` once erased.
    #[sea_orm(column_type = "Text", nullable)]
    pub access_token: Option<ProviderToken>,
    /// Refresh token of the provider; `None` once erased, or if the provider issued none.
    #[sea_orm(column_type = "Text", nullable)]
    pub refresh_token: Option<ProviderToken>,
    /// Expiry of the access token.
    pub expires_at: Option<DateTimeUtc>,
    /// Id of the key that encrypted the tokens; `None` if they are stored unencrypted.
    #[sea_orm(column_type = "String(StringLen::N(64))", nullable)]
    pub key_id: Option<String>,
    /// Time at which the link was created.
    pub created_at: DateTimeUtc,
    /// Time at which the program last changed the row.
    pub updated_at: DateTimeUtc,
    /// Account that the link belongs to.
    #[sea_orm(belongs_to, from = "user_id", to = "id", on_delete = "Cascade")]
    pub user: HasOne<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// Selects the link of an account at a provider, unless the account in `users` is soft-deleted.
    pub fn of_existing(provider: Provider, provider_id: &str) -> Select<Self> {
        Self::of_with_deleted(provider, provider_id)
            .inner_join(super::user::Entity)
            .filter(super::user::Column::DeletedAt.is_null())
    }

    /// Selects the link of an account at a provider, at most one, even if the account in `users` is soft-deleted.
    pub fn of_with_deleted(provider: Provider, provider_id: &str) -> Select<Self> {
        Self::find().filter(Column::Provider.eq(provider)).filter(Column::ProviderId.eq(provider_id))
    }
}
