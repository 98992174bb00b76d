//! Performance figures: caches, sessions and scans of a PostgreSQL server, or the file of SQLite.

use super::basic_figures::BasicFigures;
use super::extended;
use super::report::{PerformanceHealth, SqliteFile};
use super::section::Section;
use super::server::{FilePages, ServerCounters};
use super::settings::HealthSettings;
use super::statements::StatementFigures;
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
        Backend::Postgres => of_server(&answer.server, settings, statements),
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
    server: &ServerCounters,
    settings: &HealthSettings,
    statements: Option<&StatementFigures>,
) -> Section<PerformanceHealth> {
    let Section { figures: mut performance, mut warnings } = counted(server);
    if let Some(sessions) = &server.sessions {
        match sessions.why_hidden() {
            None => {
                performance.active_connections = Some(sessions.active);
                performance.idle_connections = Some(sessions.idle);
                let long_query = settings.thresholds.long_query.as_secs_f64();
                performance.long_running_queries = Some(sessions.running_for(long_query));
            }
            Some(why) => warnings.push(format!("active_connections, idle_connections, long_running_queries: {why}")),
        }
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
fn counted(server: &ServerCounters) -> Section<PerformanceHealth> {
    let (mut performance, mut warnings) = (PerformanceHealth::default(), Vec::new());
    if let Some(database) = &server.database {
        if !database.is_counting {
            let why = "cache_hit_ratio, deadlocks, index_usage_ratio: the server counts nothing; set track_counts = on, without which \
                       autovacuum does not run either";
            return Section { figures: performance, warnings: vec![why.to_owned()] };
        }
        performance.cache_hit_ratio = ratio(database.blocks_hit, database.blocks_read);
        performance.deadlocks = Some(database.deadlocks);
        if performance.cache_hit_ratio.is_none() {
            warnings.push("cache_hit_ratio: no block was read yet".to_owned());
        }
    }
    if let Some(scans) = &server.scans {
        performance.index_usage_ratio =
            scans.of_indexes.zip(scans.of_tables).and_then(|(indexes, tables)| ratio(indexes, tables));
        if performance.index_usage_ratio.is_none() {
            warnings.push("index_usage_ratio: no table was read yet".to_owned());
        }
    }
    Section { figures: performance, warnings }
}

/// Percentage of `part` in the sum of both, with two decimals. `None` if both are zero.
fn ratio(part: f64, rest: f64) -> Option<f64> {
    let all = part + rest;
    (all > 0.0).then(|| (part / all * 10_000.0).round() / 100.0)
}

/// Figures on the SQLite file.
pub(super) fn file(pages: Option<&FilePages>, url: &DatabaseUrl) -> Option<SqliteFile> {
    let DatabaseTarget::Sqlite(target) = url.target() else { return None };
    let FilePages { page_count, page_size, freelist_count, cache_size, journal_mode } = pages?;
    let cache_unit = if *cache_size < 0 { 1024 } else { *page_size };
    Some(SqliteFile {
        page_count: *page_count,
        page_size: *page_size,
        freelist_count: *freelist_count,
        cache_bytes: cache_size.unsigned_abs() * cache_unit,
        journal_mode: journal_mode.clone(),
        wal_bytes: std::fs::metadata(target.beside("-wal")).map_or(0, |found| found.len()),
        quick_check: None,
    })
}
