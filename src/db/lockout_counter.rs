//! Counter of failed logins: a leaky bucket in the columns of a row. The statement that counts an attempt computes it.
//!
//! The count decreases by one failure per interval. `as_of` is the time up to which the decrease is applied. Both
//! engines divide its milliseconds in one way. An attempt is counted before its password is checked, and is pending
//! until then. A lock that depends on pending attempts refuses no other attempt: the other attempt waits. If a process
//! dies, its attempts stop being pending after [`LEASE`] and count as failures.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait, SimpleExpr};

/// Time after which an undecided attempt counts as failed. Every request is answered sooner.
const LEASE: TimeDelta = TimeDelta::seconds(60);

/// Rule of a lockout: the threshold, the lengths of locks, and the decay of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lockout {
    /// Number of failures that causes a lock.
    pub threshold: i32,
    /// Length of the first lock. Each further failure doubles it.
    pub first: TimeDelta,
    /// Length of the longest lock.
    pub longest: TimeDelta,
    /// Time after which one failure is forgotten.
    pub decay: TimeDelta,
}

impl Lockout {
    /// Builds an expression for the end of the lock after one more failure, from the count before it. Below the
    /// threshold it is the end of the previous lock, which is over.
    fn lock_after(&self, level: SimpleExpr, before: SimpleExpr, now: DateTime<Utc>) -> SimpleExpr {
        let mut lock = CaseStatement::new().case(level.clone().lt(i64::from(self.threshold) - 1), before);
        for (count, length) in self.growing() {
            lock = lock.case(level.clone().eq(i64::from(count) - 1), now + length);
        }
        lock.finally(now + self.longest).into()
    }

    /// Returns the count that causes the longest lock. No counter grows further, so every counter is forgotten within a
    /// bounded time.
    fn most(&self) -> i64 {
        self.growing().last().map_or(self.threshold, |(count, _)| count + 1).into()
    }

    /// Returns the counts, and the lengths of the locks that they cause, as far as these are shorter than the longest
    /// lock.
    fn growing(&self) -> impl Iterator<Item = (i32, TimeDelta)> {
        let (longest, zero) = (self.longest, TimeDelta::zero());
        let doubled = std::iter::successors(Some(self.first), |length| Some(*length * 2));
        (self.threshold..).zip(doubled.take_while(move |length| *length < longest && *length > zero))
    }
}

/// Result of counting an attempt before its password is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reserved {
    /// The attempt is counted. If it fails, a lock until this time follows.
    Counted(Option<DateTime<Utc>>),
    /// The counter is locked until this time. Nothing is counted.
    Locked(DateTime<Utc>),
    /// The lock of the counter depends on attempts that are being checked. Nothing is counted.
    Pending,
}

impl Reserved {
    /// Builds the result from the end of the lock in the row, which may be that of an earlier lock.
    pub(super) fn counted(until: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Self {
        Self::Counted(until.filter(|until| *until > now))
    }
}

/// Lock as the row stores it.
#[derive(Debug, Clone, Copy)]
pub(super) struct StoredLock {
    pub(super) until: Option<DateTime<Utc>>,
    pub(super) pending: i32,
    pub(super) pending_until: Option<i64>,
}

impl StoredLock {
    /// Returns why a row refused to count an attempt.
    pub(super) fn refusal(self, now: DateTime<Utc>) -> Reserved {
        self.decided(now).map_or(Reserved::Pending, Reserved::Locked)
    }

    /// Returns the end of a lock that does not depend on attempts that are being checked.
    pub(super) fn decided(self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let is_pending = self.pending > 0 && self.pending_until.is_some_and(|until| until > now.timestamp_millis());
        self.until.filter(|until| *until > now && !is_pending)
    }
}

/// Columns of a counter, as expressions of the statement that changes it.
pub(super) struct CounterColumns {
    pub(super) failures: SimpleExpr,
    pub(super) as_of: SimpleExpr,
    pub(super) locked_until: SimpleExpr,
    pub(super) pending: SimpleExpr,
    pub(super) pending_until: SimpleExpr,
}

impl CounterColumns {
    /// Builds a condition that is true if the counter is not locked.
    pub(super) fn is_free(&self, now: DateTime<Utc>) -> SimpleExpr {
        self.locked_until.clone().is_null().or(self.locked_until.clone().lte(now))
    }

