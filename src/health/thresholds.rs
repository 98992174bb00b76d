//! Thresholds above or below which a figure is a finding. Each is an environment variable, documented in
//! `docs/CONFIGURATION.md` and `docs/MONITORING.md`.

use std::time::Duration;

/// Thresholds above or below which a figure is a finding.
#[derive(Debug, Clone, PartialEq)]
pub struct Thresholds {
    /// Largest age of the newest backup. `None` if no backup is expected. From `AUTHSVC_BACKUP_MAX_AGE`.
    pub backup_max_age: Option<Duration>,
    /// Longest accepted round trip, from `AUTHSVC_HEALTH_RESPONSE_TIME`.
    pub response_time: Duration,
    /// Mean time above which a statement is slow, from `AUTHSVC_HEALTH_SLOW_QUERY`.
    pub slow_query: Duration,
    /// Longest accepted run of a statement, from `AUTHSVC_HEALTH_LONG_QUERY`.
    pub long_query: Duration,
    /// Longest accepted open transaction, from `AUTHSVC_HEALTH_LONG_TRANSACTION`.
    pub long_transaction: Duration,
    /// Smallest accepted percentage of blocks found in the cache, from `AUTHSVC_HEALTH_CACHE_HIT`.
    pub cache_hit: f64,
    /// Largest accepted percentage of the server's connections in use, from `AUTHSVC_HEALTH_CONNECTIONS`.
    pub connections: f64,
    /// Largest accepted number of failed logins in 24 hours, from `AUTHSVC_HEALTH_FAILED_LOGINS`.
    pub failed_logins: u64,
    /// Largest accepted number of events that indicate stolen tokens or guessed passwords, from
    /// `AUTHSVC_HEALTH_SUSPICIOUS_ACTIVITY`.
    pub suspicious_activity: u64,
    /// Smallest accepted free space for backups, in bytes, from `AUTHSVC_HEALTH_FREE_SPACE`.
    pub free_space: u64,
    /// Largest accepted difference between the two clocks, from `AUTHSVC_HEALTH_CLOCK_SKEW`.
    pub clock_skew: Duration,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            backup_max_age: None,
            response_time: Duration::from_millis(100),
            slow_query: Duration::from_millis(100),
            long_query: Duration::from_secs(30),
            long_transaction: Duration::from_secs(300),
            cache_hit: 90.0,
            connections: 80.0,
            failed_logins: 1000,
            suspicious_activity: 10,
            free_space: 1 << 30,
            clock_skew: Duration::from_secs(5),
        }
    }
}
