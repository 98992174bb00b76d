//! A counter of failed logins: a leaky bucket in the columns of a row, computed by the statement that counts an attempt.
//!
//! The count loses one failure per interval. `as_of` is the time up to which that is done; both engines divide its milliseconds alike. An
//! attempt is counted before its password is checked. Until that is decided it is pending as well: a lock that depends on pending
//! attempts refuses no other attempt, which waits instead. The attempts of a process that dies stop being pending after [`LEASE`], and
//! are failures.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait, SimpleExpr};

/// Time after which an attempt that is not decided has failed. A request is answered sooner.
const LEASE: TimeDelta = TimeDelta::seconds(60);

/// When failures lock, for how long, and how fast they are forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lockout {
    /// The number of failures that locks.
    pub threshold: i32,
    /// Length of the first lock. Each further failure doubles it.
    pub first: TimeDelta,
    /// Length of the longest lock.
    pub longest: TimeDelta,
    /// Time in which one failure is forgotten.
    pub decay: TimeDelta,
}

impl Lockout {
    /// The end of the lock that follows one more failure, as an expression over the count before; below the threshold the end of the
    /// lock before, which is over.
    fn lock_after(&self, level: SimpleExpr, before: SimpleExpr, now: DateTime<Utc>) -> SimpleExpr {
        let mut lock = CaseStatement::new().case(level.clone().lt(i64::from(self.threshold) - 1), before);
        for (count, length) in self.growing() {
            lock = lock.case(level.clone().eq(i64::from(count) - 1), now + length);
        }
        lock.finally(now + self.longest).into()
    }

    /// The count that the longest lock follows. No counter grows further, so that it is forgotten in a bounded time.
    fn most(&self) -> i64 {
        self.growing().last().map_or(self.threshold, |(count, _)| count + 1).into()
    }

    /// Counts and the locks that follow them, shorter than the longest.
    fn growing(&self) -> impl Iterator<Item = (i32, TimeDelta)> {
        let (longest, zero) = (self.longest, TimeDelta::zero());
        let doubled = std::iter::successors(Some(self.first), |length| Some(*length * 2));
        (self.threshold..).zip(doubled.take_while(move |length| *length < longest && *length > zero))
    }
}

/// What came of counting an attempt before its password is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reserved {
    /// It is counted; a lock until this time follows if it fails.
    Counted(Option<DateTime<Utc>>),
    /// The counter is locked until this time; nothing is counted.
    Locked(DateTime<Utc>),
    /// Whether the counter is locked depends on attempts that are being checked; nothing is counted.
    Pending,
}

impl Reserved {
    /// With the end of the lock that the row has now, which may be the lock before.
    pub(super) fn counted(until: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Self {
        Self::Counted(until.filter(|until| *until > now))
    }
}

/// A lock as a row has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct StoredLock {
    pub(super) until: Option<DateTime<Utc>>,
    pub(super) pending: i32,
    pub(super) pending_until: Option<i64>,
}

impl StoredLock {
    /// Why a row refused to count an attempt.
    pub(super) fn refusal(self, now: DateTime<Utc>) -> Reserved {
        self.decided(now).map_or(Reserved::Pending, Reserved::Locked)
    }

    /// The end of a lock that does not depend on attempts that are being checked.
    pub(super) fn decided(self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let is_pending = self.pending > 0 && self.pending_until.is_some_and(|until| until > now.timestamp_millis());
        self.until.filter(|until| *until > now && !is_pending)
    }
}

/// The columns of a counter, as expressions of a statement that changes it.
pub(super) struct CounterColumns {
    pub(super) failures: SimpleExpr,
    pub(super) as_of: SimpleExpr,
    pub(super) locked_until: SimpleExpr,
    pub(super) pending: SimpleExpr,
    pub(super) pending_until: SimpleExpr,
}

impl CounterColumns {
    /// The counter is not locked.
    pub(super) fn is_free(&self, now: DateTime<Utc>) -> SimpleExpr {
        self.locked_until.clone().is_null().or(self.locked_until.clone().lte(now))
    }

