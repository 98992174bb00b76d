//! `oauth_states`: used states of the OAuth flow. A state is accepted once.

use sea_orm::entity::prelude::*;

/// Used state of an OAuth flow.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "oauth_states")]
pub struct Model {
    /// SHA-256 of the state, in hex.
    #[sea_orm(primary_key, auto_increment = false, column_type = "String(StringLen::N(64))")]
    pub state_hash: String,
    /// Expiry of the state. After it, the state is refused without this row.
    pub expires_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
