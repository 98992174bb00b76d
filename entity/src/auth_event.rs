//! `auth_events`: the audit log of accounts. Rows are inserted, and deleted after their retention.

use sea_orm::entity::prelude::*;

/// Kind of an event in the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(50))", rename_all = "snake_case")]
pub enum AuthEventKind {
    /// An account was created.
    Registered,
    /// A login had the right password.
    LoginSucceeded,
    /// A login failed: wrong password, unknown address or locked account.
    LoginFailed,
    /// An account was locked after too many failed logins.
    AccountLocked,
    /// The account owner ended a session.
    Logout,
    /// The password of an account was changed.
    PasswordChanged,
    /// The account owner proved control of the e-mail address.
    EmailVerified,
    /// A refresh token was rotated.
    TokenRefreshed,
    /// A refresh token was used a second time, and its family was revoked.
    RefreshTokenReused,
    /// An account at a provider was linked.
    OauthLinked,
    /// The answer of a provider was rejected.
    OauthLoginFailed,
}

/// One event of the audit log.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "auth_events")]
pub struct Model {
    /// Primary key, in order of insertion.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Time of the event.
    pub occurred_at: DateTimeUtc,
    /// Kind of the event.
    pub kind: AuthEventKind,
    /// Id of the account; `None` if no account matched, or if it was deleted since.
    pub user_id: Option<i64>,
    /// E-mail address of the event, for example of a login attempt.
    #[sea_orm(column_type = "String(StringLen::N(255))", nullable)]
    pub email: Option<String>,
    /// IP address of the client.
    #[sea_orm(column_type = "String(StringLen::N(45))", nullable)]
    pub ip: Option<String>,
    /// `User-Agent` header of the client.
    #[sea_orm(column_type = "String(StringLen::N(500))", nullable)]
    pub user_agent: Option<String>,
    /// Details of the event, for people.
    #[sea_orm(column_type = "Text", nullable)]
    pub detail: Option<String>,
    /// Account of the event.
    #[sea_orm(belongs_to, from = "user_id", to = "id", on_delete = "SetNull")]
    pub user: HasOne<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
