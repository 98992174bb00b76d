//! Counter of an account's failed logins, stored in its row of `users`.

use chrono::{DateTime, Utc};
use entity::user::{Column, Entity, Model};
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, UpdateMany};

use super::lockout_counter::{CounterColumns, Lockout, Reserved, StoredLock, lease_end};
use super::query_runner::unique_row;

/// Returns the lock that is stored in the account's row.
pub(super) fn lock(account: &Model) -> StoredLock {
    StoredLock { until: account.locked_until, pending: account.pending_attempts, pending_until: account.pending_until }
}

fn columns() -> CounterColumns {
    CounterColumns {
        failures: Expr::col(Column::FailedLoginCount),
        as_of: Expr::col(Column::FailedLoginsAsOf),
        locked_until: Expr::col(Column::LockedUntil),
        pending: Expr::col(Column::PendingAttempts),
        pending_until: Expr::col(Column::PendingUntil),
    }
}

/// Builds an UPDATE that counts one failure and sets the lock that follows it.
fn counting(lockout: Lockout, now: DateTime<Utc>) -> UpdateMany<Entity> {
    let counter = columns();
    Entity::update_many()
        .col_expr(Column::FailedLoginCount, counter.counted(lockout, now))
        .col_expr(Column::FailedLoginsAsOf, counter.counted_as_of(lockout, now))
        .col_expr(Column::LockedUntil, counter.lock_after(lockout, now))
        .col_expr(Column::UpdatedAt, Expr::value(now))
}

/// Counts an attempt if the account is not locked.
pub(super) async fn reserve(
    connection: &impl ConnectionTrait,
    id: i64,
    lockout: Lockout,
    now: DateTime<Utc>,
) -> Result<Reserved, DbErr> {
    let counted = counting(lockout, now)
        .col_expr(Column::PendingAttempts, columns().one_more_pending(now))
        .col_expr(Column::PendingUntil, Expr::value(lease_end(now)))
        .filter(Column::Id.eq(id))
        .filter(columns().is_free(now))
        .exec_with_returning(connection)
        .await?;
    if let Some(account) = counted.first() {
        return Ok(Reserved::counted(account.locked_until, now));
    }
    // an account that was deleted after it was looked up has no counter
    let account = unique_row(Entity::find_by_id(id).all(connection).await?);
    Ok(account.map_or(Reserved::Counted(None), |account| lock(&account).refusal(now)))
}

/// Subtracts failures, including the attempt that is being decided, and removes the lock that they caused.
pub(super) async fn forgive(
    connection: &impl ConnectionTrait,
    id: i64,
    amount: i64,
    lock: (Lockout, Option<DateTime<Utc>>),
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let (counter, (lockout, own)) = (columns(), lock);
    let count = counter.forgiven(amount, now);
    Entity::update_many()
        .col_expr(Column::FailedLoginCount, count.clone())
        .col_expr(Column::LockedUntil, counter.lock_left(count, lockout, own, now))
        .col_expr(Column::PendingAttempts, counter.one_less_pending(now))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Id.eq(id))
        .exec(connection)
        .await
        .map(|_| ())
}

/// Subtracts decided failures that a known device or a session had added, and removes the lock that they caused.
pub(super) async fn take_off(
    connection: &impl ConnectionTrait,
    id: i64,
    failures: i64,
    lockout: Lockout,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let (counter, pending) = (columns(), columns().live_pending(now));
    let left = counter.failures.clone().sub(failures);
    let count: Expr = CaseStatement::new().case(left.clone().gt(pending.clone()), left).finally(pending).into();
    Entity::update_many()
        .col_expr(Column::FailedLoginCount, count.clone())
        .col_expr(Column::LockedUntil, counter.lock_left(count, lockout, None, now))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Id.eq(id))
        .exec(connection)
        .await
        .map(|_| ())
}

/// Resets the failures and the lock. Other attempts that are still being checked remain counted.
pub(super) async fn reset(connection: &impl ConnectionTrait, id: i64, now: DateTime<Utc>) -> Result<(), DbErr> {
    let others = columns().one_less_pending(now);
    Entity::update_many()
        .col_expr(Column::FailedLoginCount, others.clone())
        .col_expr(Column::FailedLoginsAsOf, Expr::value(now.timestamp_millis()))
        .col_expr(Column::LockedUntil, Expr::value(None::<DateTime<Utc>>))
        .col_expr(Column::PendingAttempts, others)
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Id.eq(id))
        .exec(connection)
        .await
        .map(|_| ())
}

/// Records that a counted attempt failed.
pub(super) async fn failed(connection: &impl ConnectionTrait, id: i64, now: DateTime<Utc>) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::PendingAttempts, columns().one_less_pending(now))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Id.eq(id))
        .exec(connection)
        .await
        .map(|_| ())
}

/// Adds a failure of a known device or a session. Returns the end of the lock if this failure locks the account. An
/// active lock is not extended.
pub(super) async fn add_failure(
    connection: &impl ConnectionTrait,
    id: i64,
    lockout: Lockout,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, DbErr> {
    let free = counting(lockout, now).filter(Column::Id.eq(id)).filter(columns().is_free(now));
    if let Some(account) = free.exec_with_returning(connection).await?.first() {
        return Ok(account.locked_until.filter(|until| *until > now));
    }
    Entity::update_many()
        .col_expr(Column::FailedLoginCount, columns().counted(lockout, now))
        .col_expr(Column::FailedLoginsAsOf, columns().counted_as_of(lockout, now))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Id.eq(id))
        .exec(connection)
        .await?;
    Ok(None)
}
