//! What only grows, counted since this process began: rows are removed after their retention, and a count of the rows that
//! are left would go down.

use std::collections::BTreeMap;

/// Counters since this process began, from rows that anybody wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// `login_failed` in `auth_events`.
    pub failed_logins: u64,
    /// What cleanups removed, by kind, from `maintenance_runs`.
    pub cleanup_deleted: BTreeMap<String, u64>,
}
