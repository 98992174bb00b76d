//! From where on a figure is a finding. Each is an environment variable that `docs/CONFIGURATION.md` and `docs/MONITORING.md` document.

use std::time::Duration;

/// From where on a figure is a finding.
#[derive(Debug, Clone, PartialEq)]
pub struct Thresholds {
    /// `AUTHSVC_BACKUP_MAX_AGE`: the newest backup may be so old; `None`: none is expected.
    pub backup_max_age: Option<Duration>,
    /// `AUTHSVC_HEALTH_RESPONSE_TIME`: a round trip may take so long.
    pub response_time: Duration,
    /// `AUTHSVC_HEALTH_SLOW_QUERY`: a statement's mean time may be so long.
    pub slow_query: Duration,
    /// `AUTHSVC_HEALTH_LONG_QUERY`: a statement may run for so long.
    pub long_query: Duration,
    /// `AUTHSVC_HEALTH_LONG_TRANSACTION`: a transaction may be open for so long.
    pub long_transaction: Duration,
    /// `AUTHSVC_HEALTH_CACHE_HIT`: least percentage of blocks found in the cache.
    pub cache_hit: f64,
    /// `AUTHSVC_HEALTH_CONNECTIONS`: most percentage of the server's connections in use.
    pub connections: f64,
    /// `AUTHSVC_HEALTH_FAILED_LOGINS`: most failed logins in 24 hours.
    pub failed_logins: u64,
    /// `AUTHSVC_HEALTH_SUSPICIOUS_ACTIVITY`: most signs of stolen tokens and guessed passwords.
    pub suspicious_activity: u64,
    /// `AUTHSVC_HEALTH_FREE_SPACE`: least free bytes where backups go.
    pub free_space: u64,
    /// `AUTHSVC_HEALTH_CLOCK_SKEW`: most difference between the two clocks.
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
