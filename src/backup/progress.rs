//! Progress events of making, reading and restoring a backup.

/// Progress event of a backup, verification or restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackupEvent<'a> {
    /// Reading a database begins.
    Began {
        /// Estimated number of rows.
        rows: u64,
    },
    /// Rows of a table were written to the file.
    Wrote {
        /// Name of the table.
        table: &'a str,
        /// Number of rows in the table that were written.
        rows: u64,
        /// Size of the rows as text, in bytes.
        bytes: u64,
    },
    /// The next phase of a restore begins.
    Phase(BackupPhase),
    /// Bytes of text that were processed in this phase since the last event.
    Advanced(u64),
}

/// Phase of a verification or restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupPhase {
    /// The file is read and compared with its metadata. The value is the total size of the text in bytes, if known.
    Verifying(Option<u64>),
    /// The live content is backed up.
    SafetyBackup,
    /// The schema is created beside the live tables.
    Building,
    /// Rows are loaded. The value is the total size of the text in bytes.
    Loading(u64),
    /// Indexes are built, and the loaded rows are read back.
    Indexing,
    /// Newer migrations are applied.
    Migrating,
    /// The new tables are swapped in.
    Swapping,
}

/// Receiver of progress events. Events come from more than one thread.
pub trait BackupProgress: Send + Sync {
    /// Handles one event. May be called from several threads.
    fn event(&self, event: BackupEvent<'_>);
}

/// Ignores all events, for callers that show no progress.
impl BackupProgress for () {
    fn event(&self, _event: BackupEvent<'_>) {}
}
