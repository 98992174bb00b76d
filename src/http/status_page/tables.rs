//! Rows of the page: tables by size, accounts and tokens by state, queries, maintenance runs.

use chrono::{DateTime, Utc};

use super::figure::{self, Figure, Reasons};
use super::format::{self, When};
use crate::health::{DetailedHealthReport, HealthStatus, RecordedRun, ServerSession, StatementStatistics, TableSize};

/// Row of one database table.
pub(super) struct TableRow<'a> {
    pub(super) name: &'a str,
    pub(super) rows: Figure,
    pub(super) size: Figure,
    /// Percentage of the largest table.
    pub(super) share: Option<f64>,
    /// Time of the last change; `None` if the table has no rows.
    pub(super) changed: Option<Figure<When>>,
}

/// Returns the rows of all tables, the largest first, and tables of unknown size last.
pub(super) fn by_size<'a>(detailed: &'a DetailedHealthReport, reasons: &Reasons) -> Vec<TableRow<'a>> {
    let mut tables: Vec<&TableSize> = detailed.basic_health.tables.iter().collect();
    tables.sort_by_key(|table| std::cmp::Reverse(table.size_bytes));
    let most = tables.iter().filter_map(|table| table.size_bytes).max();
    let row = |table: &&'a TableSize| {
        let about = if table.row_count_estimated { "≈ " } else { "" };
        let rows = table.row_count.map(|rows| format!("{about}{}", format::count(rows.unsigned_abs())));
        let name = &table.name;
        let size = table.size_bytes.map(format::size).or_else(|| table.size.clone());
        let changed = table.last_update.map(|at| When::new(at, detailed.timestamp));
        TableRow {
            name,
            rows: reasons.figure(&format!("rows {name}"), rows),
            size: reasons.figure(&format!("size {name}"), size),
            share: table.size_bytes.zip(most).map(|(size, most)| percentage(size, most)),
            changed: (changed.is_some() || table.row_count != Some(0))
                .then(|| reasons.figure(&format!("last_update {name}"), changed)),
        }
    };
    tables.iter().map(row).collect()
}

/// Row with the number of accounts, tokens or events in one state.
pub(super) struct StateRow {
    pub(super) state: &'static str,
    pub(super) number: Figure,
    /// Percentage of all accounts or tokens.
    pub(super) share: Option<f64>,
    /// Percentage as text, empty if there is none.
    pub(super) part: String,
}

/// Group of rows with a common caption.
pub(super) struct StateGroup {
    pub(super) id: &'static str,
    pub(super) caption: &'static str,
    pub(super) rows: Vec<StateRow>,
}

impl StateGroup {
    pub(super) fn has_shares(&self) -> bool {
        self.rows.iter().any(|row| row.share.is_some())
    }
}

/// Returns the reason if all numbers are missing for one reason.
pub(super) fn blank(groups: &[StateGroup]) -> Option<&str> {
    figure::common(groups.iter().flat_map(|group| &group.rows).map(|row| &row.number))
}

pub(super) fn accounts(detailed: &DetailedHealthReport, reasons: &Reasons) -> [StateGroup; 3] {
    let (users, security) = (&detailed.authentication_health, &detailed.security_health);
    let row = |state, name: &str, number: Option<u64>, all: Option<u64>| {
        let share = number.zip(all).map(|(number, all)| percentage(number, all));
        let part = share.map_or(String::new(), |share| format!("{share:.0} %"));
        StateRow { state, number: reasons.figure(name, number.map(format::count)), share, part }
    };
    let of_users = |state, name: &str, number| row(state, name, number, users.total_users);
    let tokens = [users.active_tokens, users.expired_tokens, users.revoked_tokens];
    let all_tokens = tokens.into_iter().try_fold(0, |sum, number| Some(sum + number?));
    let of_tokens = |state, name: &str, number| row(state, name, number, all_tokens);
    let alone = |state, name: &str, number| row(state, name, number, None);
    [
        StateGroup {
            id: "users",
            caption: "Users",
            rows: vec![
                alone("all", "total_users", users.total_users),
                of_users("may log in", "active_users", users.active_users),
                of_users("address verified", "verified_users", users.verified_users),
                of_users("address not verified", "unverified_accounts", security.unverified_accounts),
                of_users("with a password", "email_users", users.email_users),
                of_users("of a provider", "oauth_users", users.oauth_users),
                of_users("logged in within 7 days", "recent_logins", users.recent_logins),
                of_users("no login for 90 days, or ever", "inactive_accounts", security.inactive_accounts),
            ],
        },
        StateGroup {
            id: "tokens",
            caption: "Tokens",
            rows: vec![
                of_tokens("refresh, usable", "active_tokens", users.active_tokens),
                of_tokens("refresh, expired", "expired_tokens", users.expired_tokens),
                of_tokens("refresh, used or revoked", "revoked_tokens", users.revoked_tokens),
                alone("of providers, expired", "expired_oauth_tokens", users.expired_oauth_tokens),
            ],
        },
        StateGroup {
            id: "watched",
            caption: "Security findings",
            rows: vec![
                alone("accounts locked now", "locked_accounts", security.locked_accounts),
                alone("failed logins, 24 h", "failed_login_attempts", security.failed_login_attempts),
                alone("suspicious activity", "suspicious_activity", security.suspicious_activity),
                alone("development accounts", "seed_accounts", security.seed_accounts),
            ],
        },
    ]
}

