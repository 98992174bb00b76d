//! What only grows, counted since this process began: rows are removed after their retention, and a count of the rows that
//! are left would go down.
//!
//! Each extended query counts from the end of what is settled. What is younger than a minute is counted again the next time, because a
//! transaction may add to it still.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::tagged_rows::TaggedRows;
use crate::db::Backend;

/// Older rows than this are all there.
const SETTLED: TimeDelta = TimeDelta::minutes(1);

/// What a cleanup counts.
const KINDS: [&str; 8] = [
    "refresh_tokens",
    "oauth_tokens",
    "auth_events",
    "maintenance_runs",
    "login_throttles",
    "oauth_states",
    "known_devices",
    "backups",
];

/// Counters since this process began, from rows that anybody wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// `login_failed` in `auth_events`.
    pub failed_logins: u64,
    /// What cleanups removed, by kind, from `maintenance_runs`.
    pub cleanup_deleted: BTreeMap<String, u64>,
    settled: Settled,
}

/// The part that does not change any more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Settled {
    failed_logins: u64,
    cleanup_deleted: BTreeMap<String, u64>,
}

/// Where counting goes on, by the database's clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window(DateTime<Utc>);

impl From<DateTime<Utc>> for Window {
    fn from(begin: DateTime<Utc>) -> Self {
        Self(begin)
    }
}

impl Window {
    fn settled(self, now: DateTime<Utc>) -> DateTime<Utc> {
        (now - SETTLED).max(self.0)
    }

    pub(super) fn query(self, backend: Backend, now: DateTime<Utc>) -> String {
        let text = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Micros, false);
        backend.read_counters(&text(self.0), &text(self.settled(now)))
    }

    /// Adds what was found; where to go on.
    pub(super) fn advance(self, now: DateTime<Utc>, rows: &TaggedRows, counters: &mut Counters) -> Self {
        let failed = rows.first("failed");
        let (Some(settled), Some(recent)) = (failed.number::<u64>(0), failed.number::<u64>(1)) else { return self };
        counters.settled.failed_logins += settled;
        counters.failed_logins = counters.settled.failed_logins + recent;
        // known from the start, so that the first removal is seen as one
        let mut deleted: BTreeMap<String, u64> = KINDS.iter().map(|what| ((*what).to_owned(), 0)).collect();
        for row in rows.all("deleted") {
            let kind =
                if row.text(0) == Some("settled") { &mut counters.settled.cleanup_deleted } else { &mut deleted };
            add(kind, row.text(1).unwrap_or_default());
        }
        for (what, count) in &counters.settled.cleanup_deleted {
            *deleted.entry(what.clone()).or_default() += count;
        }
        counters.cleanup_deleted = deleted;
        Self(self.settled(now))
    }
}

/// Adds the numbers of a run's counts.
fn add(sums: &mut BTreeMap<String, u64>, counts: &str) {
    let counts: BTreeMap<String, serde_json::Value> = serde_json::from_str(counts).unwrap_or_default();
    for (what, count) in counts.iter().filter_map(|(what, count)| Some((what, count.as_u64()?))) {
        *sums.entry(what.clone()).or_default() += count;
    }
}
