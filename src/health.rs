//! Health reports: a basic and a detailed report on the database and the service.
//!
//! [`HealthReport`] is the basic report: two round trips, no scan of a large table. [`DetailedHealthReport`] adds
//! figures that cost more. Commands, HTTP responses, metrics and the status page all render these structs. A figure
//! that is not available is `None`, with the reason in `warnings`. A [`HealthCheck`] is a verdict on figures, and the
//! worst one decides.
//!
//! Data flows one way: SQL (`db::health`) → `tagged_rows` → a section (`performance`, `tables`, `accounts`,
//! `maintenance`, `statements`, `backup_dir`) → `basic` or `extended` → `verdict` → report. A section returns its figures
//! and its warnings. A command makes a report [`one_shot`]. A service has a [`HealthCollector`], which shares one report
//! among all callers. A new figure needs its SQL, the section that reads it, a field of the report and
//! `docs/MONITORING.md`.

mod accounts;
mod backup_dir;
mod basic;
mod basic_figures;
mod check;
mod collector;
mod counters;
mod detailed;
mod extended;
mod forwarding;
mod hashing;
mod history;
mod maintenance;
pub mod one_shot;
mod performance;
mod pluralized;
mod query_batch;
mod report;
mod report_connection;
mod rights;
mod section;
mod server;
mod settings;
mod single_flight;
mod size;
mod statements;
mod tables;
mod tagged_rows;
mod thresholds;
mod verdict;

pub use check::{HealthCheck, HealthStatus};
pub use collector::{HealthCollector, HealthReading};
pub use counters::Counters;
pub use extended::QuickCheck;
pub use forwarding::UntrustedForwarding;
pub use hashing::{HashingProbe, HashingState};
pub use history::HealthSample;
pub use report::{
    AuthenticationHealth, BackupFile, BackupHealth, DatabaseHealth, DetailedHealthReport, HealthReport, IndexHealth,
    MaintenanceHealth, MigrationHealth, PerformanceHealth, QueryHealth, RecordedRun, SecurityHealth, ServerSession,
    SqliteFile, StatementStatistics, StorageHealth, TableSize,
};
pub use rights::{MissingRights, missing_rights};
pub use settings::{HealthSettings, SignIn};
pub use size::size_text;
pub use thresholds::Thresholds;
