//! Healthy report of a PostgreSQL database in production.

use authsvc::health::{
    AuthenticationHealth, BackupFile, BackupHealth, DatabaseHealth, DetailedHealthReport, HealthCheck, HealthReport,
    HealthSample, HealthStatus, IndexHealth, MaintenanceHealth, MigrationHealth, PerformanceHealth, QueryHealth,
    RecordedRun, SecurityHealth, StatementStatistics, StorageHealth, TableSize,
};
use chrono::{DateTime, TimeDelta, Utc};

use super::{ago, hour, name, now};

pub(crate) fn healthy() -> (DetailedHealthReport, Vec<HealthSample>) {
    let detailed = DetailedHealthReport {
        overall_status: HealthStatus::Healthy,
        timestamp: now(),
        basic_health: report(),
        authentication_health: authentication(),
        security_health: SecurityHealth {
            unverified_accounts: Some(1_912),
            inactive_accounts: Some(9_120),
            locked_accounts: Some(3),
            failed_login_attempts: Some(214),
            suspicious_activity: Some(0),
            seed_accounts: Some(0),
        },
        backups: backups(),
        indexes: IndexHealth { unused: Some(Vec::new()), duplicate: Some(Vec::new()), invalid: Some(Vec::new()) },
        storage: StorageHealth {
            database_bytes: Some(2_611_380_224),
            backup_free_bytes: Some(88_423_301_120),
            sequence_used_ratio: Some(0.4),
            transaction_id_age: Some(48_210_331),
            clock_skew_seconds: Some(0.01),
            sqlite: None,
        },
        queries: queries(),
        maintenance: maintenance(),
        checks: checks(),
        errors: Vec::new(),
        warnings: Vec::new(),
    };
    (detailed, hour(|_| HealthStatus::Healthy))
}

/// The basic one.
fn report() -> HealthReport {
    HealthReport {
        status: HealthStatus::Healthy,
        timestamp: now(),
        environment: "production".to_owned(),
        database: DatabaseHealth {
            connected: true,
            response_time_ms: Some(0.82),
            open_connections: 4,
            max_connections: 10,
            version: Some("PostgreSQL 15.20 (Debian 15.20-1.pgdg120+1) on x86_64-pc-linux-gnu".to_owned()),
            backend: "postgres".to_owned(),
        },
        migrations: MigrationHealth {
            applied: Some(9),
            pending: Some(0),
            latest: Some("010_sign_in".to_owned()),
            drift: Some(false),
        },
        tables: tables(),
        performance: PerformanceHealth {
            slow_queries: Some(0),
            avg_query_time_ms: Some(0.42),
            cache_hit_ratio: Some(99.21),
            deadlocks: Some(0),
            active_connections: Some(2),
            idle_connections: Some(7),
            long_running_queries: Some(0),
            index_usage_ratio: Some(97.4),
        },
        errors: Vec::new(),
        warnings: vec![
            "rows of auth_events, refresh_tokens: an estimate, because counting them would read the whole table"
                .to_owned(),
        ],
    }
}

fn tables() -> Vec<TableSize> {
    let table = |name: &str, rows: i64, bytes: u64, estimated: bool, changed: DateTime<Utc>| TableSize {
        name: name.to_owned(),
        row_count: Some(rows),
        row_count_estimated: estimated,
        size: None,
        size_bytes: Some(bytes),
        last_update: Some(changed),
    };
    vec![
        table("users", 48_231, 24_117_248, false, ago(0, 1)),
        table("oauth_providers", 21_077, 9_437_184, false, ago(2, 11)),
        table("refresh_tokens", 1_204_332, 412_090_368, true, ago(0, 0)),
        table("auth_events", 9_811_204, 2_143_289_344, true, ago(0, 0)),
        table("maintenance_runs", 312, 98_304, false, ago(3, 12)),
        table("login_throttles", 57, 32_768, false, ago(0, 2)),
        table("oauth_states", 9, 24_576, false, ago(0, 3)),
        table("known_devices", 61_004, 16_777_216, false, ago(0, 1)),
    ]
}

