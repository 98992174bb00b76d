//! Figures on accounts, tokens and events, and the last maintenance runs.

use chrono::{DateTime, Utc};

use super::report::{AuthenticationHealth, RecordedRun, SecurityHealth};
use super::section::Section;
use super::tagged_rows::{TaggedRow, TaggedRows};

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
#[derive(Debug, Clone)]
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
    let runs: Vec<RecordedRun> = rows.all("run").filter_map(run).collect();
    let last = |kind: &str| runs.iter().find(|run| run.kind == kind && run.outcome.as_deref() == Some("succeeded"));
    let last_end = |kind: &str| last(kind).and_then(|run| run.finished_at);
    let (users, tokens) = (rows.first("users"), rows.first("tokens"));
    let figures = AccountFigures {
        authentication: AuthenticationHealth {
            total_users: users.number(0),
            active_users: users.number(1),
            verified_users: users.number(2),
            oauth_users: users.number(3),
            email_users: users.number(4),
            recent_logins: users.number(5),
            active_tokens: tokens.number(0),
            expired_tokens: tokens.number(1),
            revoked_tokens: tokens.number(2),
            expired_oauth_tokens: rows.first("oauth_tokens").number(0),
            last_cleanup: last_end("cleanup"),
        },
        security: SecurityHealth {
            unverified_accounts: users.number(6),
            inactive_accounts: users.number(7),
            locked_accounts: users.number(8),
            failed_login_attempts: rows.first("failed_logins").number(0),
            suspicious_activity: rows.first("suspicious").number(0),
            seed_accounts: rows.first("seed").number(0),
        },
        database_id: rows.first("identity").text(0).map(str::to_owned),
        recorded_backup: placed(rows.first("placed")),
        last_backup: last("backup").cloned(),
        last_verified: last_end("verify"),
        // the query reads the seed accounts last, so their row proves that all runs were read
        runs: rows.first("seed").exists().then_some(runs),
    };
    let in_future = rows.first("future_runs").number::<u64>(0).filter(|count| *count > 0);
    let warning = in_future.map(|count| {
        format!(
            "last_backup, last_verified, last_cleanup, last_runs: {count} runs have a time in the future, because a clock was or is wrong; they are ignored"
        )
    });
    Section { figures, warnings: warning.into_iter().collect() }
}

fn run(row: TaggedRow<'_>) -> Option<RecordedRun> {
    Some(RecordedRun {
        kind: row.string(0),
        outcome: row.text(1).map(str::to_owned),
        started_at: row.time(2)?,
        finished_at: row.time(3),
        bytes: row.text(4).and_then(bytes),
        error: row.text(5).map(str::to_owned),
    })
}

/// Size of a backup in bytes, from the counts of its run.
fn bytes(counts: &str) -> Option<u64> {
    serde_json::from_str::<serde_json::Value>(counts).ok()?.get("bytes")?.as_u64()
}

/// Newest backup that was recorded as written to BACKUP_DIR.
fn placed(row: TaggedRow<'_>) -> Option<RecordedBackup> {
    let counts: serde_json::Value = serde_json::from_str(row.text(1)?).ok()?;
    let text = |name: &str| counts.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
    Some(RecordedBackup {
        recorded: row.number(0)?,
        name: text("filename")?,
        host: text("host"),
        directory: text("directory"),
    })
}
