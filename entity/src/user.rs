//! `users`: accounts, with their credentials and counters of failed logins.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{Condition, DbBackend};

use crate::value::{Email, PasswordHash, Provider};

/// Account of a user.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    /// Primary key. It is never reused, even after deletion.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// E-mail address, unique without regard to case.
    #[sea_orm(column_type = "String(StringLen::N(255))")]
    pub email: Email,
    /// User name, unique. Names of new accounts are unique without regard to the case of ASCII letters.
    #[sea_orm(unique, column_type = "String(StringLen::N(255))")]
    pub username: String,
    /// Stored password hash, empty for accounts of a provider.
    #[sea_orm(column_type = "String(StringLen::N(255))")]
    pub password_hash: PasswordHash,
    /// URL of a picture.
    #[sea_orm(column_type = "String(StringLen::N(500))", nullable)]
    pub avatar_url: Option<String>,
    /// Origin of the account: registration with a password, or a provider.
    #[sea_orm(default_value = "email")]
    pub provider: Provider,
    /// Id of the account at the provider.
    #[sea_orm(column_type = "String(StringLen::N(255))", nullable)]
    pub provider_id: Option<String>,
    /// Time of the last login; `None` if the account never logged in.
    pub last_login: Option<DateTimeUtc>,
    /// True if the account owner proved control of the e-mail address.
    pub email_verified: bool,
    /// True if the account may log in.
    pub active: bool,
    /// Failed logins as of `failed_logins_as_of`, plus attempts whose password is being checked.
    pub failed_login_count: i32,
    /// Milliseconds since 1970 up to which the count has decayed; `None` if it has not begun to decay.
    pub failed_logins_as_of: Option<i64>,
    /// Attempts within the count whose password is being checked.
    #[sea_orm(default_value = 0)]
    pub pending_attempts: i32,
    /// Milliseconds since 1970 after which pending attempts count as failed.
    pub pending_until: Option<i64>,
    /// Time before which a login is refused.
    pub locked_until: Option<DateTimeUtc>,
    /// Time at which the account was created.
    pub created_at: DateTimeUtc,
    /// Time at which the program last changed the row.
    pub updated_at: DateTimeUtc,
    /// Time of the soft deletion; `None` if the account is not deleted.
    pub deleted_at: Option<DateTimeUtc>,
    /// Uses of an unverified registration that are at least twelve hours apart; `None` if the account keeps its address
    /// for good.
    pub provisional_uses: Option<i32>,
    /// Time of the last use that was counted.
    pub provisional_used_at: Option<DateTimeUtc>,
    /// True if another account has this name in other letter case. Only accounts from before names were unique without
    /// regard to case share a name.
    pub username_shared: bool,
    /// Links to accounts at providers.
    #[sea_orm(has_many)]
    pub oauth_providers: HasMany<super::oauth_provider::Entity>,
    /// Refresh tokens of the account's sessions.
    #[sea_orm(has_many)]
    pub refresh_tokens: HasMany<super::refresh_token::Entity>,
    /// Events of the account in the audit log.
    #[sea_orm(has_many)]
    pub auth_events: HasMany<super::auth_event::Entity>,
    /// Devices from which the account logged in.
    #[sea_orm(has_many)]
    pub known_devices: HasMany<super::known_device::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// Selects the accounts that are not soft-deleted.
    pub fn existing() -> Select<Self> {
        Self::find().filter(Column::DeletedAt.is_null())
    }

    /// Selects the account with this id, unless it is soft-deleted.
    pub fn existing_by_id(id: i64) -> Select<Self> {
        Self::existing().filter(Column::Id.eq(id))
    }

    /// Selects the account with this address in any case, unless it is soft-deleted.
    pub fn by_email(email: &Email, backend: DbBackend) -> Select<Self> {
        Self::by_email_with_deleted(email, backend).filter(Column::DeletedAt.is_null())
    }

    /// Selects the account with this address in any case, soft-deleted or not. The address is unique among all
    /// accounts.
    ///
    /// PostgreSQL uses `users_email_folded_key` on `lower(email COLLATE "C")`. SQLite uses `users_email_lower_key` on
    /// `email COLLATE NOCASE`.
    pub fn by_email_with_deleted(email: &Email, backend: DbBackend) -> Select<Self> {
        Self::find().filter(match backend {
            DbBackend::Sqlite => Expr::cust_with_values("\"users\".\"email\" COLLATE NOCASE = ?", [email.folded()]),
            _ => Expr::cust_with_values("lower(\"users\".\"email\" COLLATE \"C\") = $1", [email.folded()]),
        })
    }

    /// Selects the accounts with this name in any case, soft-deleted or not. Accounts of earlier versions may share a
    /// name.
    ///
    /// Uses the partial indexes `users_username_folded_key` and `idx_users_username_shared`.
    pub fn by_username(name: &str, backend: DbBackend) -> Select<Self> {
        // literals, because a planner cannot match a parameter with the predicate of a partial index
        let of = |predicate: &str| match backend {
            DbBackend::Sqlite => Expr::cust_with_values(
                format!("\"users\".\"username\" COLLATE NOCASE = ? AND {predicate}"),
                [name.to_ascii_lowercase()],
            ),
            _ => Expr::cust_with_values(
                format!("lower(\"users\".\"username\" COLLATE \"C\") = $1 AND {predicate}"),
                [name.to_ascii_lowercase()],
            ),
        };
        let (one, shared) = (of("NOT \"users\".\"username_shared\""), of("\"users\".\"username_shared\""));
        Self::find().filter(Condition::any().add(one).add(shared))
    }

    /// Selects the account that was created from an account at a provider, unless it is soft-deleted.
    ///
    /// Uses `idx_users_provider_provider_id`.
    pub fn by_provider_account(provider: Provider, provider_id: &str) -> Select<Self> {
        Self::by_provider_account_with_deleted(provider, provider_id).filter(Column::DeletedAt.is_null())
    }

    /// Selects the account that was created from an account at a provider, soft-deleted or not.
    pub fn by_provider_account_with_deleted(provider: Provider, provider_id: &str) -> Select<Self> {
        Self::find().filter(Column::Provider.eq(provider)).filter(Column::ProviderId.eq(provider_id))
    }
}
