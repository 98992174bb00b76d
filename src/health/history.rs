//! The last hour of this process, a sample a minute, for the status page's lines.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};

use super::check::HealthStatus;
use super::report::DetailedHealthReport;

/// How many are kept.
const LONGEST: usize = 60;

/// One minute.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthSample {
    /// When it was taken.
    pub at: DateTime<Utc>,
    /// The verdict.
    pub status: HealthStatus,
    /// One round trip to the database.
    pub response_time_ms: Option<f64>,
    /// Connections of the pool that are in use.
    pub pool_in_use: u32,
    /// Sessions that run something.
    pub active_connections: Option<u64>,
    /// Failed logins of the last 24 hours.
    pub failed_logins: Option<u64>,
    /// Size of the database.
    pub database_bytes: Option<u64>,
}

/// Samples, oldest first.
#[derive(Debug, Default)]
pub(super) struct SampleHistory(VecDeque<HealthSample>);

impl SampleHistory {
    /// Adds one and forgets the oldest.
    pub(super) fn add(&mut self, detailed: &DetailedHealthReport, pool_in_use: u32) {
        if self.0.len() == LONGEST {
            self.0.pop_front();
        }
        self.0.push_back(HealthSample {
            at: detailed.timestamp,
            status: detailed.overall_status,
            response_time_ms: detailed.basic_health.database.response_time_ms,
            pool_in_use,
            active_connections: detailed.basic_health.performance.active_connections,
            failed_logins: detailed.security_health.failed_login_attempts,
            database_bytes: detailed.storage.database_bytes,
        });
    }

    /// All of them.
    pub(super) fn samples(&self) -> Vec<HealthSample> {
        self.0.iter().cloned().collect()
    }
}
