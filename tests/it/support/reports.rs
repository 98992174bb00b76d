//! Reports as the collector makes them, in the states that a status page must show.

mod healthy;

use authsvc::health::{
    AuthenticationHealth, BackupHealth, DatabaseHealth, DetailedHealthReport, HealthCheck, HealthSample, HealthStatus,
    IndexHealth, MaintenanceHealth, MigrationHealth, PerformanceHealth, QueryHealth, SecurityHealth, ServerSession,
    SqliteFile, StorageHealth,
};
use chrono::{DateTime, TimeDelta, Utc};

pub(crate) use healthy::healthy;

/// When all of them were made.
pub(crate) fn now() -> DateTime<Utc> {
    "2026-11-24T03:12:45Z".parse().unwrap()
}

fn ago(hours: i64, minutes: i64) -> DateTime<Utc> {
    now() - TimeDelta::minutes(hours * 60 + minutes)
}

/// An old backup, slow queries, attacks; figures that this role may not see.
pub(crate) fn degraded() -> (DetailedHealthReport, Vec<HealthSample>) {
    let (mut detailed, _) = healthy();
    let old = TimeDelta::hours(51);
    for file in &mut detailed.backups.recent {
        file.created_at -= old;
        file.name = name(file.created_at);
        file.verified_at = file.verified_at.map(|at| at - old);
    }
    detailed.backups.last_backup = detailed.backups.last_backup.map(|at| at - old);
    detailed.backups.last_verified = detailed.backups.last_verified.map(|at| at - old);
    detailed.backups.age_seconds = detailed.backups.age_seconds.map(|age| age + old.num_seconds());
    detailed.overall_status = HealthStatus::Degraded;
    detailed.basic_health.status = HealthStatus::Degraded;
    detailed.basic_health.database.response_time_ms = Some(41.3);
    detailed.basic_health.performance.long_running_queries = Some(2);
    detailed.basic_health.performance.slow_queries = None;
    detailed.basic_health.performance.avg_query_time_ms = None;
    detailed.queries.slowest = None;
    detailed.security_health.suspicious_activity = Some(4);
    detailed.security_health.failed_login_attempts = Some(12_482);
    detailed.indexes.unused = Some(vec!["auth_events.idx_auth_events_ip".to_owned()]);
    detailed.indexes.duplicate =
        Some(vec!["users.idx_users_email (the first columns of users.users_email_key)".to_owned()]);
    detailed.queries.longest = Some(vec![
        session(41_211, "pg_dump", None, 1_911.4, "COPY"),
        session(41_507, "authsvc", Some("Lock: relation"), 38.2, "UPDATE"),
    ]);
    let why = "pg_stat_statements is not installed; add it to shared_preload_libraries and run `CREATE EXTENSION pg_stat_statements`";
    detailed.warnings.push(format!("slow_queries, avg_query_time_ms, queries.slowest: {why}"));
    find(
        &mut detailed,
        "backup_age",
        HealthStatus::Degraded,
        "the newest backup is 54 h old, and backups are made every 24 h",
        "look at the last run under Maintenance, then run `authsvc backup` and see why the schedule did not",
    );
    find(
        &mut detailed,
        "long_running_queries",
        HealthStatus::Degraded,
        "2 statements run for longer than 30 s; the longest for 31 min 51 s (process 41211, pg_dump)",
        "if it is not wanted: `SELECT pg_terminate_backend(41211)`",
    );
    find(
        &mut detailed,
        "suspicious_activity",
        HealthStatus::Degraded,
        "3 client addresses with 20 or more failed logins in the last hour, and a refresh token that was used twice",
        "see `auth_events` of the last hour; block the addresses before this service",
    );
    detailed.maintenance.last_runs[0].outcome = Some("failed".to_owned());
    detailed.maintenance.last_runs[0].error =
        Some("/var/backups/authsvc: No space left on device (os error 28)".to_owned());
    let mut samples = hour(|minute| if minute < 36 { HealthStatus::Healthy } else { HealthStatus::Degraded });
    for (sample, step) in samples.iter_mut().skip(36).zip(1_u32..) {
        sample.response_time_ms = Some(30.0 + f64::from(step % 7) * 6.0);
        sample.pool_in_use = 6 + step % 4;
        sample.failed_logins = Some(214 + u64::from(step) * 511);
    }
    (detailed, samples)
}

