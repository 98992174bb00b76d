//! `refresh_tokens`: sessions as opaque tokens that are rotated at each use.

use sea_orm::Condition;
use sea_orm::entity::prelude::*;

use crate::value::TokenHash;

/// Refresh token of a session, stored as its hash.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refresh_tokens")]
pub struct Model {
    /// Id of the token.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Id of the account.
    pub user_id: i64,
    /// SHA-256 of the token, in hex.
    #[sea_orm(unique, column_type = "String(StringLen::N(255))")]
    pub token_hash: TokenHash,
    /// Id of the session's first token; `None` for the first token itself.
    pub family_id: Option<i64>,
    /// Expiry of the token.
    pub expires_at: DateTimeUtc,
    /// Time at which the token was issued.
    pub created_at: DateTimeUtc,
    /// True if the token was used or replaced, or if its session was ended. A session lives while one of its tokens is
    /// usable.
    pub revoked: bool,
    /// Time of the revocation; `None` for tokens revoked by a version that did not record it.
    pub revoked_at: Option<DateTimeUtc>,
    /// IP address of the client that received the token.
    #[sea_orm(column_type = "String(StringLen::N(45))", nullable)]
    pub ip: Option<String>,
    /// `User-Agent` header of the client that received the token.
    #[sea_orm(column_type = "String(StringLen::N(500))", nullable)]
    pub user_agent: Option<String>,
    /// Time of the first use; `None` if the token was never used, or was used with an older version of the program.
    pub rotated_at: Option<DateTimeUtc>,
    /// Id of the next token. Without `rotated_at`, the answer with this token was lost and the token was never used.
    pub replaced_by: Option<i64>,
    /// Time at which the access token issued with this token was first used on `/api`.
    pub access_used_at: Option<DateTimeUtc>,
    /// Time at which the session began; `None` if `created_at` counts.
    pub session_started_at: Option<DateTimeUtc>,
    /// Account of the session.
    #[sea_orm(belongs_to, from = "user_id", to = "id", on_delete = "Cascade")]
    pub user: HasOne<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// Returns the id of the session, which is the id of its first token.
    pub fn family(&self) -> i64 {
        self.family_id.unwrap_or(self.id)
    }

    /// Returns the time at which the session began.
    pub fn session_start(&self) -> DateTimeUtc {
        self.session_started_at.unwrap_or(self.created_at)
    }

    /// Returns true if the token is not revoked, was never used, and its access token was never used on `/api`.
    pub fn is_untouched(&self) -> bool {
        !self.revoked && self.rotated_at.is_none() && self.access_used_at.is_none()
    }

    /// Returns true if the token is usable at this time.
    pub fn is_live(&self, now: DateTimeUtc) -> bool {
        !self.revoked && now < self.expires_at
    }
}

impl Entity {
    /// Selects the token with this hash, usable or not, unless its account is soft-deleted. A used token is a sign of
    /// theft.
    pub fn by_hash(hash: &TokenHash) -> Select<Self> {
        Self::of_existing().filter(Column::TokenHash.eq(hash.clone()))
    }

    /// Selects the tokens that are usable at this time.
    pub fn live(now: DateTimeUtc) -> Select<Self> {
        Self::of_existing().filter(Column::Revoked.eq(false)).filter(Column::ExpiresAt.gt(now))
    }

    /// Selects all tokens of one session.
    pub fn of_family(family: i64) -> Select<Self> {
        Self::find().filter(Condition::any().add(Column::Id.eq(family)).add(Column::FamilyId.eq(family)))
    }

    fn of_existing() -> Select<Self> {
        Self::find().inner_join(super::user::Entity).filter(super::user::Column::DeletedAt.is_null())
    }
}
