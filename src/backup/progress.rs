//! What making, reading and restoring a backup tell while they run.

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackupEvent<'a> {
    /// Reading a database begins.
    Began {
        /// How many rows there are, an estimate.
        rows: u64,
    },
    /// Rows of a database are in the file.
    Wrote {
        /// Whose.
        table: &'a str,
        /// How many.
        rows: u64,
        /// Bytes of text that they are.
        bytes: u64,
    },
    /// The next part of a longer work begins.
    Phase(BackupPhase),
    /// So many more bytes of text of this phase are done.
    Advanced(u64),
}

/// A part of a longer work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupPhase {
    /// The file is read and compared with its metadata: bytes of text in all, where they are known.
    Verifying(Option<u64>),
    /// What is there is backed up.
    SafetyBackup,
    /// The schema is made beside the live one.
    Building,
    /// Rows are loaded: bytes of text in all.
    Loading(u64),
    /// Indexes are built, and what was loaded is read back.
    Indexing,
    /// Newer migrations are applied.
    Migrating,
    /// The new tables are put in place.
    Swapping,
}

/// Somebody who listens, from more than one thread.
pub trait BackupProgress: Send + Sync {
    /// Called for each event.
    fn event(&self, event: BackupEvent<'_>);
}

/// Nobody.
impl BackupProgress for () {
    fn event(&self, _event: BackupEvent<'_>) {}
}
