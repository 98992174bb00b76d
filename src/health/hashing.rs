//! Probe of password hashing: the service hashes one password.

use std::time::Duration;

use async_trait::async_trait;

/// Largest age of a probe's result. One hash costs 19 MiB and about 10 milliseconds.
pub(super) const FRESH: Duration = Duration::from_secs(10);
/// Time limit of one probe, including its wait in the queue.
pub(super) const PATIENCE: Duration = Duration::from_millis(1000);

/// Result of a hashing probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashingState {
    /// Duration of the probe. `None` if it timed out.
    pub took: Option<Duration>,
    /// Number of passwords waiting in the queue.
    pub waiting: usize,
    /// Number of logins since the process began whose stored hash costs too much or cannot be read.
    pub refused_hashes: u64,
}

/// Service that can hash passwords.
#[async_trait]
pub trait HashingProbe: Send + Sync {
    /// Hashes one password within this time limit.
    async fn hash_once(&self, patience: Duration) -> HashingState;

    /// Number of logins since the process began whose stored hash costs too much or cannot be read.
    fn refused_hashes(&self) -> u64;
}
