//! `login_throttles`: failed logins by client, by address without an account, by known device and by session.

use sea_orm::entity::prelude::*;

/// A counter of failed logins.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "login_throttles")]
pub struct Model {
    /// `ip:ADDRESS`, `email:` with SHA-256 of the address in lower case, `device:` with the digest of `known_devices`, `session:ID`, or
    /// `pair:` with SHA-256 of client and address.
    #[sea_orm(primary_key, auto_increment = false, column_type = "String(StringLen::N(80))")]
    pub subject: String,
    /// Failures as of `failures_as_of`, and attempts whose password is being checked.
    pub failures: i32,
    /// Milliseconds since 1970 up to which the count has decayed; `None`: it has not begun to.
    pub failures_as_of: Option<i64>,
    /// Attempts within the count whose password is being checked.
    #[sea_orm(default_value = 0)]
    pub pending_attempts: i32,
    /// Milliseconds since 1970 after which pending attempts have failed.
    pub pending_until: Option<i64>,
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
