//! Whether a service can hash passwords: it hashes one.

use std::time::Duration;

use async_trait::async_trait;

/// How old an answer may be: a hash costs 19 MiB and a hundredth of a second.
pub(super) const FRESH: Duration = Duration::from_secs(10);
/// How long one may take, with its turn in the queue.
pub(super) const PATIENCE: Duration = Duration::from_millis(1000);

/// What hashing one password showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashingState {
    /// Time until it was hashed; `None`: it was not within the time that it had.
    pub took: Option<Duration>,
    /// Passwords that wait.
    pub waiting: usize,
    /// Logins to accounts whose stored hash costs too much or cannot be read, since the process began.
    pub refused_hashes: u64,
}

/// What can hash passwords.
#[async_trait]
pub trait HashingProbe: Send + Sync {
    /// Hashes one password, within this time.
    async fn hash_once(&self, patience: Duration) -> HashingState;

    /// Logins to accounts whose stored hash costs too much or cannot be read, since the process began.
    fn refused_hashes(&self) -> u64;
}
