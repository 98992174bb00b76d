//! Data of the two health reports, for text, JSON, status page and metrics. A figure that is not available is `None`,
//! never zero, with the reason in `warnings`. Ratios are percentages, and durations are milliseconds unless the name
//! states another unit.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::check::{HealthCheck, HealthStatus};

/// Basic report: at most two round trips, no scan of a large table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HealthReport {
    /// Worst verdict of all checks.
    pub status: HealthStatus,
    /// Time of the report, by this program's clock.
    pub timestamp: DateTime<Utc>,
    /// Environment: `development`, `test`, `staging` or `production`.
    pub environment: String,
    /// Connection to the database.
    pub database: DatabaseHealth,
    /// State of the schema.
    pub migrations: MigrationHealth,
    /// Size of every table of the schema.
    pub tables: Vec<TableSize>,
    /// Performance figures of the server.
    pub performance: PerformanceHealth,
    /// Each check that is not healthy, with its message and hint.
    pub errors: Vec<String>,
    /// Figures that are missing or estimated, with the reason.
    pub warnings: Vec<String>,
}

/// Connection to the database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatabaseHealth {
    /// True if the database answered.
    pub connected: bool,
    /// Duration of one round trip on an open connection, in milliseconds.
    pub response_time_ms: Option<f64>,
    /// Open connections of this program's pool, or a command's own connection.
    pub open_connections: u32,
    /// Largest number of connections of the pool.
    pub max_connections: u32,
    /// Version of the database server.
    pub version: Option<String>,
    /// Database engine: `postgres` or `sqlite`.
    pub backend: String,
}

/// State of the schema's migrations.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MigrationHealth {
    /// Number of applied migrations.
    pub applied: Option<usize>,
    /// Number of this program's migrations that are not applied.
    pub pending: Option<usize>,
    /// Name of the newest applied migration.
    pub latest: Option<String>,
    /// True if the live schema differs from what the applied migrations make.
    pub drift: Option<bool>,
}

/// Size of one table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableSize {
    /// Name of the table.
    pub name: String,
    /// Number of rows, an estimate for a large table.
    pub row_count: Option<i64>,
    /// True if the number of rows is an estimate. Small tables are counted.
    pub row_count_estimated: bool,
    /// Size including indexes, as text with a unit.
    pub size: Option<String>,
    /// Size including indexes, in bytes.
    pub size_bytes: Option<u64>,
    /// Time of the last insert or update. For a large table, only as far as an index shows it.
    pub last_update: Option<DateTime<Utc>>,
}

/// Performance figures of the server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PerformanceHealth {
    /// Number of statements whose mean time exceeds the threshold, from `pg_stat_statements`.
    pub slow_queries: Option<u64>,
    /// Mean time of all statements in milliseconds, from `pg_stat_statements`.
    pub avg_query_time_ms: Option<f64>,
    /// Percentage of blocks that were found in the server's cache.
    pub cache_hit_ratio: Option<f64>,
    /// Number of deadlocks since the statistics were reset.
    pub deadlocks: Option<u64>,
    /// Number of sessions in this database that run a statement.
    pub active_connections: Option<u64>,
    /// Number of sessions in this database that wait for their client.
    pub idle_connections: Option<u64>,
    /// Number of statements that run for longer than the threshold.
    pub long_running_queries: Option<u64>,
    /// Percentage of index scans in all scans of this program's tables.
    pub index_usage_ratio: Option<f64>,
}

/// Detailed report: the basic report and figures that cost more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DetailedHealthReport {
    /// Worst verdict of all checks.
    pub overall_status: HealthStatus,
    /// Time of the report, by this program's clock.
    pub timestamp: DateTime<Utc>,
    /// Basic report, which is a part of the detailed one.
    pub basic_health: HealthReport,
    /// Figures on accounts and tokens.
    pub authentication_health: AuthenticationHealth,
    /// Figures on accounts and logins that need attention.
    pub security_health: SecurityHealth,
    /// Backups of this database.
    pub backups: BackupHealth,
    /// Indexes that cost more than they help.
    pub indexes: IndexHealth,
    /// Sizes, free space and limits.
    pub storage: StorageHealth,
    /// Slowest statements and longest-running sessions.
    pub queries: QueryHealth,
    /// Last run of each kind of maintenance.
    pub maintenance: MaintenanceHealth,
    /// All checks, with their hints.
    pub checks: Vec<HealthCheck>,
    /// Each check that is not healthy, with its message and hint.
    pub errors: Vec<String>,
    /// Figures that are missing or estimated, with the reason.
    pub warnings: Vec<String>,
}

/// Figures on accounts and tokens. Soft-deleted accounts are excluded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AuthenticationHealth {
    /// Number of accounts in total.
    pub total_users: Option<u64>,
    /// Number of accounts that may log in.
    pub active_users: Option<u64>,
    /// Number of accounts with a verified email address.
    pub verified_users: Option<u64>,
    /// Number of accounts that log in with an OAuth provider.
    pub oauth_users: Option<u64>,
    /// Number of accounts with a password.
    pub email_users: Option<u64>,
    /// Number of accounts with a login in the last seven days.
    pub recent_logins: Option<u64>,
    /// Number of refresh tokens that can be used.
    pub active_tokens: Option<u64>,
    /// Number of refresh tokens that are expired and not revoked.
    pub expired_tokens: Option<u64>,
    /// Number of refresh tokens that were used, logged out or revoked.
    pub revoked_tokens: Option<u64>,
    /// Number of OAuth access tokens that are expired and not erased.
    pub expired_oauth_tokens: Option<u64>,
    /// End of the last successful cleanup.
    pub last_cleanup: Option<DateTime<Utc>>,
}

