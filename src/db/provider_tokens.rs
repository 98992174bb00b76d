//! Tokens of providers that are to be encrypted under a new key. They are read in pages, and replaced only if they did
//! not change.

use chrono::{DateTime, Utc};
use entity::oauth_provider::{ActiveModel, Column, Entity, Model};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set};

use super::provider_identity::StoredTokens;
use super::{Error, Pool};

impl Pool {
    /// Returns up to `limit` links after the id `after`, in the order of their ids. Their tokens are in clear, or
    /// encrypted under another key than `key_id`.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement.
    pub async fn tokens_under_other_keys(&self, key_id: &str, after: i64, limit: u64) -> Result<Vec<Model>, Error> {
        let has_tokens =
            Condition::any().add(Column::AccessToken.is_not_null()).add(Column::RefreshToken.is_not_null());
        let other_key = Condition::any().add(Column::KeyId.is_null()).add(Column::KeyId.ne(key_id));
        let links = Entity::find().filter(Column::Id.gt(after)).filter(has_tokens).filter(other_key);
        Ok(links.order_by_asc(Column::Id).limit(limit).all(self.runner()).await?)
    }

    /// Replaces the tokens of a link if they did not change. Returns true if they were replaced.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement. In that case nothing is replaced.
    pub async fn replace_tokens(&self, link: &Model, tokens: &StoredTokens, now: DateTime<Utc>) -> Result<bool, Error> {
        let same = Condition::all()
            .add(Column::Id.eq(link.id))
            .add(is(Column::AccessToken, link.access_token.clone()))
            .add(is(Column::RefreshToken, link.refresh_token.clone()))
            .add(is(Column::KeyId, link.key_id.clone()));
        let row = ActiveModel { updated_at: Set(now), ..tokens.columns() };
        let update = Entity::update_many().set(row).filter(same);
        Ok(update.exec(self.runner()).await?.rows_affected > 0)
    }
}

/// Builds a condition that is true if the column equals the value, or if both are NULL.
fn is(column: Column, value: Option<impl Into<sea_orm::Value>>) -> sea_orm::sea_query::SimpleExpr {
    match value {
        Some(value) => column.eq(value.into()),
        None => column.is_null(),
    }
}
