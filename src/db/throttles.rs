//! Failed logins of those who have no account to count them in: clients, and addresses that nobody has.

use chrono::{DateTime, TimeDelta, Utc};
use entity::login_throttle::{ActiveModel, Column, Entity};
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, Set};

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
    /// Until when nobody may try again after this many failures; `None`: at once.
    pub fn until(&self, failures: i32, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let beyond = u32::try_from(failures.checked_sub(self.threshold)?).ok()?;
        let doubled = 2_i32.checked_pow(beyond).and_then(|factor| self.first.checked_mul(factor));
        Some(now + doubled.unwrap_or(self.longest).min(self.longest))
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

/// Counts a failure of a subject; until when it is blocked now.
pub(super) async fn count(
    connection: &impl ConnectionTrait,
    subject: &str,
    lockout: Lockout,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, DbErr> {
    let first = ActiveModel {
        subject: Set(subject.to_owned()),
        failures: Set(1),
        last_failed_at: Set(now),
        ..Default::default()
    };
    let table = |column| Expr::col((Entity, column));
    let failures = CaseStatement::new()
        .case(table(Column::LastFailedAt).lt(now - FORGOTTEN), 1)
        .case(table(Column::Failures).lt(i32::MAX), table(Column::Failures).add(1))
        .finally(i32::MAX);
    let again = OnConflict::column(Column::Subject)
        .value(Column::Failures, failures)
        .value(Column::LastFailedAt, now)
        .to_owned();
    let counted = Entity::insert(first).on_conflict(again).exec_with_returning(connection).await?;
    let until = lockout.until(counted.failures, now);
    if until.is_some() {
        let block = Entity::update_many().col_expr(Column::BlockedUntil, Expr::value(until));
        block.filter(Column::Subject.eq(subject)).exec(connection).await?;
    }
    Ok(until)
}
