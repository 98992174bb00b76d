//! Head of the page as plain text, to paste into a ticket or a chat: status, findings with instructions, main figures.
//!
//! The text contains no account and no query.

use super::format;
use crate::health::{DetailedHealthReport, HealthStatus};
use crate::http::readiness::BootStage;

/// Returns the whole text. `made` is the time of the report, and `summary` is the sentence about the findings.
pub(super) fn ticket(detailed: &DetailedHealthReport, stage: &BootStage, [build, made, summary]: [&str; 3]) -> String {
    let environment = &detailed.basic_health.environment;
    let mut lines = vec![
        format!("authsvc {build}, {environment}: {} at {made}", detailed.overall_status),
        format!("process: {stage}"),
        summary.to_owned(),
    ];
    for check in detailed.checks.iter().filter(|check| check.status > HealthStatus::Healthy) {
        lines.push(format!("- {} {}: {}", check.status, check.name, check.message));
        if !check.hint.is_empty() {
            lines.push(format!("  {}", check.hint));
        }
    }
    lines.extend(figures(detailed));
    lines.join("\n")
}

/// Returns one line for each main figure that is known.
fn figures(detailed: &DetailedHealthReport) -> Vec<String> {
    let (database, migrations) = (&detailed.basic_health.database, &detailed.basic_health.migrations);
    let pool = format!("{} of {} open", database.open_connections, database.max_connections);
    let applied = migrations.applied.zip(migrations.pending);
    let applied = applied.map(|(applied, pending)| format!("{applied} applied, {pending} pending"));
    let known = [
        ("database", database.version.clone()),
        ("latency", database.response_time_ms.map(format::milliseconds)),
        ("pool", Some(pool)),
        ("size", detailed.storage.database_bytes.map(format::size)),
        ("migrations", applied.zip(migrations.latest.as_ref()).map(|(applied, latest)| format!("{applied}, {latest}"))),
        ("backup age", detailed.backups.age_seconds.map(|age| format::seconds(age as f64))),
        ("free for backups", detailed.storage.backup_free_bytes.map(format::size)),
    ];
    known.into_iter().filter_map(|(name, figure)| Some(format!("{name}: {}", figure?))).collect()
}
