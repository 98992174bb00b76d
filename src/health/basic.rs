//! Basic report: two round trips on one connection, under one deadline.
//!
//! The first round trip reads the server's version, its clock and the ledger; `response_time_ms` measures it. The
//! second reads the server's counters and the tables. If it fails midway, for example because of a lock, earlier
//! figures are kept. The others are missing with the reason.
//!
//! A damaged file counts as no answer. For a role that may not read a table, each statement is sent separately.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::basic_figures::{BasicFigures, BasicReading, milliseconds};
use super::check::HealthCheck;
use super::extended::{self, ExtendedFigures};
use super::query_batch::{BatchRows, query_batch};
use super::report::{DatabaseHealth, HealthReport, MigrationHealth};
use super::report_connection::{ReportConnection, ReportQuery};
use super::rights::MissingRights;
use super::section::Section;
use super::server::ServerCounters;
use super::settings::HealthSettings;
use super::tagged_rows::TaggedRows;
use super::{performance, tables, verdict};
use crate::clock::{self, Stopwatch};
use crate::db::{Backend, Connection, DbErrorKind, Error, PoolUsage};
use crate::migrate::{self, HistorySummary, LedgerState};

/// Time limit for both round trips, including opening the connection.
pub(super) const DEADLINE: Duration = Duration::from_millis(1500);

/// Version and clock of the database.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServerClock {
    version: String,
    /// Time of the database, in seconds since 1970.
    clock: f64,
}

/// Queries the database within the deadline.
pub(super) async fn fetch(settings: &HealthSettings, connection: &mut ReportConnection) -> Result<BasicFigures, Error> {
    tokio::time::timeout(DEADLINE, connection.run(&settings.url, &BasicQuery))
        .await
        .unwrap_or_else(|_| Err(Error::timed_out(DEADLINE)))
}

/// Builds the report. `usage` is the usage of the program's pool. `extended` holds the last extended figures, if any.
pub(super) fn build(
    settings: &HealthSettings,
    asked: &Result<BasicFigures, Error>,
    usage: Option<PoolUsage>,
    extended: Option<&ExtendedFigures>,
) -> BasicReading {
    // without a pool, the report's own connection is counted if it was opened
    let own = u32::from(asked.is_ok());
    let usage = usage.unwrap_or(PoolUsage { in_use: own, open: own, most: 1 });
    match asked {
        Ok(answer) => build_reachable(settings, answer, usage, extended),
        Err(error) => build_unreachable(settings, usage, error),
    }
}

/// Query of both round trips.
struct BasicQuery;

impl ReportQuery for BasicQuery {
    type Output = BasicFigures;

    async fn run(&self, connection: &mut Connection) -> Result<BasicFigures, Error> {
        fetch_both(connection).await
    }
}

async fn fetch_both(connection: &mut Connection) -> Result<BasicFigures, Error> {
    let backend = connection.backend();
    let (watch, before) = (Stopwatch::start(), clock::now());
    let mut found = connection.query_partial(backend.read_version_clock_and_ledger().to_owned()).await;
    let is_new = found.failure.as_ref().is_some_and(|error| migrate::is_missing_table(error, backend));
    if is_new {
        found = connection.query_partial(backend.read_version_and_clock().to_owned()).await;
    }
    let rows = found.complete()?;
    let response = watch.elapsed();
    let state = if is_new { migrate::without_ledger(connection).await? } else { LedgerState::from_rows(&rows) };
    let server: Option<ServerClock> = TaggedRows::new(rows).first("server");
    let middle = epoch(before) + response.as_secs_f64() / 2.0;
    let history = HistorySummary::of(&state, backend);
    let patience = DEADLINE.saturating_sub(watch.elapsed() * 2);
    let Section { figures: rows, warnings } = fetch_counters(connection, &history, patience).await?;
    Ok(BasicFigures {
        response,
        clock_skew: server.as_ref().map(|server| server.clock - middle),
        version: server.map(|server| server.version),
        history,
        state,
        server: ServerCounters::read(&rows),
        rights: MissingRights::read(&rows),
        tables: tables::read(&rows),
        warnings,
    })
}

