//! Settings of a migration run.

use std::time::Duration;

/// Settings of a migration run.
#[derive(Debug, Clone)]
pub struct MigrationSettings {
    /// Longest wait for another migrator, and for all table locks together.
    pub patience: Duration,
    /// Longest wait of one statement for a table lock. Requests can queue behind it for this long.
    pub lock_timeout: Duration,
    /// Version of authsvc, recorded in the ledger.
    pub app_version: String,
}
