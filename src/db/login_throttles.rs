//! Counters of failed logins in `login_throttles`, for clients, addresses without an account, known devices and
//! sessions.

use chrono::{DateTime, Utc};
use entity::login_throttle::{ActiveModel, Column, Entity, Model};
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait, OnConflict, Query, SimpleExpr};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, Set};

use super::lockout_counter::{CounterColumns, Lockout, Reserved, StoredLock, lease_end};
use super::query_runner::unique_row;

/// Time without a failure after which an older version started its count again. Cleanup removes the row an hour later.
const FORGOTTEN: chrono::TimeDelta = chrono::TimeDelta::days(1);

/// Returns the lock that is stored in the row.
pub(super) fn lock(row: &Model) -> StoredLock {
    StoredLock { until: row.blocked_until, pending: row.pending_attempts, pending_until: row.pending_until }
}

fn columns() -> CounterColumns {
    let column = |column: Column| Expr::col((Entity, column));
    CounterColumns {
        failures: column(Column::Failures),
        as_of: column(Column::FailuresAsOf),
        locked_until: column(Column::BlockedUntil),
        pending: column(Column::PendingAttempts),
        pending_until: column(Column::PendingUntil),
    }
}

/// Counts an attempt of a subject if the subject is not locked.
pub(super) async fn reserve(
    connection: &impl ConnectionTrait,
    subject: &str,
    lockout: Lockout,
    now: DateTime<Utc>,
) -> Result<Reserved, DbErr> {
    let counter = columns();
    // a correct password is no failure: `failed` updates the time
    let last = Expr::col((Entity, Column::LastFailedAt));
    let last = CaseStatement::new().case(last.clone().lt(now - FORGOTTEN), now).finally(last);
    let again = OnConflict::column(Column::Subject)
        .value(Column::Failures, counter.counted(lockout, now))
        .value(Column::FailuresAsOf, counter.counted_as_of(lockout, now))
        .value(Column::LastFailedAt, last)
        .value(Column::BlockedUntil, counter.lock_after(lockout, now))
        .value(Column::PendingAttempts, counter.one_more_pending(now))
        .value(Column::PendingUntil, lease_end(now))
        .action_and_where(counter.is_free(now))
        .to_owned();
    let first = (lockout.threshold <= 1).then(|| now + lockout.first);
    let row = [
        (Column::Subject, Expr::val(subject)),
        (Column::Failures, Expr::val(1)),
        (Column::FailuresAsOf, Expr::val(now.timestamp_millis())),
        (Column::LastFailedAt, Expr::val(now)),
        (Column::BlockedUntil, Expr::val(first)),
        (Column::PendingAttempts, Expr::val(1)),
        (Column::PendingUntil, Expr::val(lease_end(now))),
    ];
    let (names, values): (Vec<_>, Vec<_>) = row.into_iter().unzip();
    let mut insert = Query::insert();
    insert.into_table(Entity).columns(names);
    let insert = insert.values(values).map_err(|error| DbErr::Custom(error.to_string()))?;
    match connection.query_one(insert.on_conflict(again).returning_col(Column::BlockedUntil)).await? {
        Some(row) => Ok(Reserved::counted(row.try_get_by_index(0)?, now)),
        None => {
            let row = unique_row(Entity::find_by_id(subject).all(connection).await?);
            Ok(row.map_or(Reserved::Pending, |row| lock(&row).refusal(now)))
        }
    }
}

/// Subtracts failures of a subject, including the attempt that is being decided, and removes the lock that they caused.
pub(super) async fn forgive(
    connection: &impl ConnectionTrait,
    subject: &str,
    amount: i64,
    lock: (Lockout, Option<DateTime<Utc>>),
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let (counter, (lockout, own)) = (columns(), lock);
    let of_subject = Column::Subject.eq(subject);
    let none_left = of_subject.clone().and(counter.failures.clone().lte(amount)).and(counter.live_pending(now).lte(1));
    if Entity::delete_many().filter(none_left).exec(connection).await?.rows_affected > 0 {
        return Ok(());
    }
    let count = counter.forgiven(amount, now);
    // the row is kept only with a failure
    let kept = CaseStatement::new().case(count.clone().lt(1), 1).finally(count.clone());
    Entity::update_many()
        .col_expr(Column::Failures, kept.into())
        .col_expr(Column::BlockedUntil, counter.lock_left(count, lockout, own, now))
        .col_expr(Column::PendingAttempts, counter.one_less_pending(now))
        .filter(of_subject)
        .exec(connection)
        .await
        .map(|_| ())
}

/// Adds a failure to a subject that is never locked.
pub(super) async fn add_failure(
    connection: &impl ConnectionTrait,
    subject: &str,
    lockout: Lockout,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let counter = columns();
    let again = OnConflict::column(Column::Subject)
        .value(Column::Failures, counter.counted(lockout, now))
        .value(Column::FailuresAsOf, counter.counted_as_of(lockout, now))
        .value(Column::LastFailedAt, now)
        .to_owned();
    let row = ActiveModel {
        subject: Set(subject.to_owned()),
        failures: Set(1),
        failures_as_of: Set(Some(now.timestamp_millis())),
        last_failed_at: Set(now),
        ..Default::default()
    };
    Entity::insert(row).on_conflict(again).exec_without_returning(connection).await.map(|_| ())
}

/// Records that an attempt of a subject failed.
pub(super) async fn failed(connection: &impl ConnectionTrait, subject: &str, now: DateTime<Utc>) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::LastFailedAt, Expr::value(now))
        .col_expr(Column::PendingAttempts, columns().one_less_pending(now))
        .filter(Column::Subject.eq(subject))
        .exec(connection)
        .await
        .map(|_| ())
}

/// Returns the failures of two subjects as of now, without attempts that are being checked. `None` instead of a subject
/// has no failures.
pub(super) async fn failures(
    connection: &impl ConnectionTrait,
    subjects: [Option<(&str, Lockout)>; 2],
    now: DateTime<Utc>,
) -> Result<[i64; 2], DbErr> {
    if subjects.iter().all(Option::is_none) {
        return Ok([0, 0]);
    }
    let of = |subject: Option<(&str, Lockout)>| match subject {
        Some((subject, lockout)) => {
            let decided = columns().level(lockout, now).sub(columns().live_pending(now));
            let row = Query::select().expr(decided).from(Entity).and_where(Column::Subject.eq(subject)).take();
            SimpleExpr::SubQuery(None, Box::new(row.into()))
        }
        None => Expr::val(0_i64),
    };
    let row = connection.query_one(&Query::select().exprs(subjects.map(of)).take()).await?;
    let row = row.ok_or_else(|| DbErr::RecordNotFound("a SELECT without a table has a row".to_owned()))?;
    let failures = |at: usize| row.try_get_by_index::<Option<i64>>(at).map(|found| Ord::max(found.unwrap_or(0), 0));
    Ok([failures(0)?, failures(1)?])
}

/// Ends the lock of a subject if it ends at `until`. The count does not change.
pub(super) async fn unlock(
    connection: &impl ConnectionTrait,
    subject: &str,
    until: DateTime<Utc>,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::BlockedUntil, Expr::value(None::<DateTime<Utc>>))
        .filter(Column::Subject.eq(subject))
        .filter(Column::BlockedUntil.eq(until))
        .exec(connection)
        .await
        .map(|_| ())
}