/// Second round trip: counters and table figures.
async fn fetch_counters(
    connection: &mut Connection,
    history: &HistorySummary,
    patience: Duration,
) -> Result<Section<TaggedRows>, Error> {
    let backend = connection.backend();
    let mut sql = backend.read_server().to_owned();
    let mut warnings = Vec::new();
    if history.is_current() {
        sql.push_str(backend.read_table_figures());
    } else {
        warnings.push("tables: the schema is not the one of this program, see migrations".to_owned());
    }
    let Ok(BatchRows { rows, failures }) =
        tokio::time::timeout(patience, query_batch(connection, sql, &[DbErrorKind::PermissionDenied])).await
    else {
        // an answer is still pending on the connection, so it cannot be reused
        return Err(Error::timed_out(patience));
    };
    for error in failures {
        if error.is_damage() || matches!(error.kind(), DbErrorKind::Unreachable | DbErrorKind::NotReady) {
            return Err(error);
        }
        warnings.push(format!("every figure that is missing: {error}"));
    }
    warnings.dedup();
    Ok(Section { figures: rows, warnings })
}

fn build_reachable(
    settings: &HealthSettings,
    answer: &BasicFigures,
    usage: PoolUsage,
    extended: Option<&ExtendedFigures>,
) -> BasicReading {
    let backend = settings.url.backend();
    let mut warnings = answer.warnings.clone();
    let history = answer.history;
    let drift = extended.and_then(|extended| extended.drift.as_ref());
    if extended.is_none() {
        warnings.push(extended::not_fetched("drift"));
    }
    let statements = extended.map(|extended| &extended.statements);
    let performance = performance::read(answer, backend, usage, settings, statements);
    warnings.extend(performance.warnings);
    warnings.extend(answer.tables.warnings.iter().cloned());
    let database = DatabaseHealth {
        connected: true,
        response_time_ms: Some(milliseconds(answer.response)),
        open_connections: usage.open,
        max_connections: usage.most,
        version: answer.version.clone(),
        backend: backend.to_string(),
    };
    let migrations = MigrationHealth {
        applied: Some(history.applied),
        pending: Some(history.pending),
        latest: answer.state.newest().map(str::to_owned),
        drift: drift.map(|differences| !differences.is_empty()),
    };
    let mut basic = BasicReading {
        report: HealthReport {
            status: super::HealthStatus::Healthy,
            timestamp: clock::now(),
            environment: settings.environment.clone(),
            database,
            migrations,
            tables: answer.tables.figures.clone(),
            performance: performance.figures,
            errors: Vec::new(),
            warnings,
        },
        checks: Vec::new(),
        usage,
        clock_skew: answer.clock_skew.filter(|_| backend == Backend::Postgres),
        database_time: answer
            .clock_skew
            .map(|skew| clock::now() + chrono::TimeDelta::microseconds((skew * 1e6) as i64)),
        file: performance::file(answer.server.file.as_ref(), &settings.url),
        is_current: history.is_current(),
    };
    let drift = drift.map_or(&[][..], Vec::as_slice);
    basic.checks = verdict::basic(&basic, answer, drift, settings);
    basic.report.status = HealthCheck::worst(&basic.checks);
    basic.report.errors = HealthCheck::errors(&basic.checks);
    basic
}

const NO_ANSWER: &str = "every figure of the database: it did not answer";
const REFUSED: &str = "every figure of the database: it refused the first query, see errors";

/// Report on a database that did not answer.
fn build_unreachable(settings: &HealthSettings, usage: PoolUsage, error: &Error) -> BasicReading {
    let check = verdict::unreachable(error, &settings.url);
    let database = DatabaseHealth {
        connected: false,
        response_time_ms: None,
        open_connections: usage.open,
        max_connections: usage.most,
        version: None,
        backend: settings.url.backend().to_string(),
    };
    let report = HealthReport {
        status: check.status,
        timestamp: clock::now(),
        environment: settings.environment.clone(),
        database,
        migrations: MigrationHealth::default(),
        tables: Vec::new(),
        performance: super::PerformanceHealth::default(),
        errors: HealthCheck::errors(std::slice::from_ref(&check)),
        warnings: vec![if error.is_unreachable() { NO_ANSWER } else { REFUSED }.to_owned()],
    };
    BasicReading {
        report,
        checks: vec![check],
        usage,
        clock_skew: None,
        database_time: None,
        file: None,
        is_current: false,
    }
}

fn epoch(time: DateTime<Utc>) -> f64 {
    time.timestamp_micros() as f64 / 1e6
}
