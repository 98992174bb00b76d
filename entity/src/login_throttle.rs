//! `login_throttles`: failed logins by client, by address without an account, by known device and by session.

use sea_orm::entity::prelude::*;

/// Counter of failed logins for one subject.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "login_throttles")]
pub struct Model {
    /// Subject of the counter. Its form is one of:
    /// - `ip:ADDRESS`
    /// - `email:` and the SHA-256 of the address in lower case
    /// - `device:` and the digest from `known_devices`
    /// - `session:ID`
    /// - `pair:` and the SHA-256 of client and address
    #[sea_orm(primary_key, auto_increment = false, column_type = "String(StringLen::N(80))")]
    pub subject: String,
    /// Failures as of `failures_as_of`, plus attempts whose password is being checked.
    pub failures: i32,
    /// Milliseconds since 1970 up to which the count has decayed; `None` if it has not begun to decay.
    pub failures_as_of: Option<i64>,
    /// Attempts within the count whose password is being checked.
    #[sea_orm(default_value = 0)]
    pub pending_attempts: i32,
    /// Milliseconds since 1970 after which pending attempts count as failed.
    pub pending_until: Option<i64>,
    /// Time of the last failed login.
    pub last_failed_at: DateTimeUtc,
    /// Time before which a login is refused.
    pub blocked_until: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// Selects the counters of these subjects. A subject without failures has no counter.
    pub fn of(subjects: &[String]) -> Select<Self> {
        Self::find().filter(Column::Subject.is_in(subjects))
    }
}
