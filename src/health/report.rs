//! The two reports, as they are printed, served, drawn and measured. A figure that cannot be had is `None`, never zero, and
//! `warnings` says why. Ratios are percentages, times milliseconds unless their name says otherwise.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::check::{HealthCheck, HealthStatus};

/// The basic report: at most two round trips, no scan of a big table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HealthReport {
    /// The worst check.
    pub status: HealthStatus,
    /// When it was made, by this program's clock.
    pub timestamp: DateTime<Utc>,
    /// `development`, `test`, `staging` or `production`.
    pub environment: String,
    /// How the database is reached.
    pub database: DatabaseHealth,
    /// Where its schema is.
    pub migrations: MigrationHealth,
    /// Every table of the schema.
    pub tables: Vec<TableSize>,
    /// What the server counts.
    pub performance: PerformanceHealth,
    /// What is wrong, and what to do: each check that is not healthy.
    pub errors: Vec<String>,
    /// Which figures are missing or estimates, and why.
    pub warnings: Vec<String>,
}

/// How the database is reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatabaseHealth {
    /// Whether it answered.
    pub connected: bool,
    /// One round trip on an open connection.
    pub response_time_ms: Option<f64>,
    /// Connections of this program's pool; of a command: its own.
    pub open_connections: u32,
    /// How many it may have.
    pub max_connections: u32,
    /// The server's version.
    pub version: Option<String>,
    /// `postgres` or `sqlite`.
    pub backend: String,
}

/// Where the schema is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MigrationHealth {
    /// How many are applied.
    pub applied: Option<usize>,
    /// How many of this program's are not.
    pub pending: Option<usize>,
    /// The newest applied one.
    pub latest: Option<String>,
    /// Whether the live schema differs from what they make.
    pub drift: Option<bool>,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableSize {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub row_count: Option<i64>,
    /// Whether that is an estimate: small tables are counted.
    pub row_count_estimated: bool,
    /// With its indexes, for people.
    pub size: Option<String>,
    /// With its indexes.
    pub size_bytes: Option<u64>,
    /// When a row was last added or changed; of a big table, as far as an index tells.
    pub last_update: Option<DateTime<Utc>>,
}

/// What the server counts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PerformanceHealth {
    /// Statements whose mean time is over the threshold, from `pg_stat_statements`.
    pub slow_queries: Option<u64>,
    /// Mean over all statements, from there.
    pub avg_query_time_ms: Option<f64>,
    /// Blocks found in the server's cache, of all that were asked for.
    pub cache_hit_ratio: Option<f64>,
    /// Since the statistics were reset.
    pub deadlocks: Option<u64>,
    /// Sessions in this database that run something.
    pub active_connections: Option<u64>,
    /// Sessions in this database that wait for their client.
    pub idle_connections: Option<u64>,
    /// Statements that run for longer than the threshold.
    pub long_running_queries: Option<u64>,
    /// Index scans, of all scans of our tables.
    pub index_usage_ratio: Option<f64>,
}

/// The detailed report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DetailedHealthReport {
    /// The worst check.
    pub overall_status: HealthStatus,
    /// When it was made, by this program's clock.
    pub timestamp: DateTime<Utc>,
    /// The basic report.
    pub basic_health: HealthReport,
    /// Accounts and tokens.
    pub authentication_health: AuthenticationHealth,
    /// What should not be.
    pub security_health: SecurityHealth,
    /// Backups of this database.
    pub backups: BackupHealth,
    /// Indexes that cost more than they give.
    pub indexes: IndexHealth,
    /// Room.
    pub storage: StorageHealth,
    /// The slowest statements and the longest-running ones.
    pub queries: QueryHealth,
    /// What ran last.
    pub maintenance: MaintenanceHealth,
    /// Every check, with what to do.
    pub checks: Vec<HealthCheck>,
    /// What is wrong, and what to do: each check that is not healthy.
    pub errors: Vec<String>,
    /// Which figures are missing or estimates, and why.
    pub warnings: Vec<String>,
}

/// Accounts (soft-deleted ones left out) and tokens.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AuthenticationHealth {
    /// Accounts.
    pub total_users: Option<u64>,
    /// Those that may log in.
    pub active_users: Option<u64>,
    /// Those whose address is theirs.
    pub verified_users: Option<u64>,
    /// Those of a provider.
    pub oauth_users: Option<u64>,
    /// Those with a password.
    pub email_users: Option<u64>,
    /// Those that logged in within seven days.
    pub recent_logins: Option<u64>,
    /// Refresh tokens that can be used.
    pub active_tokens: Option<u64>,
    /// Refresh tokens past their time and not revoked.
    pub expired_tokens: Option<u64>,
    /// Refresh tokens that were used, logged out or revoked.
    pub revoked_tokens: Option<u64>,
    /// Access tokens of providers past their time and not erased.
    pub expired_oauth_tokens: Option<u64>,
    /// End of the last cleanup that succeeded.
    pub last_cleanup: Option<DateTime<Utc>>,
}

