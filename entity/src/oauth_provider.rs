//! `oauth_providers`: links of accounts to accounts at providers.

use sea_orm::entity::prelude::*;

use crate::value::{Provider, ProviderToken};

/// A link. It stays when its tokens are erased.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "oauth_providers")]
pub struct Model {
    /// Id of the link.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The account here.
    pub user_id: i64,
    /// The provider.
    #[sea_orm(unique_key = "provider_provider_id")]
    pub provider: Provider,
    /// The account there.
    #[sea_orm(unique_key = "provider_provider_id", column_type = "String(StringLen::N(255))")]
    pub provider_id: String,
    /// `None` once erased.
    #[sea_orm(column_type = "Text", nullable)]
    pub access_token: Option<ProviderToken>,
    /// `None` once erased, or never given.
    #[sea_orm(column_type = "Text", nullable)]
    pub refresh_token: Option<ProviderToken>,
    /// Of the access token.
    pub expires_at: Option<DateTimeUtc>,
    /// The key that encrypted the tokens; `None`: they are in clear.
    #[sea_orm(column_type = "String(StringLen::N(64))", nullable)]
    pub key_id: Option<String>,
    /// When the link was made.
    pub created_at: DateTimeUtc,
    /// When the program last changed the row.
    pub updated_at: DateTimeUtc,
    /// The account here.
    #[sea_orm(belongs_to, from = "user_id", to = "id", on_delete = "Cascade")]
    pub user: HasOne<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// The link of this account at a provider, if its account here is not soft-deleted.
    pub fn of_existing(provider: Provider, provider_id: &str) -> Select<Self> {
        Self::of_with_deleted(provider, provider_id)
            .inner_join(super::user::Entity)
            .filter(super::user::Column::DeletedAt.is_null())
    }

    /// The link of this account at a provider, its account here soft-deleted or not: there is one at most.
    pub fn of_with_deleted(provider: Provider, provider_id: &str) -> Select<Self> {
        Self::find().filter(Column::Provider.eq(provider)).filter(Column::ProviderId.eq(provider_id))
    }
}
