//! Counters since the start of this process that never decrease. Counting the existing rows would not work, because
//! expired rows are removed.
//!
//! Each extended query continues after the settled rows. Rows younger than a minute are counted again next time,
//! because an open transaction may still add some.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::tagged_rows::TaggedRows;
use crate::db::Backend;

/// Age after which no transaction adds rows any more.
const SETTLED: TimeDelta = TimeDelta::minutes(1);

/// Kinds of rows that a cleanup counts.
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

/// Counters since the start of this process, over rows of all replicas.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Number of `login_failed` events in `auth_events`.
    pub failed_logins: u64,
    /// Number of rows that cleanups deleted, by kind, from `maintenance_runs`.
    pub cleanup_deleted: BTreeMap<String, u64>,
    settled: Settled,
}

/// Settled part of the counters, which does not change any more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Settled {
    failed_logins: u64,
    cleanup_deleted: BTreeMap<String, u64>,
    /// Begin of the next count, by the database's clock. `None` before the first count.
    until: Option<DateTime<Utc>>,
}

/// Failed logins in the period of one query.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FailedLogins {
    settled: u64,
    recent: u64,
}

impl Counters {
    /// Query for the next count, at this time of the database's clock.
    pub(super) fn query(&self, backend: Backend, now: DateTime<Utc>) -> String {
        let text = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Micros, false);
        let begin = self.begin(now);
        backend.read_counters(&text(begin), &text(settled_until(begin, now)))
    }

    /// Counters with the rows of that query added.
    pub(super) fn advance(&self, rows: &TaggedRows, now: DateTime<Utc>) -> Self {
        let begin = self.begin(now);
        let mut settled = Settled { until: Some(begin), ..self.settled.clone() };
        let Some(failed) = rows.first::<FailedLogins>("failed_logins") else {
            return Self { settled, ..self.clone() };
        };
        settled.until = Some(settled_until(begin, now));
        settled.failed_logins += failed.settled;
        // every kind starts at 0, so that the first deletion shows as an increase
        let mut deleted: BTreeMap<String, u64> = KINDS.iter().map(|what| ((*what).to_owned(), 0)).collect();
        add(&mut settled.cleanup_deleted, rows.all("settled_deletions"));
        add(&mut deleted, rows.all("recent_deletions"));
        for (what, count) in &settled.cleanup_deleted {
            *deleted.entry(what.clone()).or_default() += count;
        }
        Self { failed_logins: settled.failed_logins + failed.recent, cleanup_deleted: deleted, settled }
    }

    fn begin(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.settled.until.unwrap_or(now)
    }
}

fn settled_until(begin: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    (now - SETTLED).max(begin)
}

/// Adds the numbers in the counts of several runs.
fn add(sums: &mut BTreeMap<String, u64>, runs: impl Iterator<Item = BTreeMap<String, Value>>) {
    for (what, count) in runs.flatten().filter_map(|(what, count)| Some((what, count.as_u64()?))) {
        *sums.entry(what).or_default() += count;
    }
}
