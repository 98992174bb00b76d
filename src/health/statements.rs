//! Reads `pg_stat_statements`, if it is installed, with the column names of the installed version.

use serde::Deserialize;

use super::report::StatementStatistics;
use super::section::Section;
use super::tagged_rows::TaggedRows;
use super::thresholds::Thresholds;
use crate::db::{Backend, Connection, Error, PartialRows};

/// Figures of `pg_stat_statements`.
#[derive(Debug, Default)]
pub(super) struct StatementFigures {
    /// Number of statements with a mean time above the threshold.
    pub(super) slow_queries: Option<u64>,
    /// Mean time of all statements, in milliseconds.
    pub(super) mean_ms: Option<f64>,
    pub(super) slowest: Option<Vec<StatementStatistics>>,
    /// Reason why the number and the mean are missing.
    pub(super) missing: Option<String>,
}

/// The view `pg_stat_statements`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StatementView {
    /// Quoted name of its schema.
    schema: String,
    /// End of the names of the columns with times.
    time: String,
}

/// Figures on all statements together.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct StatementTotals {
    slow: Option<u64>,
    mean_ms: Option<f64>,
    hidden: Option<u64>,
}

const NOT_INSTALLED: &str = "pg_stat_statements is not installed; add it to shared_preload_libraries and run CREATE EXTENSION pg_stat_statements";
const NOTHING_COUNTED: &str = "pg_stat_statements has counted nothing in this database yet";

/// Reads the statement statistics. `rows` name the schema of the extension.
pub(super) async fn read(
    connection: &mut Connection,
    rows: &TaggedRows,
    thresholds: &Thresholds,
) -> Result<Section<StatementFigures>, Error> {
    let backend = connection.backend();
    if backend == Backend::Sqlite {
        return Ok(Section::default());
    }
    let Some(StatementView { schema, time }) = rows.first("statement_view") else {
        return Ok(missing(NOT_INSTALLED.to_owned()));
    };
    let slow_ms = thresholds.slow_query.as_secs_f64() * 1000.0;
    let PartialRows { rows, failure } =
        connection.query_partial(backend.read_statements(&schema, &time, slow_ms)).await;
    match failure {
        Some(error) if error.is_transient() => Err(error),
        Some(error) => Ok(missing(format!("pg_stat_statements: {error}"))),
        None => Ok(of_rows(&TaggedRows::new(rows))),
    }
}

fn missing(why: String) -> Section<StatementFigures> {
    let warnings = vec![format!("slowest: {why}")];
    Section { figures: StatementFigures { missing: Some(why), ..StatementFigures::default() }, warnings }
}

fn of_rows(rows: &TaggedRows) -> Section<StatementFigures> {
    let StatementTotals { slow, mean_ms, hidden } = rows.first("statements").unwrap_or_default();
    let figures = StatementFigures {
        slow_queries: slow,
        mean_ms,
        slowest: Some(rows.all("statement").collect()),
        missing: mean_ms.is_none().then(|| NOTHING_COUNTED.to_owned()),
    };
    let warning = hidden.filter(|hidden| *hidden > 0).map(|hidden| {
        format!("slowest: without {hidden} statements of other roles; GRANT pg_read_all_stats TO this one")
    });
    Section { figures, warnings: warning.into_iter().collect() }
}
