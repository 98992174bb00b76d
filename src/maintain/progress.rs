//! Progress events of a running cleanup.

use crate::db::CleanupKind;

/// Progress event of a cleanup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CleanupEvent {
    /// Another process holds the exclusive lock, and the cleanup waits for it.
    Waiting,
    /// The removal of a kind of rows begins.
    Began(CleanupKind),
    /// A batch was removed, with its number of rows.
    Removed(u64),
    /// All rows are done, and backup files follow.
    Backups,
}

/// Receiver of progress events.
pub trait CleanupProgress: Sync {
    /// Handles one event. Events arrive in order.
    fn event(&self, event: CleanupEvent);
}

/// Ignores all events, for callers that show no progress.
impl CleanupProgress for () {
    fn event(&self, _event: CleanupEvent) {}
}
