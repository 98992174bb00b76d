//! What a backup tells while it runs.

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// Reading begins.
    Began {
        /// How many rows there are, an estimate.
        rows: u64,
    },
    /// Rows are in the file.
    Wrote {
        /// Whose.
        table: &'a str,
        /// How many.
        rows: u64,
        /// Bytes of text that they are.
        bytes: u64,
    },
    /// The file is written, and is now read back.
    Validating,
}

/// Somebody who listens, from more than one thread.
pub trait Progress: Send + Sync {
    /// Called for each event.
    fn event(&self, event: Event<'_>);
}

/// Nobody.
impl Progress for () {
    fn event(&self, _event: Event<'_>) {}
}
