//! Reads `pg_stat_statements`, if it is installed, with the column names of the installed version.

use super::extended::ExtendedFigures;
use super::report::StatementStatistics;
use super::tagged_rows::{TaggedRow, TaggedRows};
use super::thresholds::Thresholds;
use crate::db::{Backend, Connection, Error, PartialRows};

/// Reads the statement statistics. `rows` name the schema of the extension.
pub(super) async fn read(
    connection: &mut Connection,
    rows: &TaggedRows,
    thresholds: &Thresholds,
    extended: &mut ExtendedFigures,
) -> Result<(), Error> {
    let backend = connection.backend();
    if backend == Backend::Sqlite {
        return Ok(());
    }
    let found = rows.first("statements");
    let (Some(schema), Some(time)) = (found.text(0), found.text(1)) else {
        missing(
            extended,
            "pg_stat_statements is not installed; add it to shared_preload_libraries and run CREATE EXTENSION pg_stat_statements",
        );
        return Ok(());
    };
    let slow_ms = thresholds.slow_query.as_secs_f64() * 1000.0;
    let PartialRows { rows, failure } = connection.query_partial(backend.read_statements(schema, time, slow_ms)).await;
    match failure {
        Some(error) if error.is_transient() => return Err(error),
        Some(error) => {
            missing(extended, &format!("pg_stat_statements: {error}"));
            return Ok(());
        }
        None => {}
    }
    let rows = TaggedRows::new(rows);
    let statistics = rows.first("statistics");
    extended.slow_queries = statistics.number(0);
    extended.mean_query_ms = statistics.number(1);
    extended.queries.slowest = Some(rows.all("statement").filter_map(statement).collect());
    if let Some(hidden) = statistics.number::<u64>(2).filter(|hidden| *hidden > 0) {
        let why = format!("slowest: without {hidden} statements of other roles; GRANT pg_read_all_stats TO this one");
        extended.warnings.push(why);
    }
    if extended.mean_query_ms.is_none() {
        extended.no_statements = Some("pg_stat_statements has counted nothing in this database yet".to_owned());
    }
    Ok(())
}

fn missing(extended: &mut ExtendedFigures, why: &str) {
    extended.no_statements = Some(why.to_owned());
    extended.warnings.push(format!("slowest: {why}"));
}

fn statement(row: TaggedRow<'_>) -> Option<StatementStatistics> {
    Some(StatementStatistics {
        query: row.string(0),
        calls: row.number(1)?,
        mean_ms: row.number(2)?,
        total_ms: row.number(3)?,
    })
}
