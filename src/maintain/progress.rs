//! What a cleanup tells while it runs.

use crate::db::CleanupKind;

/// One thing that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CleanupEvent {
    /// Another process is at work; its exclusive lock is waited for.
    Waiting,
    /// The removal of a kind of rows begins.
    Began(CleanupKind),
    /// A batch of them is removed: so many.
    Removed(u64),
    /// Rows are done; backups are looked through.
    Backups,
}

/// Somebody who listens.
pub trait CleanupProgress: Sync {
    /// Called for each event, in order.
    fn event(&self, event: CleanupEvent);
}

/// Nobody.
impl CleanupProgress for () {
    fn event(&self, _event: CleanupEvent) {}
}