    /// Builds an expression for the count with one more attempt.
    pub(super) fn counted(&self, lockout: Lockout, now: DateTime<Utc>) -> SimpleExpr {
        let (level, most) = (self.level(lockout, now), lockout.most());
        CaseStatement::new().case(level.clone().lt(most), level.clone().add(1_i64)).finally(level).into()
    }

    /// Builds an expression for the time up to which the count has decayed once an attempt is counted.
    pub(super) fn counted_as_of(&self, lockout: Lockout, now: DateTime<Utc>) -> SimpleExpr {
        let passed = self.leaked(lockout, now).mul(lockout.decay.num_milliseconds());
        CaseStatement::new()
            .case(self.as_of.clone().is_null(), now.timestamp_millis())
            .case(self.level(lockout, now).eq(0_i64), now.timestamp_millis())
            .finally(self.as_of.clone().add(passed))
            .into()
    }

    /// Builds an expression for the pending attempts plus one.
    pub(super) fn one_more_pending(&self, now: DateTime<Utc>) -> SimpleExpr {
        self.live_pending(now).add(1)
    }

    /// Builds an expression for the pending attempts minus one.
    pub(super) fn one_less_pending(&self, now: DateTime<Utc>) -> SimpleExpr {
        let live = self.live_pending(now);
        CaseStatement::new().case(live.clone().gt(1), live.sub(1)).finally(0).into()
    }

    /// Builds an expression for the number of attempts that are being checked.
    pub(super) fn live_pending(&self, now: DateTime<Utc>) -> SimpleExpr {
        let is_live = self.pending_until.clone().gt(now.timestamp_millis());
        CaseStatement::new().case(is_live, self.pending.clone()).finally(0).into()
    }

    /// Builds an expression for the count minus `amount`. Other attempts that are being checked remain counted.
    pub(super) fn forgiven(&self, amount: i64, now: DateTime<Utc>) -> SimpleExpr {
        let (left, floor) = (self.failures.clone().sub(amount), self.one_less_pending(now));
        CaseStatement::new().case(left.clone().gt(floor.clone()), left).finally(floor).into()
    }

    /// Builds an expression for the lock after failures were subtracted. No lock remains below the threshold, or if
    /// only the attempt that is being decided caused it.
    pub(super) fn lock_left(
        &self,
        count: SimpleExpr,
        lockout: Lockout,
        own: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> SimpleExpr {
        let mut lock = CaseStatement::new().case(count.lt(lockout.threshold), None::<DateTime<Utc>>);
        if let Some(own) = own {
            // the lock ends now; only an operator who unlocks writes NULL
            lock = lock.case(self.locked_until.clone().eq(own), now);
        }
        lock.finally(self.locked_until.clone()).into()
    }

    /// Builds an expression for the lock that follows one more attempt.
    pub(super) fn lock_after(&self, lockout: Lockout, now: DateTime<Utc>) -> SimpleExpr {
        lockout.lock_after(self.level(lockout, now), self.locked_until.clone(), now)
    }

    /// Builds an expression for the count at this time.
    pub(super) fn level(&self, lockout: Lockout, now: DateTime<Utc>) -> SimpleExpr {
        let leaked = self.leaked(lockout, now);
        let left = self.failures.clone().sub(leaked.clone());
        CaseStatement::new().case(self.failures.clone().lte(leaked), 0_i64).finally(left).into()
    }

    /// Builds an expression for the failures that were forgotten since the count was stored. A stored time in the
    /// future forgets none.
    fn leaked(&self, lockout: Lockout, now: DateTime<Utc>) -> SimpleExpr {
        let now = now.timestamp_millis();
        let passed = Expr::value(now).sub(self.as_of.clone());
        CaseStatement::new()
            .case(self.as_of.clone().lt(now), passed.div(lockout.decay.num_milliseconds()))
            .finally(0_i64)
            .into()
    }
}

/// Returns the time until which an attempt counted now is pending, in milliseconds since 1970.
pub(super) fn lease_end(now: DateTime<Utc>) -> i64 {
    (now + LEASE).timestamp_millis()
}
