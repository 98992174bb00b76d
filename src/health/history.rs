//! Samples of the last hour of this process, one a minute, for the charts of the status page.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};

use super::check::HealthStatus;
use super::report::DetailedHealthReport;

/// Number of samples that are kept.
const LONGEST: usize = 60;

/// One sample of the health figures.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthSample {
    /// Time of the sample.
    pub at: DateTime<Utc>,
    /// Worst verdict of all checks.
    pub status: HealthStatus,
    /// Duration of one round trip to the database, in milliseconds.
    pub response_time_ms: Option<f64>,
    /// Pool connections in use.
    pub pool_in_use: u32,
    /// Sessions that run a statement.
    pub active_connections: Option<u64>,
    /// Failed logins in the last 24 hours.
    pub failed_logins: Option<u64>,
    /// Size of the database, in bytes.
    pub database_bytes: Option<u64>,
}

/// Samples of the last hour, oldest first.
#[derive(Debug, Default)]
pub(super) struct SampleHistory(VecDeque<HealthSample>);

impl SampleHistory {
    /// Adds a sample and drops the oldest one if the history is full.
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

    /// Copies all samples, oldest first.
    pub(super) fn samples(&self) -> Vec<HealthSample> {
        self.0.iter().cloned().collect()
    }
}
