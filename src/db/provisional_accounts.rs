//! Provisional accounts: unverified registrations, which hold their address for one day.
//!
//! After that day, a new registration of the address gets the address and nothing else: it is another account with
//! another id. The old account is soft-deleted and its sessions are ended. An operator can return the address to it. An
//! account is provisional only if all of these conditions hold, which are checked under the lock of its row:
//! - This version or a later one registered it. `provisional_uses` of other rows is NULL, because their uses are not
//!   known.
//! - Its address is unverified, and no provider identity is linked to it.
//! - It was used fewer than three times, twelve hours or more apart. Where no mail is sent the limit is two uses. No
//!   account can be verified there, and only its uses show that a person needs the account.
//! - It is neither inactive nor soft-deleted: the decision of an operator is kept.
//!
//! The reasons are in `docs/adr/0013-unproven-accounts.md`.

use chrono::{DateTime, TimeDelta, Utc};
use entity::oauth_provider;
use entity::user::{Column, Entity, Model};
use entity::value::{Email, Provider};
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait as _, Query};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait as _, DbErr, EntityTrait, QueryFilter, UpdateMany};

use super::query_runner::unique_row;
use super::sessions::{self, locked};
use super::{Transaction, known_devices};

/// Time for which a provisional account holds its address.
const HOLD: TimeDelta = TimeDelta::days(1);
/// Number of uses after which an account keeps its address in every deployment. The registration is the first use.
pub const USES_UNTIL_HELD: i32 = 3;
/// Minimum time between two uses that count separately.
const APART: TimeDelta = TimeDelta::hours(12);

/// Parameters with which a registration takes over an address.
#[derive(Debug, Clone)]
pub struct Takeover {
    /// Random text for the new address and name of the old account, so that no other account can have them.
    pub suffix: String,
    /// Limit of uses, at most [`USES_UNTIL_HELD`]. An account with fewer uses loses its address.
    pub uses: i32,
}

/// Account that lost its address.
#[derive(Debug, Clone)]
pub(super) struct Released {
    pub(super) id: i64,
    pub(super) email: Email,
    pub(super) username: String,
}

/// Takes the address from a provisional account that has held it for longer than a day, if there is one. That account
/// is soft-deleted under another address and name, and its sessions are ended.
pub(super) async fn release(
    transaction: &Transaction,
    email: &Email,
    Takeover { suffix, uses }: &Takeover,
    now: DateTime<Utc>,
) -> Result<Option<Released>, DbErr> {
    let holder = Entity::by_email(email, transaction.get_database_backend()).filter(is_over(*uses, now));
    let Some(old) = unique_row(locked(holder).all(transaction).await?) else { return Ok(None) };
    let name = format!("released-{}-{suffix}", old.id);
    let released = Entity::update_many()
        .col_expr(Column::Email, Expr::value(format!("{name}@email.invalid")))
        .col_expr(Column::Username, Expr::value(name))
        .col_expr(Column::DeletedAt, Expr::value(now))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Id.eq(old.id));
    released.exec(transaction).await?;
    sessions::end_others(transaction, old.id, None, now).await?;
    known_devices::forget(transaction, old.id).await?;
    Ok(Some(Released { id: old.id, email: old.email, username: old.username }))
}

/// Builds a condition that is true if an account is provisional and has held its address for longer than a day.
fn is_over(uses: i32, now: DateTime<Utc>) -> Condition {
    let link = Query::select()
        .expr(Expr::val(1))
        .from(oauth_provider::Entity)
        .and_where(Expr::col((oauth_provider::Entity, oauth_provider::Column::UserId)).equals((Entity, Column::Id)))
        .take();
    Condition::all()
        .add(Column::ProvisionalUses.lt(uses))
        .add(Column::EmailVerified.eq(false))
        .add(Column::Provider.eq(Provider::Email))
        .add(Column::Active.eq(true))
        .add(Column::CreatedAt.lte(now - HOLD))
        .add(Expr::exists(link).not())
}

/// Counts a use of an account, if the account is provisional and was not used recently.
pub(super) fn counting_use(update: UpdateMany<Entity>, now: DateTime<Utc>) -> UpdateMany<Entity> {
    let uses = || Expr::col(Column::ProvisionalUses);
    let used_at = || Expr::col(Column::ProvisionalUsedAt);
    let stays = || Condition::any().add(uses().is_null()).add(used_at().gt(now - APART));
    let counted = CaseStatement::new()
        .case(stays(), uses())
        .case(uses().gte(USES_UNTIL_HELD - 1), None::<i32>)
        .finally(uses().add(1));
    let at = CaseStatement::new().case(stays(), used_at()).finally(Expr::val(now));
    update.col_expr(Column::ProvisionalUses, counted.into()).col_expr(Column::ProvisionalUsedAt, at.into())
}

/// Counts a use of a locked account by a refresh.
pub(super) async fn count_refresh(transaction: &Transaction, user: &Model, now: DateTime<Utc>) -> Result<(), DbErr> {
    let is_recent = user.provisional_used_at.is_some_and(|used_at| used_at > now - APART);
    if user.provisional_uses.is_none() || is_recent {
        return Ok(());
    }
    let update = counting_use(Entity::update_many(), now).filter(Column::Id.eq(user.id));
    update.exec(transaction).await.map(|_| ())
}

/// Lets the account keep its address from now on.
pub(super) fn confirming(update: UpdateMany<Entity>) -> UpdateMany<Entity> {
    update
        .col_expr(Column::ProvisionalUses, Expr::value(None::<i32>))
        .col_expr(Column::ProvisionalUsedAt, Expr::value(None::<DateTime<Utc>>))
}