/// What should not be. Soft-deleted accounts are left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SecurityHealth {
    /// Accounts whose address was never shown to be theirs.
    pub unverified_accounts: Option<u64>,
    /// Accounts without a login for 90 days, or ever.
    pub inactive_accounts: Option<u64>,
    /// Accounts that are locked now.
    pub locked_accounts: Option<u64>,
    /// Failed logins of the last 24 hours.
    pub failed_login_attempts: Option<u64>,
    /// Refresh tokens that were used twice, of the last 24 hours, and client addresses with twenty or more failed logins in
    /// the last hour.
    pub suspicious_activity: Option<u64>,
    /// Known development accounts, deactivated ones too: those of `seed/`, and those the earlier manager brought.
    pub seed_accounts: Option<u64>,
}

/// Backups of this database: files of `BACKUP_DIR`, and runs that are recorded in the database.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BackupHealth {
    /// When the newest one was taken.
    pub last_backup: Option<DateTime<Utc>>,
    /// When one was last proven by restoring it.
    pub last_verified: Option<DateTime<Utc>>,
    /// Of the newest one.
    pub age_seconds: Option<i64>,
    /// Files in `BACKUP_DIR` whose metadata is of this database.
    pub count: Option<u64>,
    /// Bytes of the newest one.
    pub last_size_bytes: Option<u64>,
    /// The newest files, newest first, twenty at most.
    pub recent: Vec<BackupFile>,
}

/// One backup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackupFile {
    /// Its name.
    pub name: String,
    /// When it was taken.
    pub created_at: DateTime<Utc>,
    /// Its bytes.
    pub size_bytes: u64,
    /// When it was proven by restoring it.
    pub verified_at: Option<DateTime<Utc>>,
}

/// Indexes that cost more than they give, each as `table.index` with the reason where there is one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct IndexHealth {
    /// Not unique and never used, on a table whose indexes were used a thousand times.
    pub unused: Option<Vec<String>>,
    /// With the same or the first columns of another one.
    pub duplicate: Option<Vec<String>>,
    /// Left unfinished by `CREATE INDEX CONCURRENTLY`.
    pub invalid: Option<Vec<String>>,
}

/// Room.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StorageHealth {
    /// Of the database.
    pub database_bytes: Option<u64>,
    /// Free in the file system of `BACKUP_DIR`, for this user.
    pub backup_free_bytes: Option<u64>,
    /// The fullest sequence: given out, of all its numbers.
    pub sequence_used_ratio: Option<f64>,
    /// PostgreSQL: age of the oldest transaction id, in transactions; at two thousand million it stops.
    pub transaction_id_age: Option<u64>,
    /// Database's clock minus this program's, in seconds.
    pub clock_skew_seconds: Option<f64>,
    /// SQLite's file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sqlite: Option<SqliteFile>,
}

/// SQLite's file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SqliteFile {
    /// Pages of the file.
    pub page_count: u64,
    /// Bytes of a page.
    pub page_size: u64,
    /// Pages that are free in it.
    pub freelist_count: u64,
    /// Bytes that a connection may cache.
    pub cache_bytes: u64,
    /// `wal`, `delete`, …
    pub journal_mode: String,
    /// Bytes of the write-ahead log.
    pub wal_bytes: u64,
    /// What `PRAGMA quick_check` found, where it was asked for; empty: nothing.
    pub quick_check: Option<Vec<String>>,
}

/// The slowest statements and the longest-running ones.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct QueryHealth {
    /// By total time, ten at most, from `pg_stat_statements`; data statements only, their constants are `$1`.
    pub slowest: Option<Vec<StatementStatistics>>,
    /// Running for longer than a second, ten at most; their text is not shown, because it may hold secrets.
    pub longest: Option<Vec<ServerSession>>,
}

/// A statement of `pg_stat_statements`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatementStatistics {
    /// Its normalised text, 300 characters at most.
    pub query: String,
    /// How often it ran.
    pub calls: u64,
    /// Mean time.
    pub mean_ms: f64,
    /// Total time.
    pub total_ms: f64,
}

/// A session at work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerSession {
    /// Its process.
    pub pid: i64,
    /// Name of the program.
    pub application: String,
    /// `active`, `idle in transaction`, …
    pub state: String,
    /// What it waits for.
    pub wait: Option<String>,
    /// How long its statement runs, or its transaction waits.
    pub seconds: f64,
    /// First word of its statement.
    pub command: String,
}

/// What ran last, from `maintenance_runs`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MaintenanceHealth {
    /// The last run of each kind and outcome, newest first.
    pub last_runs: Vec<RecordedRun>,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedRun {
    /// `backup`, `verify`, `cleanup`, …
    pub kind: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// `succeeded`, `failed` or `cancelled`; none: it runs, or was killed.
    pub outcome: Option<String>,
    /// Of a backup: its size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Why it failed.
    pub error: Option<String>,
}
