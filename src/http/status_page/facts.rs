//! Other figures of the page: schema, server, storage, indexes.

use super::figure::{self, Figure, Reasons};
use super::format;
use crate::health::{DetailedHealthReport, SqliteFile};

/// Age of the oldest transaction id at which PostgreSQL accepts no more writes.
const LAST_TRANSACTION_ID: f64 = 2e9;

/// Group of related figures.
pub(super) struct FactGroup {
    pub(super) title: &'static str,
    pub(super) facts: Vec<(&'static str, Figure)>,
}

impl FactGroup {
    /// Returns the reason if all figures of the group are missing for one reason.
    pub(super) fn blank(&self) -> Option<&str> {
        figure::common(self.facts.iter().map(|(_, value)| value))
    }
}

pub(super) fn facts(detailed: &DetailedHealthReport, reasons: &Reasons) -> Vec<FactGroup> {
    let mut all = vec![schema(detailed, reasons), server(detailed, reasons), room(detailed, reasons)];
    all.extend(detailed.storage.sqlite.as_ref().map(sqlite));
    all
}

fn schema(detailed: &DetailedHealthReport, reasons: &Reasons) -> FactGroup {
    let migrations = &detailed.basic_health.migrations;
    let number = |number: Option<usize>| number.map(|number| format::count(number as u64));
    let drift = migrations.drift.map(|drift| if drift { "yes" } else { "none" }.to_owned());
    let facts = vec![
        ("Migrations applied", reasons.figure("applied", number(migrations.applied))),
        ("Newest", reasons.figure("latest", migrations.latest.clone())),
        ("Drift", reasons.figure("drift", drift)),
    ];
    FactGroup { title: "Schema", facts }
}

fn server(detailed: &DetailedHealthReport, reasons: &Reasons) -> FactGroup {
    let (database, performance) = (&detailed.basic_health.database, &detailed.basic_health.performance);
    // `PostgreSQL 15.20 (Debian …) on x86_64…` is cut at the bracket; the JSON report has the rest
    let version = database.version.as_deref().map(|version| version.split(" (").next().unwrap_or(version).to_owned());
    let skew = detailed.storage.clock_skew_seconds.map(ahead);
    let mean = performance.avg_query_time_ms.map(format::milliseconds);
    let mut facts = vec![
        ("Version", reasons.figure("version", version)),
        ("Cache hits", reasons.figure("cache_hit_ratio", performance.cache_hit_ratio.map(format::percent))),
        ("Scans by index", reasons.figure("index_usage_ratio", performance.index_usage_ratio.map(format::percent))),
        ("Deadlocks", reasons.figure("deadlocks", performance.deadlocks.map(format::count))),
        ("Mean query", reasons.figure("avg_query_time_ms", mean)),
        ("Slow queries", reasons.figure("slow_queries", performance.slow_queries.map(format::count))),
    ];
    if database.backend != "sqlite" {
        facts.push(("Clock ahead by", reasons.figure("clock_skew_seconds", skew)));
    }
    FactGroup { title: "Server", facts }
}

/// Formats a clock skew, for example `+0.25 s`. A value that is rounded to zero has no minus.
fn ahead(skew: f64) -> String {
    let rounded = (skew * 100.0).round() / 100.0 + 0.0;
    format!("{rounded:+.2} s")
}

fn room(detailed: &DetailedHealthReport, reasons: &Reasons) -> FactGroup {
    let storage = &detailed.storage;
    let ids = storage.transaction_id_age.map(|age| {
        let used = age as f64 / LAST_TRANSACTION_ID * 100.0;
        format!("{} ({})", format::count(age), format::percent(used))
    });
    let mut facts = vec![
        ("Free for backups", reasons.figure("backup_free_bytes", storage.backup_free_bytes.map(format::size))),
        ("Fullest sequence", reasons.figure("sequence_used_ratio", storage.sequence_used_ratio.map(format::percent))),
    ];
    if detailed.basic_health.database.backend != "sqlite" {
        facts.push(("Oldest transaction id", reasons.figure("transaction_id_age", ids)));
    }
    FactGroup { title: "Storage", facts }
}

fn sqlite(file: &SqliteFile) -> FactGroup {
    let check = match file.quick_check.as_deref() {
        None => "not requested".to_owned(),
        Some([]) => "ok".to_owned(),
        Some(found) => found.join("; "),
    };
    let pages = format!("{} of {}", format::count(file.page_count), format::size(file.page_size));
    let facts = [
        ("Pages", pages),
        ("Free pages", format::count(file.freelist_count)),
        ("Cache of a connection", format::size(file.cache_bytes)),
        ("Journal", file.journal_mode.clone()),
        ("Write-ahead log", format::size(file.wal_bytes)),
        ("Quick check", check),
    ];
    FactGroup { title: "SQLite file", facts: facts.map(|(name, value)| (name, Figure::Known(value))).into() }
}

/// Indexes with one kind of flaw.
pub(super) struct IndexRow<'a> {
    pub(super) title: &'static str,
    pub(super) meaning: &'static str,
    pub(super) names: Figure<&'a [String]>,
}

/// Returns the reason if all rows are missing for one reason.
pub(super) fn blank<'a>(indexes: &'a [IndexRow<'_>]) -> Option<&'a str> {
    figure::common(indexes.iter().map(|kind| &kind.names))
}

pub(super) fn indexes<'a>(detailed: &'a DetailedHealthReport, reasons: &Reasons) -> [IndexRow<'a>; 3] {
    let found = &detailed.indexes;
    let kind = |title, meaning, name: &str, names: &'a Option<Vec<String>>| IndexRow {
        title,
        meaning,
        names: reasons.figure(name, names.as_deref()),
    };
    [
        kind("Invalid", "left unfinished: slows writes and serves no query", "invalid", &found.invalid),
        kind("Duplicate", "another index has the same columns", "duplicate", &found.duplicate),
        kind("Unused", "no query has used it", "unused", &found.unused),
    ]
}
