//! Metrics of the database: availability, statistics, tables, and the connections of this process.

use prometheus::Result;

use super::families::{Families, ratio, seconds};
use crate::db::PoolUsage;
use crate::health::{
    DatabaseHealth, HealthReading, IndexHealth, PerformanceHealth, SqliteFile, StorageHealth, TableSize,
};

pub(super) fn describe(families: &Families, reading: &HealthReading) -> Result<()> {
    let detailed = &reading.detailed;
    let report = &detailed.basic_health;
    answer(families, &report.database)?;
    pool(families, reading.usage)?;
    statements(families, &report.performance)?;
    blocks(families, &report.performance)?;
    tables(families, &report.tables)?;
    indexes(families, &detailed.indexes)?;
    storage(families, &detailed.storage)?;
    sqlite(families, detailed.storage.sqlite.as_ref())
}

fn answer(families: &Families, database: &DatabaseHealth) -> Result<()> {
    families.gauge(
        "authsvc_database_up",
        "1 if the database answered when the figures were read, else 0.",
        database.connected,
    )?;
    families.gauges(
        "authsvc_database_info",
        "Always 1. Engine and version, as the database reports them.",
        ["backend", "version"],
        database.version.iter().map(|version| ([&database.backend, version], 1_u32)),
    )?;
    families.gauge(
        "authsvc_database_response_seconds",
        "Seconds of one round trip on an open connection, by this program's clock.",
        seconds(database.response_time_ms),
    )
}

fn pool(families: &Families, usage: PoolUsage) -> Result<()> {
    families.gauges(
        "authsvc_pool_connections",
        "Connections of this process's pool: in_use (part of open), open, and max, how many it may have.",
        ["state"],
        [(["in_use"], usage.in_use), (["open"], usage.open), (["max"], usage.most)],
    )
}

fn statements(families: &Families, performance: &PerformanceHealth) -> Result<()> {
    families.gauges(
        "authsvc_database_connections",
        "Sessions in this database, of all programs: active runs a statement, idle waits for its client. From \
         pg_stat_activity; on SQLite the connections of this process's pool.",
        ["state"],
        [(["active"], performance.active_connections), (["idle"], performance.idle_connections)],
    )?;
    families.gauge(
        "authsvc_database_slow_queries",
        "Statements whose mean time is over AUTHSVC_HEALTH_SLOW_QUERY. From pg_stat_statements.",
        performance.slow_queries,
    )?;
    families.gauge(
        "authsvc_database_statement_mean_seconds",
        "Mean seconds of a statement, over all statements since the statistics were reset. From pg_stat_statements.",
        seconds(performance.avg_query_time_ms),
    )?;
    families.gauge(
        "authsvc_database_long_running_queries",
        "Statements that run now and for longer than AUTHSVC_HEALTH_LONG_QUERY. From pg_stat_activity.",
        performance.long_running_queries,
    )?;
    families.counters(
        "authsvc_database_deadlocks_total",
        "Deadlocks in this database since the statistics were reset. From pg_stat_database.",
        [],
        [([""; 0], performance.deadlocks)],
    )
}

fn blocks(families: &Families, performance: &PerformanceHealth) -> Result<()> {
    families.gauge(
        "authsvc_database_cache_hit_ratio",
        "Share of blocks found in the server's cache since the statistics were reset, from 0 to 1. From \
         pg_stat_database.",
        ratio(performance.cache_hit_ratio),
    )?;
    families.gauge(
        "authsvc_database_index_usage_ratio",
        "Share of index scans in all scans of the service's tables since the statistics were reset, from 0 to 1. From pg_stat_user_tables.",
        ratio(performance.index_usage_ratio),
    )
}

fn tables(families: &Families, tables: &[TableSize]) -> Result<()> {
    families.gauges(
        "authsvc_table_rows",
        "Rows of a table, estimated for a large table. From a count, or from pg_class.",
        ["table"],
        tables.iter().map(|table| ([&table.name], table.row_count)),
    )?;
    families.gauges(
        "authsvc_table_size_bytes",
        "Bytes of a table with its indexes. From the database's catalogue.",
        ["table"],
        tables.iter().map(|table| ([&table.name], table.size_bytes)),
    )
}

fn indexes(families: &Families, indexes: &IndexHealth) -> Result<()> {
    let count = |names: &Option<Vec<String>>| names.as_ref().map(Vec::len);
    families.gauges(
        "authsvc_database_flawed_indexes",
        "Indexes without a benefit: unused, duplicate, or invalid. From the database's catalogue and statistics.",
        ["flaw"],
        [
            (["unused"], count(&indexes.unused)),
            (["duplicate"], count(&indexes.duplicate)),
            (["invalid"], count(&indexes.invalid)),
        ],
    )
}

fn storage(families: &Families, storage: &StorageHealth) -> Result<()> {
    families.gauge(
        "authsvc_database_size_bytes",
        "Bytes of the database. From pg_database_size, or from the pages of the SQLite file.",
        storage.database_bytes,
    )?;
    families.gauge(
        "authsvc_database_sequence_used_ratio",
        "Used part of the fullest sequence, from 0 to 1. From pg_sequences.",
        ratio(storage.sequence_used_ratio),
    )?;
    families.gauge(
        "authsvc_transaction_id_age",
        "Transactions since the oldest transaction id in use; at about 2100 million the server refuses every write. From pg_database.",
        storage.transaction_id_age,
    )?;
    families.gauge(
        "authsvc_clock_skew_seconds",
        "Seconds by which the database's clock is ahead of this program's, negative if it is behind.",
        storage.clock_skew_seconds,
    )
}

fn sqlite(families: &Families, file: Option<&SqliteFile>) -> Result<()> {
    families.gauge(
        "authsvc_sqlite_wal_bytes",
        "Bytes of the SQLite write-ahead log. From its file.",
        file.map(|file| file.wal_bytes),
    )?;
    families.gauge(
        "authsvc_sqlite_free_bytes",
        "Bytes of free pages inside the SQLite file. From PRAGMA freelist_count.",
        file.map(|file| file.freelist_count.saturating_mul(file.page_size)),
    )
}
