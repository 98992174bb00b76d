//! Accounts, tokens and events, and what ran last.

use super::facts::{Fact, Facts};
use super::report::{Authentication, Run, Security};
use super::survey::{PlacedBackup, Survey};

fn run(fact: Fact<'_>) -> Option<Run> {
    Some(Run {
        kind: fact.string(0),
        outcome: fact.text(1).map(str::to_owned),
        started_at: fact.time(2)?,
        finished_at: fact.time(3),
        bytes: fact.text(4).and_then(bytes),
        error: fact.text(5).map(str::to_owned),
    })
}

/// The newest that succeeded.
fn last<'a>(runs: &'a [Run], kind: &str) -> Option<&'a Run> {
    runs.iter().find(|run| run.kind == kind && run.outcome.as_deref() == Some("succeeded"))
}

/// What a backup's run says of its size.
fn bytes(counts: &str) -> Option<u64> {
    serde_json::from_str::<serde_json::Value>(counts).ok()?.get("bytes")?.as_u64()
}

/// The newest backup that was recorded as one of BACKUP_DIR.
fn placed(fact: Fact<'_>) -> Option<PlacedBackup> {
    let counts: serde_json::Value = serde_json::from_str(fact.text(1)?).ok()?;
    let text = |name: &str| counts.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
    Some(PlacedBackup {
        recorded: fact.number(0)?,
        name: text("filename")?,
        host: text("host"),
        directory: text("directory"),
    })
}

/// Fills in what was counted.
pub(super) fn read(facts: &Facts, survey: &mut Survey) {
    let runs: Vec<Run> = facts.all("run").filter_map(run).collect();
    let (users, tokens) = (facts.one("users"), facts.one("tokens"));
    survey.authentication = Authentication {
        total_users: users.number(0),
        active_users: users.number(1),
        verified_users: users.number(2),
        oauth_users: users.number(3),
        email_users: users.number(4),
        recent_logins: users.number(5),
        active_tokens: tokens.number(0),
        expired_tokens: tokens.number(1),
        revoked_tokens: tokens.number(2),
        expired_oauth_tokens: facts.one("oauth_tokens").number(0),
        last_cleanup: last(&runs, "cleanup").and_then(|run| run.finished_at),
    };
    survey.security = Security {
        unverified_accounts: users.number(6),
        inactive_accounts: users.number(7),
        locked_accounts: users.number(8),
        failed_login_attempts: facts.one("failed_logins").number(0),
        suspicious_activity: facts.one("suspicious").number(0),
        seed_accounts: facts.one("seed").number(0),
    };
    survey.database_id = facts.one("identity").text(0).map(str::to_owned);
    survey.placed = placed(facts.one("placed"));
    if let Some(count) = facts.one("future_runs").number::<u64>(0).filter(|count| *count > 0) {
        survey.warnings.push(format!(
            "last_backup, last_verified, last_cleanup, last_runs: {count} runs are recorded in the future, by a wrong clock, \
             and do not count"
        ));
    }
    if let Some(run) = last(&runs, "backup") {
        survey.backups.last_backup = Some(run.started_at);
        survey.backups.last_size_bytes = run.bytes;
    }
    survey.backups.last_verified = last(&runs, "verify").and_then(|run| run.finished_at);
    // the accounts of the seed are read last: where they are, the runs are all there
    survey.runs = facts.one("seed").is_there().then_some(runs);
}
