//! `database_identity`: the identity of this database, in one row.

use sea_orm::entity::prelude::*;

/// Primary key of the only row.
pub const ONLY_ROW: i32 = 1;

/// The only row of the table.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "database_identity")]
pub struct Model {
    /// Primary key, always [`ONLY_ROW`].
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// Random UUID of the database. A restore keeps the UUID of the live database.
    #[sea_orm(column_type = "String(StringLen::N(36))")]
    pub database_id: String,
    /// Random UUID that each restore replaces. Access tokens of another epoch are invalid.
    #[sea_orm(column_type = "String(StringLen::N(36))")]
    pub epoch: String,
    /// Time at which `database_id` was created.
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
