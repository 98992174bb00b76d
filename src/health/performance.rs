//! Performance figures: caches, sessions and scans of a PostgreSQL server, or the file of SQLite.

use super::basic::BasicFigures;
use super::extended;
use super::report::{PerformanceHealth, SqliteFile};
use super::section::Section;
use super::settings::HealthSettings;
use super::statements::StatementFigures;
use super::tagged_rows::TaggedRows;
use crate::db::{Backend, DatabaseTarget, DatabaseUrl, PoolUsage};

/// Figures of the report.
pub(super) fn read(
    answer: &BasicFigures,
    backend: Backend,
    usage: PoolUsage,
    settings: &HealthSettings,
    statements: Option<&StatementFigures>,
) -> Section<PerformanceHealth> {
    match backend {
        Backend::Postgres => of_server(&answer.rows, settings, statements),
        Backend::Sqlite => Section { figures: of_pool(usage), warnings: vec![SQLITE.to_owned()] },
    }
}

const SQLITE: &str = "slow_queries, avg_query_time_ms, cache_hit_ratio, deadlocks, long_running_queries, index_usage_ratio: \
     SQLite keeps no such statistics; active and idle connections are those of this program";

fn of_pool(usage: PoolUsage) -> PerformanceHealth {
    PerformanceHealth {
        active_connections: Some(usage.in_use.into()),
        idle_connections: Some(usage.open.saturating_sub(usage.in_use).into()),
        ..PerformanceHealth::default()
    }
}

fn of_server(
    rows: &TaggedRows,
    settings: &HealthSettings,
    statements: Option<&StatementFigures>,
) -> Section<PerformanceHealth> {
    let Section { figures: mut performance, mut warnings } = counted(rows);
    match why_sessions_hidden(rows) {
        None => {
            let sessions = rows.first("sessions");
            performance.active_connections = sessions.number(0);
            performance.idle_connections = sessions.number(1);
            performance.long_running_queries = running_for(rows, settings.thresholds.long_query.as_secs_f64());
        }
        Some(why) => warnings.push(format!("active_connections, idle_connections, long_running_queries: {why}")),
    }
    match statements {
        Some(statements) => {
            performance.slow_queries = statements.slow_queries;
            performance.avg_query_time_ms = statements.mean_ms;
            warnings.extend(statements.missing.as_ref().map(|why| format!("slow_queries, avg_query_time_ms: {why}")));
        }
        None => warnings.push(extended::not_fetched("slow_queries, avg_query_time_ms")),
    }
    Section { figures: performance, warnings }
}

/// Figures from the server's counters, if counting is on.
fn counted(rows: &TaggedRows) -> Section<PerformanceHealth> {
    let (database, scans) = (rows.first("database"), rows.first("scans"));
    if database.text(3) == Some("off") {
        let why = "cache_hit_ratio, deadlocks, index_usage_ratio: the server counts nothing; set track_counts = on, without which \
                   autovacuum does not run either";
        return Section { figures: PerformanceHealth::default(), warnings: vec![why.to_owned()] };
    }
    let performance = PerformanceHealth {
        cache_hit_ratio: ratio(database.number(0), database.number(1)),
        deadlocks: database.number(2),
        index_usage_ratio: ratio(scans.number(1), scans.number(0)),
        ..PerformanceHealth::default()
    };
    let mut warnings = Vec::new();
    if database.exists() && performance.cache_hit_ratio.is_none() {
        warnings.push("cache_hit_ratio: no block was read yet".to_owned());
    }
    if scans.exists() && performance.index_usage_ratio.is_none() {
        warnings.push("index_usage_ratio: no table was read yet".to_owned());
    }
    Section { figures: performance, warnings }
}

/// Reason why the activity of some sessions is hidden. `None` if all are visible.
pub(super) fn why_sessions_hidden(rows: &TaggedRows) -> Option<String> {
    let sessions = rows.first("sessions");
    match (sessions.number::<u64>(3)?, sessions.number::<u64>(6)?) {
        (0, 0) => None,
        (0, silent) => Some(format!("{silent} sessions do not show their activity; set track_activities = on")),
        (hidden, _) => {
            Some(format!("this role may not see {hidden} sessions of other roles; GRANT pg_read_all_stats TO it"))
        }
    }
}

/// Number of statements that run for more than this many seconds.
fn running_for(rows: &TaggedRows, seconds: f64) -> Option<u64> {
    let running = rows.first("sessions").text(4)?;
    let longer = running.split(',').filter_map(|text| text.parse::<f64>().ok()).filter(|running| *running > seconds);
    u64::try_from(longer.count()).ok()
}

/// Percentage of `part` in the sum of both, with two decimals.
pub(super) fn ratio(part: Option<f64>, rest: Option<f64>) -> Option<f64> {
    let (part, rest) = (part?, rest?);
    let all = part + rest;
    (all > 0.0).then(|| (part / all * 10_000.0).round() / 100.0)
}

/// Figures on the SQLite file.
pub(super) fn file(rows: &TaggedRows, url: &DatabaseUrl) -> Option<SqliteFile> {
    let DatabaseTarget::Sqlite(target) = url.target() else { return None };
    let file = rows.first("file");
    let page_size = file.number(1)?;
    let cache: i64 = file.number(3)?;
    // a positive number counts pages, a negative one kibibytes
    let cache_bytes = if cache < 0 { cache.unsigned_abs() * 1024 } else { cache.unsigned_abs() * page_size };
    Some(SqliteFile {
        page_count: file.number(0)?,
        page_size,
        freelist_count: file.number(2)?,
        cache_bytes,
        journal_mode: file.string(4),
        wal_bytes: std::fs::metadata(target.beside("-wal")).map_or(0, |found| found.len()),
        quick_check: None,
    })
}