fn authentication() -> AuthenticationHealth {
    AuthenticationHealth {
        total_users: Some(48_231),
        active_users: Some(48_110),
        verified_users: Some(46_319),
        oauth_users: Some(21_077),
        email_users: Some(27_154),
        recent_logins: Some(31_402),
        active_tokens: Some(402_118),
        expired_tokens: Some(18_204),
        revoked_tokens: Some(784_010),
        expired_oauth_tokens: Some(911),
        last_cleanup: Some(ago(1, 12)),
    }
}

fn backups() -> BackupHealth {
    let file = |day: i64| {
        let created_at = ago(3 + day * 24, 12);
        BackupFile {
            name: name(created_at),
            created_at,
            size_bytes: 611_380_224 - day.unsigned_abs() * 7_211_008,
            verified_at: (day % 3 == 0).then_some(created_at + TimeDelta::minutes(9)),
        }
    };
    // one day was missed
    let recent: Vec<BackupFile> = (0..14).filter(|day| *day != 8).map(file).collect();
    BackupHealth {
        last_backup: Some(recent[0].created_at),
        last_verified: recent[0].verified_at,
        age_seconds: Some((now() - recent[0].created_at).num_seconds()),
        count: Some(13),
        last_size_bytes: Some(recent[0].size_bytes),
        recent,
    }
}

fn queries() -> QueryHealth {
    let statement = |query: &str, calls, mean_ms: f64| StatementStatistics {
        query: query.to_owned(),
        calls,
        mean_ms,
        total_ms: mean_ms * calls as f64,
    };
    QueryHealth {
        slowest: Some(vec![
            statement(
                "SELECT users.id, users.email, users.username, users.password_hash FROM users WHERE lower(users.email) = lower($1) AND users.deleted_at IS NULL",
                8_211_340,
                0.31,
            ),
            statement(
                "UPDATE refresh_tokens SET revoked = $1, revoked_at = $2 WHERE token_hash = $3 AND NOT revoked RETURNING user_id, family",
                2_911_004,
                0.74,
            ),
            statement(
                "INSERT INTO auth_events (occurred_at, kind, user_id, email, ip, user_agent) VALUES ($1, $2, $3, $4, $5, $6)",
                9_811_204,
                0.09,
            ),
            statement("SELECT count(*) FROM auth_events WHERE kind = $1 AND occurred_at > $2", 1_440, 142.8),
        ]),
        longest: Some(Vec::new()),
    }
}

fn maintenance() -> MaintenanceHealth {
    let run = |kind: &str, started_at: DateTime<Utc>, seconds| RecordedRun {
        kind: kind.to_owned(),
        started_at,
        finished_at: Some(started_at + TimeDelta::milliseconds(seconds)),
        outcome: Some("succeeded".to_owned()),
        bytes: None,
        error: None,
    };
    MaintenanceHealth {
        last_runs: vec![
            run("backup", ago(3, 12), 48_211),
            run("verify", ago(3, 11), 512_904),
            run("cleanup", ago(1, 13), 1_911),
        ],
    }
}

fn checks() -> Vec<HealthCheck> {
    let found = [
        ("database", "answers in 0.8 ms"),
        ("migrations", "9 applied, none pending"),
        ("drift", "the schema is as the migrations make it"),
        ("pool", "4 of 10 connections"),
        ("cache_hit_ratio", "99.2 %"),
        ("deadlocks", "none"),
        ("long_running_queries", "none"),
        ("backup_age", "the newest backup is 3 h old"),
        ("backup_proven", "restored 3 h ago"),
        ("backup_space", "82 GiB free"),
        ("sequences", "0.4 % used"),
        ("transaction_ids", "2.4 % used"),
        ("suspicious_activity", "none"),
        ("seed_accounts", "none"),
    ];
    let check = |(name, message): (&str, &str)| HealthCheck {
        name: name.to_owned(),
        status: HealthStatus::Healthy,
        message: message.to_owned(),
        hint: String::new(),
    };
    found.map(check).into()
}