/// The database gives no answer since four minutes.
pub(crate) fn gone() -> (DetailedHealthReport, Vec<HealthSample>) {
    let (mut detailed, _) = healthy();
    detailed.overall_status = HealthStatus::Unhealthy;
    let report = &mut detailed.basic_health;
    report.status = HealthStatus::Unhealthy;
    report.database = DatabaseHealth {
        connected: false,
        response_time_ms: None,
        open_connections: 0,
        max_connections: 10,
        version: None,
        backend: "postgres".to_owned(),
    };
    report.migrations = MigrationHealth::default();
    report.performance = PerformanceHealth::default();
    report.tables = Vec::new();
    report.warnings = vec!["every figure of the database: it did not answer".to_owned()];
    detailed.authentication_health = AuthenticationHealth::default();
    detailed.security_health = SecurityHealth::default();
    detailed.indexes = IndexHealth::default();
    detailed.queries = QueryHealth::default();
    detailed.maintenance = MaintenanceHealth::default();
    detailed.storage =
        StorageHealth { backup_free_bytes: detailed.storage.backup_free_bytes, ..StorageHealth::default() };
    detailed.checks.retain(|check| check.name.starts_with("backup"));
    find(
        &mut detailed,
        "database",
        HealthStatus::Unhealthy,
        "no answer from db.internal:5432: Connection refused (os error 111)",
        "check that the server runs and that this host may reach it; the newest backup is 3 h old, see `authsvc list-backups`",
    );
    let mut samples = hour(|minute| if minute < 56 { HealthStatus::Healthy } else { HealthStatus::Unhealthy });
    for sample in samples.iter_mut().skip(56) {
        sample.response_time_ms = None;
        sample.active_connections = None;
        sample.failed_logins = None;
        sample.database_bytes = None;
        sample.pool_in_use = 0;
    }
    (detailed, samples)
}

/// A newcomer's SQLite file, a minute after the first start.
pub(crate) fn fresh() -> (DetailedHealthReport, Vec<HealthSample>) {
    let (mut detailed, _) = healthy();
    let report = &mut detailed.basic_health;
    report.environment = "development".to_owned();
    report.database = DatabaseHealth {
        version: Some("SQLite 3.51.3".to_owned()),
        backend: "sqlite".to_owned(),
        response_time_ms: Some(0.061),
        open_connections: 1,
        ..report.database.clone()
    };
    report.performance =
        PerformanceHealth { active_connections: Some(0), idle_connections: Some(1), ..PerformanceHealth::default() };
    report.warnings = vec![
        "slow_queries, avg_query_time_ms, cache_hit_ratio, deadlocks, long_running_queries, index_usage_ratio: SQLite keeps no such statistics; active and idle connections are those of this program".to_owned(),
        "size of users, oauth_providers: measuring it would read the whole file".to_owned(),
    ];
    for table in &mut report.tables {
        table.row_count = Some(if table.name == "users" { 13 } else { 0 });
        table.row_count_estimated = false;
        table.last_update = table.last_update.filter(|_| table.name == "users");
        if ["users", "oauth_providers"].contains(&table.name.as_str()) {
            (table.size, table.size_bytes) = (None, None);
        }
    }
    detailed.queries = QueryHealth::default();
    detailed.indexes.unused = None;
    detailed.backups = BackupHealth { count: Some(0), ..BackupHealth::default() };
    detailed.maintenance = MaintenanceHealth::default();
    detailed.storage.sqlite = Some(SqliteFile {
        page_count: 46,
        page_size: 4_096,
        freelist_count: 0,
        cache_bytes: 2_048_000,
        journal_mode: "wal".to_owned(),
        wal_bytes: 1_211_312,
        quick_check: None,
    });
    (detailed, Vec::new())
}

/// A finding in place of the check that was in order.
pub(crate) fn find(detailed: &mut DetailedHealthReport, name: &str, status: HealthStatus, message: &str, hint: &str) {
    detailed.checks.retain(|check| check.name != name);
    let [name, message, hint] = [name, message, hint].map(str::to_owned);
    detailed.errors.push(format!("{name}: {message}"));
    detailed.checks.push(HealthCheck { name, status, message, hint });
}

fn hour(status: impl Fn(i64) -> HealthStatus) -> Vec<HealthSample> {
    let sample = |minute: i64| HealthSample {
        at: now() - TimeDelta::seconds((60 - minute) * 60 - 20),
        status: status(minute),
        response_time_ms: Some(0.7 + (minute * 37 % 11) as f64 / 20.0 + if minute == 22 { 5.3 } else { 0.0 }),
        pool_in_use: u32::try_from(minute * 13 % 5).unwrap(),
        active_connections: Some(1 + minute.unsigned_abs() * 7 % 4),
        failed_logins: Some(180 + minute.unsigned_abs() * 34 / 60),
        database_bytes: Some(2_608_201_728 + minute.unsigned_abs() * 53_000),
    };
    (0..60).map(sample).collect()
}

fn session(pid: i64, application: &str, wait: Option<&str>, seconds: f64, command: &str) -> ServerSession {
    let [application, state, command] = [application, "active", command].map(str::to_owned);
    ServerSession { pid, application, state, wait: wait.map(str::to_owned), seconds, command }
}

fn name(created_at: DateTime<Utc>) -> String {
    format!("backup_{}.sql.gz", created_at.format("%Y%m%d_%H%M%S"))
}
