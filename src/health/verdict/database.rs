//! Checks of the connection and the schema of the database.

use std::time::Duration;

use crate::health::basic_figures::milliseconds;
use crate::health::check::{HealthCheck, HealthStatus};
use crate::health::pluralized::pluralized;
use crate::health::report::{MigrationHealth, SqliteFile};
use crate::health::size::size_text;
use crate::health::thresholds::Thresholds;
use crate::migrate::{self, Difference, HistoryState};

/// Size in bytes above which a write-ahead log has not been checkpointed for long.
const LARGE_LOG: u64 = 64 << 20;

pub(super) fn response(took: Duration, thresholds: &Thresholds) -> HealthCheck {
    let message = format!("answers in {:.1} ms", milliseconds(took));
    if took <= thresholds.response_time {
        return HealthCheck::healthy("database", message);
    }
    let limit = humantime::format_duration(thresholds.response_time);
    HealthCheck::new(
        "database",
        HealthStatus::Degraded,
        format!("{message}, more than {limit}"),
        "look at the server's load and at the network to it (AUTHSVC_HEALTH_RESPONSE_TIME is the limit)",
    )
}

pub(super) fn schema(summary: HistoryState, migrations: &MigrationHealth, drift: &[Difference]) -> HealthCheck {
    let latest = migrations.latest.as_deref().unwrap_or("none");
    let pending = migrations.pending.unwrap_or_default();
    let (status, message, hint) = match summary {
        HistoryState::Empty => (HealthStatus::Unhealthy, "the database is empty".to_owned(), "run `authsvc migrate`"),
        HistoryState::EarlierManager => (
            HealthStatus::Unhealthy,
            "it is a database of the legacy manager".to_owned(),
            "take a backup, then run `authsvc migrate --adopt`",
        ),
        HistoryState::NoHistory => (
            HealthStatus::Unhealthy,
            "it has tables and no history".to_owned(),
            "check DATABASE_URL; see `authsvc migrate --help` for --baseline",
        ),
        HistoryState::Newer => (
            HealthStatus::Unhealthy,
            format!("it is at {latest}, newer than this program ({})", migrate::newest()),
            "deploy the newer program",
        ),
        HistoryState::Changed => (
            HealthStatus::Degraded,
            "an applied migration differs from this program's".to_owned(),
            "see `authsvc status`; deploy the program that applied it",
        ),
        _ if pending > 0 => (
            HealthStatus::Degraded,
            format!("pending migrations after {latest}: {pending}"),
            "run `authsvc migrate`, or restart a replica of this version",
        ),
        _ if !drift.is_empty() => (
            HealthStatus::Degraded,
            format!(
                "the schema differs in {} from what the migrations make: {}",
                pluralized(drift.len() as u64, "place", "places"),
                first(drift)
            ),
            "see `authsvc status`; undo what was changed by hand, or make it a migration",
        ),
        _ => return HealthCheck::healthy("schema", format!("up to date: {latest}")),
    };
    HealthCheck::new("schema", status, message, hint)
}

fn first(drift: &[Difference]) -> String {
    let shown: Vec<String> = drift.iter().take(3).map(ToString::to_string).collect();
    let more = if drift.len() > shown.len() { "; …" } else { "" };
    format!("{}{more}", shown.join("; "))
}

/// Check of the SQLite file: a log that is not checkpointed, and unused pages.
pub(super) fn file(file: Option<&SqliteFile>) -> Option<HealthCheck> {
    let file = file?;
    let (size, free) = (file.page_count * file.page_size, file.freelist_count * file.page_size);
    let message = format!("{}, {} of it free, log {}", size_text(size), size_text(free), size_text(file.wal_bytes));
    Some(if file.wal_bytes > LARGE_LOG && file.wal_bytes > size / 4 {
        let hint = "a reader may hold it up; end long readers, then run PRAGMA wal_checkpoint(TRUNCATE)";
        HealthCheck::new("sqlite_file", HealthStatus::Degraded, message, hint)
    } else if free > LARGE_LOG && free > size / 2 {
        HealthCheck::new(
            "sqlite_file",
            HealthStatus::Degraded,
            message,
            "stop the service and run VACUUM to free the space",
        )
    } else {
        HealthCheck::healthy("sqlite_file", message)
    })
}
