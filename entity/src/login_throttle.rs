//! `login_throttles`: failed logins that have no account to be counted in.

use sea_orm::entity::prelude::*;

/// A client, or an address without an account, that failed to log in.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "login_throttles")]
pub struct Model {
    /// `ip:ADDRESS`, or `email:` and SHA-256 of the address in lower case.
    #[sea_orm(primary_key, auto_increment = false, column_type = "String(StringLen::N(80))")]
    pub subject: String,
    /// In a row.
    pub failures: i32,
    /// The last of them.
    pub last_failed_at: DateTimeUtc,
    /// No login before this time.
    pub blocked_until: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// Those of these subjects that failed.
    pub fn of(subjects: &[String]) -> Select<Self> {
        Self::find().filter(Column::Subject.is_in(subjects))
    }
}
