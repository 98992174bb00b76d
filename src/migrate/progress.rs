//! Progress events of a running migration.

use std::time::Duration;

/// Progress event of a migration or rollback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MigrationEvent<'a> {
    /// Another process holds the migration lock.
    WaitingForLock,
    /// A migration or its rollback starts.
    Started {
        /// Name of the migration.
        name: &'a str,
        /// Position in this run, from 1.
        position: usize,
        /// Number of migrations in this run.
        total: usize,
    },
    /// Waiting for a table lock timed out. The migration will be retried.
    Retrying {
        /// Name of the migration.
        name: &'a str,
        /// Pause before the retry.
        pause: Duration,
    },
    /// A migration or its rollback is complete.
    Finished {
        /// Name of the migration.
        name: &'a str,
        /// Duration of the migration.
        duration: Duration,
    },
}

/// Receiver of progress events.
pub trait MigrationProgress: Sync {
    /// Handles one event. Events arrive in order.
    fn event(&self, event: MigrationEvent<'_>);
}

/// Ignores all events, for callers that show no progress.
impl MigrationProgress for () {
    fn event(&self, _event: MigrationEvent<'_>) {}
}