/// Row of one SQL statement.
pub(super) struct StatementRow<'a> {
    pub(super) query: &'a str,
    pub(super) calls: String,
    pub(super) mean: String,
    pub(super) total: String,
}

pub(super) fn slowest<'a>(detailed: &'a DetailedHealthReport, reasons: &Reasons) -> Figure<Vec<StatementRow<'a>>> {
    let row = |statement: &'a StatementStatistics| StatementRow {
        query: &statement.query,
        calls: format::count(statement.calls),
        mean: format::milliseconds(statement.mean_ms),
        total: format::milliseconds(statement.total_ms),
    };
    let rows = detailed.queries.slowest.as_ref().map(|all| all.iter().map(row).collect());
    or_as(reasons, ["slowest", "slow_queries"], rows)
}

/// Row of one active session.
pub(super) struct SessionRow<'a> {
    pub(super) session: &'a ServerSession,
    pub(super) time: String,
}

pub(super) fn longest<'a>(detailed: &'a DetailedHealthReport, reasons: &Reasons) -> Figure<Vec<SessionRow<'a>>> {
    let row = |session: &'a ServerSession| SessionRow { session, time: format::seconds(session.seconds) };
    let rows = detailed.queries.longest.as_ref().map(|all| all.iter().map(row).collect());
    or_as(reasons, ["longest", "long_running_queries"], rows)
}

/// Returns the figure, or the reason of the first name. If the first has none, it returns the reason of the second
/// name.
fn or_as<T>(reasons: &Reasons, names: [&str; 2], value: Option<T>) -> Figure<T> {
    match reasons.figure(names[0], value) {
        Figure::Unknown { href, .. } if href == "#not-known" => reasons.figure(names[1], None),
        figure => figure,
    }
}

/// Row of one maintenance run.
pub(super) struct RunRow<'a> {
    pub(super) run: &'a RecordedRun,
    pub(super) started: When,
    pub(super) took: String,
    pub(super) outcome: &'a str,
    /// Status for the colour; `None` if the outcome is neither good nor bad.
    pub(super) status: Option<HealthStatus>,
}

pub(super) fn runs(detailed: &DetailedHealthReport) -> Vec<RunRow<'_>> {
    detailed.maintenance.last_runs.iter().map(|run| RunRow::new(run, detailed.timestamp)).collect()
}

impl<'a> RunRow<'a> {
    fn new(run: &'a RecordedRun, now: DateTime<Utc>) -> Self {
        let end = run.finished_at.unwrap_or(now);
        let took = (end - run.started_at).num_milliseconds() as f64;
        Self {
            run,
            started: When::new(run.started_at, now),
            took: format::milliseconds(took.max(0.0)),
            outcome: run.outcome.as_deref().unwrap_or("running or killed"),
            status: match run.outcome.as_deref() {
                Some("succeeded") => Some(HealthStatus::Healthy),
                Some("failed") => Some(HealthStatus::Unhealthy),
                _ => None,
            },
        }
    }
}

fn percentage(part: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { part as f64 / all as f64 * 100.0 }
}
