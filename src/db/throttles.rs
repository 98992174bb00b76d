//! Failed logins of those who have no account to count them in: clients, and addresses that nobody has.

use chrono::{DateTime, TimeDelta, Utc};
use entity::login_throttle::{Column, Entity};
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait, OnConflict, Query, SimpleExpr};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};

use super::{Error, Pool};

/// After this time without a failure the count begins anew.
const FORGOTTEN: TimeDelta = TimeDelta::days(1);

/// From which failure on a block follows, and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lockout {
    /// The first one that is followed by a block.
    pub threshold: i32,
    /// How long that is; after each further one twice as long.
    pub first: TimeDelta,
    /// It is never longer.
    pub longest: TimeDelta,
}

impl Lockout {
    /// The end of the lock that follows a number of failures, as an expression over that number; below the threshold the end of the
    /// lock before, which is over.
    pub(super) fn lock_after(&self, failures: SimpleExpr, before: SimpleExpr, now: DateTime<Utc>) -> SimpleExpr {
        let mut lock = CaseStatement::new().case(failures.clone().lt(self.threshold), before);
        let (mut count, mut length) = (self.threshold, self.first);
        while length < self.longest && length > TimeDelta::zero() {
            lock = lock.case(failures.clone().eq(count), now + length);
            (count, length) = (count + 1, length * 2);
        }
        lock.finally(now + self.longest).into()
    }
}

/// What came of counting an attempt before it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reserved {
    /// It is counted; a lock until this time follows if it fails.
    Counted(Option<DateTime<Utc>>),
    /// The subject is locked until this time; nothing is counted.
    Locked(DateTime<Utc>),
}

impl Reserved {
    /// With the end of the lock that the row has now, which may be the lock before.
    pub(super) fn counted(until: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Self {
        Self::Counted(until.filter(|until| *until > now))
    }

    /// The end of the lock that refuses the attempt.
    pub(super) fn locked_until(self) -> Option<DateTime<Utc>> {
        match self {
            Self::Counted(_) => None,
            Self::Locked(until) => Some(until),
        }
    }
}

impl Pool {
    /// Until when the first of these subjects that is blocked is so.
    ///
    /// # Errors
    /// What the database said.
    pub async fn blocked_until(&self, subjects: &[String], now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, Error> {
        let throttles = Entity::of(subjects).all(self.queries()).await?;
        Ok(throttles.into_iter().filter_map(|throttle| throttle.blocked_until).filter(|until| *until > now).max())
    }
}

/// Counts an attempt of a subject that is not locked.
pub(super) async fn reserve(
    connection: &impl ConnectionTrait,
    subject: &str,
    lockout: Lockout,
    now: DateTime<Utc>,
) -> Result<Reserved, DbErr> {
    let first = (lockout.threshold <= 1).then(|| now + lockout.first);
    let table = |column| Expr::col((Entity, column));
    let failures = || {
        CaseStatement::new()
            .case(table(Column::LastFailedAt).lt(now - FORGOTTEN), 1)
            .case(table(Column::Failures).lt(i32::MAX), table(Column::Failures).add(1))
            .finally(i32::MAX)
    };
    // a right password is no failure: `failed_now` moves the time on
    let last_failed = CaseStatement::new()
        .case(table(Column::LastFailedAt).lt(now - FORGOTTEN), now)
        .finally(table(Column::LastFailedAt));
    let again = OnConflict::column(Column::Subject)
        .value(Column::Failures, failures())
        .value(Column::LastFailedAt, last_failed)
        .value(Column::BlockedUntil, lockout.lock_after(failures().into(), table(Column::BlockedUntil), now))
        .action_and_where(table(Column::BlockedUntil).is_null().or(table(Column::BlockedUntil).lte(now)))
        .to_owned();
    let mut insert = Query::insert();
    insert
        .into_table(Entity)
        .columns([Column::Subject, Column::Failures, Column::LastFailedAt, Column::BlockedUntil])
        .values([Expr::val(subject), Expr::val(1), Expr::val(now), Expr::val(first)])
        .map_err(|error| DbErr::Custom(error.to_string()))?
        .on_conflict(again)
        .returning_col(Column::BlockedUntil);
    match connection.query_one(&insert).await? {
        Some(row) => Ok(Reserved::counted(row.try_get_by_index(0)?, now)),
        None => {
            let locked = Entity::find_by_id(subject).one(connection).await?;
            Ok(Reserved::Locked(locked.and_then(|throttle| throttle.blocked_until).unwrap_or(now)))
        }
    }
}

/// Takes one attempt of a subject off, and the lock that its count was followed by.
pub(super) async fn give_back(
    connection: &impl ConnectionTrait,
    subject: &str,
    until: Option<DateTime<Utc>>,
) -> Result<(), DbErr> {
    let only = Entity::delete_many().filter(Column::Subject.eq(subject)).filter(Column::Failures.lte(1));
    if only.exec(connection).await?.rows_affected > 0 {
        return Ok(());
    }
    let mut update = Entity::update_many().col_expr(Column::Failures, Expr::col(Column::Failures).sub(1));
    if let Some(until) = until {
        let ours = Expr::col(Column::BlockedUntil).eq(until);
        let kept = CaseStatement::new().case(ours, None::<DateTime<Utc>>).finally(Expr::col(Column::BlockedUntil));
        update = update.col_expr(Column::BlockedUntil, kept.into());
    }
    let given = update.filter(Column::Subject.eq(subject)).filter(Column::Failures.gt(1));
    given.exec(connection).await.map(|_| ())
}

/// Notes that the attempts of these subjects failed now.
pub(super) async fn failed_now(
    connection: &impl ConnectionTrait,
    subjects: &[&str],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    for subject in subjects {
        let failed = Entity::update_many().col_expr(Column::LastFailedAt, Expr::value(now));
        failed.filter(Column::Subject.eq(*subject)).exec(connection).await?;
    }
    Ok(())
}