    /// The count with one attempt more.
    pub(super) fn counted(&self, lockout: Lockout, now: DateTime<Utc>) -> SimpleExpr {
        let (level, most) = (self.level(lockout, now), lockout.most());
        CaseStatement::new().case(level.clone().lt(most), level.clone().add(1_i64)).finally(level).into()
    }

    /// The time up to which the count has decayed once an attempt is counted.
    pub(super) fn counted_as_of(&self, lockout: Lockout, now: DateTime<Utc>) -> SimpleExpr {
        let passed = self.leaked(lockout, now).mul(lockout.decay.num_milliseconds());
        CaseStatement::new()
            .case(self.as_of.clone().is_null(), now.timestamp_millis())
            .case(self.level(lockout, now).eq(0_i64), now.timestamp_millis())
            .finally(self.as_of.clone().add(passed))
            .into()
    }

    /// Pending attempts with one more.
    pub(super) fn one_more_pending(&self, now: DateTime<Utc>) -> SimpleExpr {
        self.live_pending(now).add(1)
    }

    /// Pending attempts with one less.
    pub(super) fn one_less_pending(&self, now: DateTime<Utc>) -> SimpleExpr {
        let live = self.live_pending(now);
        CaseStatement::new().case(live.clone().gt(1), live.sub(1)).finally(0).into()
    }

    /// Attempts that are being checked.
    pub(super) fn live_pending(&self, now: DateTime<Utc>) -> SimpleExpr {
        let is_live = self.pending_until.clone().gt(now.timestamp_millis());
        CaseStatement::new().case(is_live, self.pending.clone()).finally(0).into()
    }

    /// The count without some failures; other attempts that are being checked stay in it.
    pub(super) fn forgiven(&self, amount: i64, now: DateTime<Utc>) -> SimpleExpr {
        let (left, floor) = (self.failures.clone().sub(amount), self.one_less_pending(now));
        CaseStatement::new().case(left.clone().gt(floor.clone()), left).finally(floor).into()
    }

    /// The lock after failures were forgiven: none below the threshold, and none that only followed the attempt that is decided now.
    pub(super) fn lock_left(
        &self,
        count: SimpleExpr,
        lockout: Lockout,
        own: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> SimpleExpr {
        let mut lock = CaseStatement::new().case(count.lt(lockout.threshold), None::<DateTime<Utc>>);
        if let Some(own) = own {
            // it ends now; NULL is what an operator who unlocks writes
            lock = lock.case(self.locked_until.clone().eq(own), now);
        }
        lock.finally(self.locked_until.clone()).into()
    }

    /// The lock that follows one attempt more.
    pub(super) fn lock_after(&self, lockout: Lockout, now: DateTime<Utc>) -> SimpleExpr {
        lockout.lock_after(self.level(lockout, now), self.locked_until.clone(), now)
    }

    /// The count as of now.
    pub(super) fn level(&self, lockout: Lockout, now: DateTime<Utc>) -> SimpleExpr {
        let leaked = self.leaked(lockout, now);
        let left = self.failures.clone().sub(leaked.clone());
        CaseStatement::new().case(self.failures.clone().lte(leaked), 0_i64).finally(left).into()
    }

    /// Failures that were forgotten since the count was stored. A time in the future, of a clock that is ahead, forgets none.
    fn leaked(&self, lockout: Lockout, now: DateTime<Utc>) -> SimpleExpr {
        let now = now.timestamp_millis();
        let passed = Expr::value(now).sub(self.as_of.clone());
        CaseStatement::new()
            .case(self.as_of.clone().lt(now), passed.div(lockout.decay.num_milliseconds()))
            .finally(0_i64)
            .into()
    }
}

/// The time until which an attempt that is counted now is pending, in milliseconds since 1970.
pub(super) fn lease_end(now: DateTime<Utc>) -> i64 {
    (now + LEASE).timestamp_millis()
}
