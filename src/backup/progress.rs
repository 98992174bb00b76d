//! How far a restore or verification is.

/// What is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
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

/// Is told.
pub trait Progress: Sync {
    /// A phase begins.
    fn phase(&self, phase: Phase);

    /// So many more bytes of this phase are done.
    fn advanced(&self, bytes: u64);
}

/// Nobody wants to know.
impl Progress for () {
    fn phase(&self, _: Phase) {}

    fn advanced(&self, _: u64) {}
}