/// Figures on accounts and logins that need attention. Soft-deleted accounts are excluded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SecurityHealth {
    /// Number of accounts whose email address was never verified.
    pub unverified_accounts: Option<u64>,
    /// Number of accounts without a login in the last 90 days, including accounts that never logged in.
    pub inactive_accounts: Option<u64>,
    /// Number of accounts that are locked now.
    pub locked_accounts: Option<u64>,
    /// Number of failed logins in the last 24 hours.
    pub failed_login_attempts: Option<u64>,
    /// Refresh tokens that were used twice in the last 24 hours, plus client addresses with at least twenty failed
    /// logins in the last hour.
    pub suspicious_activity: Option<u64>,
    /// Number of known development accounts, including deactivated ones: those of `seed/` and the legacy manager's seed
    /// data.
    pub seed_accounts: Option<u64>,
}

/// Backups of this database: files in `BACKUP_DIR`, and runs recorded in the database.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BackupHealth {
    /// Time of the newest backup.
    pub last_backup: Option<DateTime<Utc>>,
    /// Time of the last successful test restore.
    pub last_verified: Option<DateTime<Utc>>,
    /// Age of the newest backup, in seconds.
    pub age_seconds: Option<i64>,
    /// Number of files in `BACKUP_DIR` whose metadata names this database.
    pub count: Option<u64>,
    /// Size of the newest backup, in bytes.
    pub last_size_bytes: Option<u64>,
    /// The newest files, newest first, twenty at most.
    pub recent: Vec<BackupFile>,
}

/// One backup file in `BACKUP_DIR`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackupFile {
    /// File name, without directories.
    pub name: String,
    /// Time of the snapshot.
    pub created_at: DateTime<Utc>,
    /// Size of the file, in bytes.
    pub size_bytes: u64,
    /// Time of the last successful test restore.
    pub verified_at: Option<DateTime<Utc>>,
}

/// Indexes that cost more than they help, each as `table.index`, with a reason where one is known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct IndexHealth {
    /// Indexes that are not unique and were never used, on a table whose indexes were used a thousand times.
    pub unused: Option<Vec<String>>,
    /// Indexes whose columns are the columns of another index or its first columns.
    pub duplicate: Option<Vec<String>>,
    /// Indexes that `CREATE INDEX CONCURRENTLY` left unfinished.
    pub invalid: Option<Vec<String>>,
}

/// Sizes, free space and limits.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StorageHealth {
    /// Size of the database, in bytes.
    pub database_bytes: Option<u64>,
    /// Free bytes in the file system of `BACKUP_DIR`, for this user.
    pub backup_free_bytes: Option<u64>,
    /// Percentage of numbers given out, for the fullest sequence.
    pub sequence_used_ratio: Option<f64>,
    /// Age of the oldest transaction id, in transactions (PostgreSQL). At two thousand million the server stops.
    pub transaction_id_age: Option<u64>,
    /// Database's clock minus this program's clock, in seconds.
    pub clock_skew_seconds: Option<f64>,
    /// Figures on the SQLite file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sqlite: Option<SqliteFile>,
}

/// Figures on the SQLite file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SqliteFile {
    /// Number of pages in the file.
    pub page_count: u64,
    /// Size of a page, in bytes.
    pub page_size: u64,
    /// Number of free pages in the file.
    pub freelist_count: u64,
    /// Largest cache of a connection, in bytes.
    pub cache_bytes: u64,
    /// Journal mode, for example `wal` or `delete`.
    pub journal_mode: String,
    /// Size of the write-ahead log, in bytes.
    pub wal_bytes: u64,
    /// Findings of `PRAGMA quick_check`. Empty if there are none, `None` if it was not requested.
    pub quick_check: Option<Vec<String>>,
}

/// Slowest statements and longest-running sessions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct QueryHealth {
    /// At most ten data statements by total time, from `pg_stat_statements`. Constants are replaced by `$1`.
    pub slowest: Option<Vec<StatementStatistics>>,
    /// At most ten sessions that run for more than a second. Their text is not shown, because it may hold secrets.
    pub longest: Option<Vec<ServerSession>>,
}

/// One statement of `pg_stat_statements`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatementStatistics {
    /// Normalised text, at most 300 characters.
    pub query: String,
    /// Number of executions since the statistics were reset.
    pub calls: u64,
    /// Mean time, in milliseconds.
    pub mean_ms: f64,
    /// Total time, in milliseconds.
    pub total_ms: f64,
}

/// A session that runs a statement or holds a transaction open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerSession {
    /// Process id on the server.
    pub pid: i64,
    /// Name that the client program gave.
    pub application: String,
    /// State of the session, for example `active` or `idle in transaction`.
    pub state: String,
    /// Event that the session waits for.
    pub wait: Option<String>,
    /// Duration of its statement, or of its idle transaction, in seconds.
    pub seconds: f64,
    /// First word of its statement.
    pub command: String,
}

/// Last maintenance runs, from `maintenance_runs`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MaintenanceHealth {
    /// Last run of each kind and outcome, newest first.
    pub last_runs: Vec<RecordedRun>,
}

/// One run recorded in `maintenance_runs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedRun {
    /// Kind of the run, for example `backup`, `verify` or `cleanup`.
    pub kind: String,
    /// Start of the run.
    pub started_at: DateTime<Utc>,
    /// End of the run. `None` while it runs, or if it was killed.
    pub finished_at: Option<DateTime<Utc>>,
    /// Outcome: `succeeded`, `failed` or `cancelled`. `None` while it runs, or if it was killed.
    pub outcome: Option<String>,
    /// Size of the backup in bytes, for backup runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Error message of a failed run.
    pub error: Option<String>,
}
