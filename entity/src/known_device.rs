//! `known_devices`: devices and addresses from which an account logged in recently.

use sea_orm::entity::prelude::*;

/// Way in which a device is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(10))", rename_all = "snake_case")]
pub enum DeviceKind {
    /// By the cookie that the client received at its login.
    Cookie,
    /// By the IP address of the client.
    Address,
}

/// Known device of one account.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "known_devices")]
pub struct Model {
    /// Keyed digest, in hex, of the account with the cookie or with the address.
    #[sea_orm(primary_key, auto_increment = false, column_type = "String(StringLen::N(64))")]
    pub digest: String,
    /// Id of the account.
    pub user_id: i64,
    /// Way in which the device is recognised.
    pub kind: DeviceKind,
    /// Time of the last login from the device.
    pub last_login_at: DateTimeUtc,
    /// Account of the device.
    #[sea_orm(belongs_to, from = "user_id", to = "id", on_delete = "Cascade")]
    pub user: HasOne<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
