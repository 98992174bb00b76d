//! Provisional accounts: unverified registrations, which hold their address for a day.
//!
//! A registration of the same address after that takes the address over, and nothing else: it is another account with another id. The old one is
//! soft-deleted, its sessions are ended, and an operator can give it back. An account is provisional only as long as all of this
//! holds, which is asked under the lock of its row:
//! - it was registered by this version or a later one: `provisional_uses` of other rows is NULL, because it is not known how they were used;
//! - its address is unverified, and no account at a provider is linked to it;
//! - it was not used three times, twelve hours or more apart, or twice where no mail is sent: an account in use is no abandoned
//!   registration. Where no mail is sent, no account can be verified, and only its use tells an account of a person from another one;
//! - it is neither inactive nor soft-deleted: what an operator decided about it stands.
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

/// How long a provisional account holds its address.
const HOLD: TimeDelta = TimeDelta::days(1);
/// From this use on an account holds its address for good, in every deployment. The registration is the first one.
pub const USES_UNTIL_HELD: i32 = 3;
/// Uses that are closer together count as one.
const APART: TimeDelta = TimeDelta::hours(12);

/// How a registration takes an address over.
#[derive(Debug, Clone)]
pub struct Takeover {
    /// Random text, of which the old account gets its new address and name, so that no other account can have them.
    pub suffix: String,
    /// An account with fewer uses loses its address. More than [`USES_UNTIL_HELD`] are never counted.
    pub uses: i32,
}

/// An account that lost its address.
#[derive(Debug, Clone)]
pub(super) struct Released {
    pub(super) id: i64,
    pub(super) email: Email,
    pub(super) username: String,
}

/// Takes the address from the provisional account that has held it for longer than a day, if there is one: it is soft-deleted under another
/// address and name, and its sessions are ended.
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

/// Whether an account is provisional, and its day is over.
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

/// Counts a use of an account, if it is provisional and was not used lately.
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

/// The account holds its address for good from now on.
pub(super) fn confirming(update: UpdateMany<Entity>) -> UpdateMany<Entity> {
    update
        .col_expr(Column::ProvisionalUses, Expr::value(None::<i32>))
        .col_expr(Column::ProvisionalUsedAt, Expr::value(None::<DateTime<Utc>>))
}
