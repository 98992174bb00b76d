//! Figures on accounts, tokens and events, and the last maintenance runs.

use super::extended::{ExtendedFigures, RecordedBackup};
use super::report::{AuthenticationHealth, RecordedRun, SecurityHealth};
use super::tagged_rows::{TaggedRow, TaggedRows};

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

/// Newest successful run of a kind.
fn last<'a>(runs: &'a [RecordedRun], kind: &str) -> Option<&'a RecordedRun> {
    runs.iter().find(|run| run.kind == kind && run.outcome.as_deref() == Some("succeeded"))
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

/// Reads the counts into the extended figures.
pub(super) fn read(rows: &TaggedRows, extended: &mut ExtendedFigures) {
    let runs: Vec<RecordedRun> = rows.all("run").filter_map(run).collect();
    let (users, tokens) = (rows.first("users"), rows.first("tokens"));
    extended.authentication = AuthenticationHealth {
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
        last_cleanup: last(&runs, "cleanup").and_then(|run| run.finished_at),
    };
    extended.security = SecurityHealth {
        unverified_accounts: users.number(6),
        inactive_accounts: users.number(7),
        locked_accounts: users.number(8),
        failed_login_attempts: rows.first("failed_logins").number(0),
        suspicious_activity: rows.first("suspicious").number(0),
        seed_accounts: rows.first("seed").number(0),
    };
    extended.database_id = rows.first("identity").text(0).map(str::to_owned);
    extended.recorded_backup = placed(rows.first("placed"));
    if let Some(count) = rows.first("future_runs").number::<u64>(0).filter(|count| *count > 0) {
        extended.warnings.push(format!(
            "last_backup, last_verified, last_cleanup, last_runs: {count} runs have a time in the future, because a clock was or is wrong; they are ignored"
        ));
    }
    if let Some(run) = last(&runs, "backup") {
        extended.backups.last_backup = Some(run.started_at);
        extended.backups.last_size_bytes = run.bytes;
    }
    extended.backups.last_verified = last(&runs, "verify").and_then(|run| run.finished_at);
    // the query reads the seed accounts last, so their row proves that all runs were read
    extended.runs = rows.first("seed").exists().then_some(runs);
}
