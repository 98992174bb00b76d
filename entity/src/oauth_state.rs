//! `oauth_states`: states of the OAuth flow that were used. None is used twice.

use sea_orm::entity::prelude::*;

/// A used state.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "oauth_states")]
pub struct Model {
    /// SHA-256 in hex.
    #[sea_orm(primary_key, auto_increment = false, column_type = "String(StringLen::N(64))")]
    pub state_hash: String,
    /// From then on it is refused by itself.
    pub expires_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
