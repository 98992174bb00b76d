//! Counters of the server, as the rows of `server.sql` have them, and pages of the SQLite file, as `file.sql` has them.

use serde::Deserialize;

use super::tagged_rows::TaggedRows;

/// Counters of the server, or of the SQLite file. A row that was not read is `None`.
#[derive(Debug, Default)]
pub(super) struct ServerCounters {
    pub(super) database: Option<DatabaseCounters>,
    pub(super) sessions: Option<SessionCounters>,
    pub(super) prepared: Option<PreparedTransactions>,
    pub(super) scans: Option<ScanCounters>,
    pub(super) file: Option<FilePages>,
}

/// Counters and settings of the database.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DatabaseCounters {
    /// Number of blocks that were found in the server's cache.
    pub(super) blocks_hit: f64,
    /// Number of blocks that were not.
    pub(super) blocks_read: f64,
    pub(super) deadlocks: u64,
    /// True if the server counts scans and rows (`track_counts`).
    pub(super) is_counting: bool,
    pub(super) is_read_only: bool,
    pub(super) is_standby: bool,
    /// Place where `default_transaction_read_only` was set, if the server accepts no writes.
    pub(super) read_only_source: Option<String>,
}

/// Sessions of clients, without the session of the report. Without another note, those in this database.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionCounters {
    pub(super) active: u64,
    pub(super) idle: u64,
    pub(super) idle_in_transaction: u64,
    /// Number of sessions that this role may not see.
    pub(super) hidden: u64,
    /// Number of sessions that do not report their state.
    pub(super) disabled: u64,
    /// Duration of each running statement, in seconds.
    pub(super) statement_seconds: Vec<f64>,
    /// Age of the oldest transaction, in seconds.
    pub(super) oldest_transaction: f64,
    /// Number of all sessions of the server, including the session of the report.
    pub(super) connections: f64,
    /// Largest number of connections of the server.
    pub(super) max_connections: f64,
}

/// Prepared transactions of this database, which belong to no session.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PreparedTransactions {
    pub(super) count: u64,
    /// Age of the oldest one, in seconds.
    pub(super) oldest: f64,
}

/// Scans of this program's tables.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScanCounters {
    /// Number of scans of whole tables.
    pub(super) of_tables: Option<f64>,
    pub(super) of_indexes: Option<f64>,
}

/// Pages of the SQLite file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FilePages {
    pub(super) page_count: u64,
    /// Size of a page, in bytes.
    pub(super) page_size: u64,
    pub(super) freelist_count: u64,
    /// Size of the cache: in pages, or in kibibytes if the number is negative.
    pub(super) cache_size: i64,
    pub(super) journal_mode: String,
}

impl ServerCounters {
    pub(super) fn read(rows: &TaggedRows) -> Self {
        Self {
            database: rows.first("database"),
            sessions: rows.first("sessions"),
            prepared: rows.first("prepared"),
            scans: rows.first("scans"),
            file: rows.first("file"),
        }
    }
}

impl SessionCounters {
    /// Reason why the activity of some sessions is hidden. `None` if all are visible.
    pub(super) fn why_hidden(&self) -> Option<String> {
        match (self.hidden, self.disabled) {
            (0, 0) => None,
            (0, silent) => Some(format!("{silent} sessions do not show their activity; set track_activities = on")),
            (hidden, _) => {
                Some(format!("this role may not see {hidden} sessions of other roles; GRANT pg_read_all_stats TO it"))
            }
        }
    }

    /// Number of statements that run for more than this many seconds.
    pub(super) fn running_for(&self, seconds: f64) -> u64 {
        self.statement_seconds.iter().filter(|running| **running > seconds).count() as u64
    }
}
