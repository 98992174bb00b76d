//! `database_identity`: which database this is, in one row.

use sea_orm::entity::prelude::*;

/// Primary key of the only row.
pub const ONLY_ROW: i32 = 1;

/// The only row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "database_identity")]
pub struct Model {
    /// Always [`ONLY_ROW`].
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// Random UUID of the database. A restore keeps the one of the live database.
    #[sea_orm(column_type = "String(StringLen::N(36))")]
    pub database_id: String,
    /// Random UUID that every restore replaces. Access tokens of another epoch are void.
    #[sea_orm(column_type = "String(StringLen::N(36))")]
    pub epoch: String,
    /// When `database_id` was made.
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
