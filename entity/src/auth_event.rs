//! `auth_events`: the audit log of what happened to accounts. Rows are added, and removed after their retention.

use sea_orm::entity::prelude::*;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(50))", rename_all = "snake_case")]
pub enum AuthEventKind {
    /// An account was made.
    Registered,
    /// Right password.
    LoginSucceeded,
    /// Wrong password, unknown address, or locked.
    LoginFailed,
    /// Too many failures.
    AccountLocked,
    /// A session was ended by its owner.
    Logout,
    /// A new password.
    PasswordChanged,
    /// The address was shown to be theirs.
    EmailVerified,
    /// A refresh token was rotated.
    TokenRefreshed,
    /// A refresh token was used a second time: its family is revoked.
    RefreshTokenReused,
    /// An account at a provider was linked.
    OauthLinked,
    /// A provider's answer was not accepted.
    OauthLoginFailed,
}

/// One event.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "auth_events")]
pub struct Model {
    /// Order of insertion.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// When.
    pub occurred_at: DateTimeUtc,
    /// What.
    pub kind: AuthEventKind,
    /// To whom; `None`: no such account, or deleted since.
    pub user_id: Option<i64>,
    /// The address that was tried.
    #[sea_orm(column_type = "String(StringLen::N(255))", nullable)]
    pub email: Option<String>,
    /// The client's address.
    #[sea_orm(column_type = "String(StringLen::N(45))", nullable)]
    pub ip: Option<String>,
    /// The client's name for itself.
    #[sea_orm(column_type = "String(StringLen::N(500))", nullable)]
    pub user_agent: Option<String>,
    /// More, for people.
    #[sea_orm(column_type = "Text", nullable)]
    pub detail: Option<String>,
    /// To whom.
    #[sea_orm(belongs_to, from = "user_id", to = "id", on_delete = "SetNull")]
    pub user: HasOne<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
