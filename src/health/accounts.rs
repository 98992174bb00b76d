//! Figures on accounts, tokens and events, and the last maintenance runs.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::report::{AuthenticationHealth, RecordedRun, SecurityHealth};
use super::section::Section;
use super::tagged_rows::TaggedRows;

/// Figures on accounts, tokens, events and recorded runs.
#[derive(Debug, Default)]
pub(super) struct AccountFigures {
    pub(super) authentication: AuthenticationHealth,
    pub(super) security: SecurityHealth,
    /// Random id of the database, which identifies its backups.
    pub(super) database_id: Option<String>,
    /// Newest backup that was recorded as written to BACKUP_DIR.
    pub(super) recorded_backup: Option<RecordedBackup>,
    /// Newest successful backup run.
    pub(super) last_backup: Option<RecordedRun>,
    /// End of the newest successful test restore.
    pub(super) last_verified: Option<DateTime<Utc>>,
    /// Newest run of each kind and outcome, newest first. `None` if not every run was read.
    pub(super) runs: Option<Vec<RecordedRun>>,
}

/// A backup that was recorded as written to BACKUP_DIR.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordedBackup {
    /// Number of such recorded backups.
    pub(super) recorded: u64,
    /// File name of the backup.
    pub(super) name: String,
    /// Host that made the backup, and the directory on it. `None` in older records.
    pub(super) host: Option<String>,
    pub(super) directory: Option<String>,
}

/// Reads the figures from the rows of `accounts.sql` and of the seed accounts.
pub(super) fn read(rows: &TaggedRows) -> Section<AccountFigures> {
    let runs: Vec<RecordedRun> = rows.all("run").collect();
    let last = |kind: &str| runs.iter().find(|run| run.kind == kind && run.outcome.as_deref() == Some("succeeded"));
    let last_end = |kind: &str| last(kind).and_then(|run| run.finished_at);
    let security: SecurityHealth = rows.merged("accounts");
    let figures = AccountFigures {
        authentication: AuthenticationHealth { last_cleanup: last_end("cleanup"), ..rows.merged("accounts") },
        database_id: rows.first("database_id"),
        recorded_backup: rows.first("placed"),
        last_backup: last("backup").cloned(),
        last_verified: last_end("verify"),
        // the query counts the seed accounts last, so their number proves that all runs were read
        runs: security.seed_accounts.is_some().then_some(runs),
        security,
    };
    let in_future = rows.first("future_runs").filter(|count: &u64| *count > 0);
    let warning = in_future.map(|count| {
        format!(
            "last_backup, last_verified, last_cleanup, last_runs: {count} runs have a time in the future, because a clock was or is wrong; they are ignored"
        )
    });
    Section { figures, warnings: warning.into_iter().collect() }
}
