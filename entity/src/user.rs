//! `users`: accounts.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{Condition, DbBackend};

use crate::value::{Email, PasswordHash, Provider};

/// An account.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    /// Never used again, even after deletion.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Unique without regard to case.
    #[sea_orm(column_type = "String(StringLen::N(255))")]
    pub email: Email,
    /// Unique; of new accounts without regard to the case of ASCII letters.
    #[sea_orm(unique, column_type = "String(StringLen::N(255))")]
    pub username: String,
    /// Empty for accounts of a provider.
    #[sea_orm(column_type = "String(StringLen::N(255))")]
    pub password_hash: PasswordHash,
    /// Picture.
    #[sea_orm(column_type = "String(StringLen::N(500))", nullable)]
    pub avatar_url: Option<String>,
    /// Where the account came from.
    #[sea_orm(default_value = "email")]
    pub provider: Provider,
    /// The account's id there.
    #[sea_orm(column_type = "String(StringLen::N(255))", nullable)]
    pub provider_id: Option<String>,
    /// `None`: never.
    pub last_login: Option<DateTimeUtc>,
    /// Whether the address was shown to be theirs.
    pub email_verified: bool,
    /// Whether they may log in.
    pub active: bool,
    /// Failed logins, as of `failed_logins_as_of`, and attempts whose password is being checked.
    pub failed_login_count: i32,
    /// Milliseconds since 1970 up to which the count has decayed; `None`: it has not begun to.
    pub failed_logins_as_of: Option<i64>,
    /// Attempts within the count whose password is being checked.
    #[sea_orm(default_value = 0)]
    pub pending_attempts: i32,
    /// Milliseconds since 1970 after which pending attempts have failed.
    pub pending_until: Option<i64>,
    /// No login before this time.
    pub locked_until: Option<DateTimeUtc>,
    /// When the account was made.
    pub created_at: DateTimeUtc,
    /// When the program last changed the row.
    pub updated_at: DateTimeUtc,
    /// Soft-deleted since.
    pub deleted_at: Option<DateTimeUtc>,
    /// Uses of an unverified registration that are at least twelve hours apart; `None`: the account holds its address for good.
    pub provisional_uses: Option<i32>,
    /// Time of the last use that was counted.
    pub provisional_used_at: Option<DateTimeUtc>,
    /// Another account has this name in other letters; made before names were unique without regard to case.
    pub username_shared: bool,
    /// Links to providers.
    #[sea_orm(has_many)]
    pub oauth_providers: HasMany<super::oauth_provider::Entity>,
    /// Sessions.
    #[sea_orm(has_many)]
    pub refresh_tokens: HasMany<super::refresh_token::Entity>,
    /// The audit log.
    #[sea_orm(has_many)]
    pub auth_events: HasMany<super::auth_event::Entity>,
    /// Devices that it logged in from.
    #[sea_orm(has_many)]
    pub known_devices: HasMany<super::known_device::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// Accounts that are not soft-deleted. Every other finder starts here.
    pub fn existing() -> Select<Self> {
        Self::find().filter(Column::DeletedAt.is_null())
    }

    /// The account with this id, unless it is soft-deleted.
    pub fn existing_by_id(id: i64) -> Select<Self> {
        Self::existing().filter(Column::Id.eq(id))
    }

    /// The account with this address in any case, unless it is soft-deleted.
    pub fn by_email(email: &Email, backend: DbBackend) -> Select<Self> {
        Self::by_email_with_deleted(email, backend).filter(Column::DeletedAt.is_null())
    }

    /// The account with this address in any case, soft-deleted or not: it is unique among all of them. Uses
    /// `users_email_folded_key` on `lower(email COLLATE "C")` in PostgreSQL, and `users_email_lower_key` on `email COLLATE NOCASE` in
    /// SQLite.
    pub fn by_email_with_deleted(email: &Email, backend: DbBackend) -> Select<Self> {
        Self::find().filter(match backend {
            DbBackend::Sqlite => Expr::cust_with_values("\"users\".\"email\" COLLATE NOCASE = ?", [email.folded()]),
            _ => Expr::cust_with_values("lower(\"users\".\"email\" COLLATE \"C\") = $1", [email.folded()]),
        })
    }

    /// The accounts with this name in any case, soft-deleted or not: one, and those that share it from before. Uses the partial indexes
    /// `users_username_folded_key` and `idx_users_username_shared`.
    pub fn by_username(name: &str, backend: DbBackend) -> Select<Self> {
        // literals, because a parameter in the place of a predicate keeps a planner from its partial index
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

    /// The account that came from this account at a provider. Uses `idx_users_provider_provider_id`.
    pub fn by_provider_account(provider: Provider, provider_id: &str) -> Select<Self> {
        Self::by_provider_account_with_deleted(provider, provider_id).filter(Column::DeletedAt.is_null())
    }

    /// The same, soft-deleted or not.
    pub fn by_provider_account_with_deleted(provider: Provider, provider_id: &str) -> Select<Self> {
        Self::find().filter(Column::Provider.eq(provider)).filter(Column::ProviderId.eq(provider_id))
    }
}
