//! Figures of the basic report, which its checks read.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::check::HealthCheck;
use super::report::{HealthReport, SqliteFile, TableSize};
use super::rights::MissingRights;
use super::section::Section;
use super::server::ServerCounters;
use crate::db::PoolUsage;
use crate::migrate::{HistorySummary, LedgerState};

/// Basic report, and other figures from its round trips.
pub(super) struct BasicReading {
    pub(super) report: HealthReport,
    pub(super) checks: Vec<HealthCheck>,
    /// Connections of the pool, or a command's own connection.
    pub(super) usage: PoolUsage,
    pub(super) clock_skew: Option<f64>,
    /// Clock of the database at the time of the report.
    pub(super) database_time: Option<DateTime<Utc>>,
    pub(super) file: Option<SqliteFile>,
    /// True if the schema is the one that this program's queries need.
    pub(super) is_current: bool,
}

/// Figures that the database returned.
pub(super) struct BasicFigures {
    pub(super) version: Option<String>,
    pub(super) response: Duration,
    pub(super) clock_skew: Option<f64>,
    pub(super) state: LedgerState,
    pub(super) history: HistorySummary,
    pub(super) server: ServerCounters,
    /// `None` if the rights were not read.
    pub(super) rights: Option<MissingRights>,
    pub(super) tables: Section<Vec<TableSize>>,
    /// Reasons why rows are missing.
    pub(super) warnings: Vec<String>,
}

/// Returns milliseconds, rounded to microseconds.
pub(super) fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
