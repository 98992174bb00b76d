//! Finds the newest backup and its age. Times in the future are ignored.
//!
//! Retention, health, metrics, the status page and `list-backups` all use these functions. A time in the future means
//! that a clock was or is wrong. Such a backup is reported by name. It never counts as the newest and does not make
//! another backup count as old.

use chrono::{DateTime, TimeDelta, Utc};

/// Largest accepted difference between the clocks of two hosts. A later time is in the future.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// Returns true if a time is in the future by more than the clock tolerance.
pub fn is_in_future(time: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    now.checked_add_signed(CLOCK_TOLERANCE).is_some_and(|latest| time > latest)
}

/// Returns the item with the newest creation time. Items from the future and items without a time are skipped.
pub fn newest<T>(
    all: impl IntoIterator<Item = T>,
    made: impl Fn(&T) -> Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Option<T> {
    let timed = all.into_iter().filter_map(|one| Some((made(&one)?, one)));
    timed.filter(|(time, _)| !is_in_future(*time, now)).max_by_key(|(time, _)| *time).map(|(_, one)| one)
}

/// Seconds since a backup was made. Never negative, because clocks differ within the tolerance.
pub fn age_seconds(made: DateTime<Utc>, now: DateTime<Utc>) -> i64 {
    (now - made).num_seconds().max(0)
}
