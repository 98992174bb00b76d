//! `refresh_tokens`: sessions as opaque tokens that are rotated at each use.

use sea_orm::Condition;
use sea_orm::entity::prelude::*;

use crate::value::TokenHash;

/// A refresh token, known by its hash.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refresh_tokens")]
pub struct Model {
    /// Id of the token.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Whose.
    pub user_id: i64,
    /// SHA-256 in hex.
    #[sea_orm(unique, column_type = "String(StringLen::N(255))")]
    pub token_hash: TokenHash,
    /// Id of the session's first token; `None`: this is the first.
    pub family_id: Option<i64>,
    /// No use after this time.
    pub expires_at: DateTimeUtc,
    /// When it was issued.
    pub created_at: DateTimeUtc,
    /// It cannot be used: it was used, replaced, or its session was ended. A session lives as long as one of its tokens can be used.
    pub revoked: bool,
    /// When; `None` for tokens revoked before this was recorded.
    pub revoked_at: Option<DateTimeUtc>,
    /// Address of the client that it was issued to.
    #[sea_orm(column_type = "String(StringLen::N(45))", nullable)]
    pub ip: Option<String>,
    /// That client's name for itself.
    #[sea_orm(column_type = "String(StringLen::N(500))", nullable)]
    pub user_agent: Option<String>,
    /// When it was first used; `None`: never, or by an older version.
    pub rotated_at: Option<DateTimeUtc>,
    /// Id of the token that follows it. Without `rotated_at`: the answer with this token was lost, and it was never used.
    pub replaced_by: Option<i64>,
    /// When the access token that was issued with it was first used on `/api`.
    pub access_used_at: Option<DateTimeUtc>,
    /// When the session began; `None`: `created_at` counts.
    pub session_started_at: Option<DateTimeUtc>,
    /// Whose.
    #[sea_orm(belongs_to, from = "user_id", to = "id", on_delete = "Cascade")]
    pub user: HasOne<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// Id of the session: that of its first token.
    pub fn family(&self) -> i64 {
        self.family_id.unwrap_or(self.id)
    }

    /// When the session began.
    pub fn session_start(&self) -> DateTimeUtc {
        self.session_started_at.unwrap_or(self.created_at)
    }

    /// Whether it was handed out, never used, and no answer of the API was given to its access token.
    pub fn is_untouched(&self) -> bool {
        !self.revoked && self.rotated_at.is_none() && self.access_used_at.is_none()
    }

    /// Whether it can be used at this time.
    pub fn is_live(&self, now: DateTimeUtc) -> bool {
        !self.revoked && now < self.expires_at
    }
}

impl Entity {
    /// The token with this hash, live or not (a used one tells of theft), of an account that is not soft-deleted.
    pub fn by_hash(hash: &TokenHash) -> Select<Self> {
        Self::of_existing().filter(Column::TokenHash.eq(hash.clone()))
    }

    /// The tokens that can be used at this time.
    pub fn live(now: DateTimeUtc) -> Select<Self> {
        Self::of_existing().filter(Column::Revoked.eq(false)).filter(Column::ExpiresAt.gt(now))
    }

    /// All tokens of one session.
    pub fn of_family(family: i64) -> Select<Self> {
        Self::find().filter(Condition::any().add(Column::Id.eq(family)).add(Column::FamilyId.eq(family)))
    }

    fn of_existing() -> Select<Self> {
        Self::find().inner_join(super::user::Entity).filter(super::user::Column::DeletedAt.is_null())
    }
}
