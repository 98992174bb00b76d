//! Health: two reports that tell the truth.
//!
//! [`HealthReport`] is the basic one: two round trips, no scan of a big table. [`DetailedHealthReport`] adds what costs more. Both are plain structs,
//! rendered by commands, HTTP answers, metrics and the status page alike. A figure that cannot be had is `None` with a
//! reason in `warnings`; a [`HealthCheck`] gives a verdict on figures, and the worst one counts.
//!
//! Data flows one way: SQL (`db::health`) → `tagged_rows` → a section (`performance`, `accounts`, `maintenance`, `statements`, `backup_dir`) →
//! `basic` or `extended` → `verdict` → report. A command makes a report [`one_shot`]; a service has a [`HealthCollector`], which makes one for
//! everybody who asks. To add a figure: the SQL, the section that reads it, the report's field, `docs/MONITORING.md`.

mod accounts;
mod backup_dir;
mod basic;
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
mod query_batch;
mod report;
mod report_connection;
mod rights;
mod settings;
mod single_flight;
mod size;
mod statements;
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
