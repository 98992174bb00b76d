//! Tokens of providers that are to be encrypted anew: found by page, replaced unless they were replaced meanwhile.

use chrono::{DateTime, Utc};
use entity::oauth_provider::{ActiveModel, Column, Entity, Model};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set};

use super::links::{self, StoredTokens};
use super::{Error, Pool};

impl Pool {
    /// Links after this one that have tokens under another key than this, or in clear; so many at most, in the order of their ids.
    ///
    /// # Errors
    /// What the database said.
    pub async fn tokens_under_other_keys(&self, key_id: &str, after: i64, limit: u64) -> Result<Vec<Model>, Error> {
        let has_tokens =
            Condition::any().add(Column::AccessToken.is_not_null()).add(Column::RefreshToken.is_not_null());
        let other_key = Condition::any().add(Column::KeyId.is_null()).add(Column::KeyId.ne(key_id));
        let links = Entity::find().filter(Column::Id.gt(after)).filter(has_tokens).filter(other_key);
        Ok(links.order_by_asc(Column::Id).limit(limit).all(self.runner()).await?)
    }

    /// Replaces the tokens of a link, if they are still those; whether they were.
    ///
    /// # Errors
    /// What the database said; nothing is replaced.
    pub async fn replace_tokens(&self, link: &Model, tokens: &StoredTokens, now: DateTime<Utc>) -> Result<bool, Error> {
        let same = Condition::all()
            .add(Column::Id.eq(link.id))
            .add(is(Column::AccessToken, link.access_token.clone()))
            .add(is(Column::RefreshToken, link.refresh_token.clone()))
            .add(is(Column::KeyId, link.key_id.clone()));
        let row = ActiveModel { updated_at: Set(now), ..links::of(tokens) };
        let update = Entity::update_many().set(row).filter(same);
        Ok(update.exec(self.runner()).await?.rows_affected > 0)
    }
}

/// Equal, or both NULL.
fn is(column: Column, value: Option<impl Into<sea_orm::Value>>) -> sea_orm::sea_query::SimpleExpr {
    match value {
        Some(value) => column.eq(value.into()),
        None => column.is_null(),
    }
}
