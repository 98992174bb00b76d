//! What a migration tells while it runs.

use std::time::Duration;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MigrationEvent<'a> {
    /// Another program holds the lock.
    WaitingForLock,
    /// A migration starts (or its undoing).
    Started {
        /// Its name.
        name: &'a str,
        /// Which of the run, from 1.
        position: usize,
        /// How many there are.
        total: usize,
    },
    /// A table was locked for too long; it will be tried again.
    Retrying {
        /// The migration.
        name: &'a str,
        /// After this pause.
        pause: Duration,
    },
    /// A migration is done.
    Finished {
        /// Its name.
        name: &'a str,
        /// How long it took.
        duration: Duration,
    },
}

/// Somebody who listens.
pub trait MigrationProgress: Sync {
    /// Called for each event, in order.
    fn event(&self, event: MigrationEvent<'_>);
}

/// Nobody.
impl MigrationProgress for () {
    fn event(&self, _event: MigrationEvent<'_>) {}
}
