//! One rule for which backup is the newest, and how old it is: a time in the future counts for nothing.
//!
//! Retention, health, metrics, the status page and `list-backups` all ask here. A backup whose time is in the future was made, or is
//! looked at, under a wrong clock: it is reported by name, and neither makes another one old nor counts as recent.

use chrono::{DateTime, TimeDelta, Utc};

/// Clocks of two hosts differ by so much at most. A later time is in the future.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// Whether a time is in the future.
pub fn is_in_future(time: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    now.checked_add_signed(CLOCK_TOLERANCE).is_some_and(|latest| time > latest)
}

/// The newest of several, by the time that each was made; those from the future and those without a time are skipped.
pub fn newest<T>(
    all: impl IntoIterator<Item = T>,
    made: impl Fn(&T) -> Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Option<T> {
    let timed = all.into_iter().filter_map(|one| Some((made(&one)?, one)));
    timed.filter(|(time, _)| !is_in_future(*time, now)).max_by_key(|(time, _)| *time).map(|(_, one)| one)
}

/// Seconds since a backup was made, never negative: within the tolerance, clocks differ.
pub fn age_seconds(made: DateTime<Utc>, now: DateTime<Utc>) -> i64 {
    (now - made).num_seconds().max(0)
}
