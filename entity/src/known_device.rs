//! `known_devices`: devices and addresses that an account logged in from lately.

use sea_orm::entity::prelude::*;

/// How a device is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(10))", rename_all = "snake_case")]
pub enum DeviceKind {
    /// By the cookie that it got when it logged in.
    Cookie,
    /// By the address of the client.
    Address,
}

/// A device of an account.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "known_devices")]
pub struct Model {
    /// Keyed digest, in hex, of the account with the cookie or with the address.
    #[sea_orm(primary_key, auto_increment = false, column_type = "String(StringLen::N(64))")]
    pub digest: String,
    /// The account.
    pub user_id: i64,
    /// How it is recognised.
    pub kind: DeviceKind,
    /// Its last login.
    pub last_login_at: DateTimeUtc,
    /// The account.
    #[sea_orm(belongs_to, from = "user_id", to = "id", on_delete = "Cascade")]
    pub user: HasOne<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
