//! Command `authsvc migrate`: applies pending migrations, or adopts a database.

use std::fmt::Write as _;

use entity::maintenance_run::RunKind;

use super::error::Error;
use super::output::{Output, Piped};
use super::progress::MigrationProgressDisplay;
use crate::clock::Stopwatch;
use crate::config::Config;
use crate::maintain;
use crate::migrate::{self, MigrateAction, MigrationOutcome, MigrationReport, MigrationTarget, RecordKind, SqlBlock};
use crate::printable::line;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  authsvc migrate                      apply all pending migrations
  authsvc migrate --dry-run --sql      print the SQL that would run
  authsvc migrate --to 004             stop at migration 004
  authsvc migrate --adopt              adopt a database of the legacy manager")]
pub(super) struct Arguments {
    /// Stop after this migration
    #[arg(long, value_name = "NNN")]
    to: Option<u32>,
    /// Only print the plan
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run: print the SQL
    #[arg(long, requires = "dry_run")]
    sql: bool,
    /// Adopt a database of the legacy manager, after comparing its schema
    #[arg(long, conflicts_with = "baseline")]
    adopt: bool,
    /// Record everything up to this migration as applied, after comparing the schema
    #[arg(long, value_name = "NNN")]
    baseline: Option<u32>,
}

pub(super) async fn run(arguments: &Arguments, config: &Config, output: Output) -> Result<u8, Error> {
    let action = MigrateAction {
        target: arguments.to.map_or(MigrationTarget::Default, MigrationTarget::Number),
        adopt: arguments.adopt,
        baseline: arguments.baseline,
        dry_run: arguments.dry_run,
    };
    let (watch, progress) = (Stopwatch::start(), MigrationProgressDisplay::new(output));
    let done = migrate::migrate(&config.database_url, action, &super::settings::migration(config), &progress).await;
    drop(progress);
    if !arguments.dry_run {
        maintain::record_migration(&config.database_url, RunKind::Migrate, watch.elapsed(), done.as_ref()).await;
    }
    let report = done.map_err(Error::migrating(config))?;
    warn(&report);
    if arguments.sql {
        let blocks = blocks(&report, arguments, config);
        output.answer(&with_sql(&report, &blocks), Piped::Text, || sql(&blocks))?;
    } else {
        output.answer(&report, Piped::Text, || text(&report))?;
    }
    Ok(0)
}

fn warn(report: &MigrationReport) {
    if !report.unknown.is_empty() {
        tracing::warn!(
            "the database has newer migrations, compatible with this program: {}",
            report.unknown.join(", ")
        );
    }
    if !report.seed_accounts.is_empty() {
        tracing::warn!(
            "accounts of the legacy manager's seed data, all with one published password, are in this database; \
             delete them or change their passwords: {}",
            report.seed_accounts.join(", ")
        );
    }
    if !report.odd_addresses.is_empty() {
        tracing::warn!(
            "accounts have addresses that no mail can be sent to; they keep them and can log in: {}",
            report.odd_addresses.join(", ")
        );
    }
    if !report.shared_names.is_empty() {
        tracing::warn!(
            "accounts have names that differ in case only; they keep them, and no other account gets these names: {}",
            report.shared_names.join(", ")
        );
    }
    if !report.costly_hashes.is_empty() {
        tracing::warn!(
            "accounts have a stored password hash that costs more than a login may take, so that no password is right for them; \
             give each a new password: {}",
            report.costly_hashes.join(", ")
        );
    }
}

fn text(report: &MigrationReport) -> String {
    let mut text = String::new();
    for name in &report.recorded {
        let _ = writeln!(text, "{}  recorded as applied", line(name));
    }
    for entry in &report.migrations {
        let _ = match entry.duration_ms {
            Some(duration) => writeln!(text, "{}  {duration} ms", line(&entry.name)),
            None => writeln!(text, "{}  pending", line(&entry.name)),
        };
    }
    let newest = line(report.to.as_deref().unwrap_or("nothing"));
    let _ = match report.outcome {
        MigrationOutcome::Current => writeln!(text, "up to date: {newest} is applied"),
        MigrationOutcome::Planned => writeln!(text, "nothing was changed: these would be applied, in this order"),
        MigrationOutcome::Applied | MigrationOutcome::RolledBack => writeln!(text, "done: {newest} is applied"),
    };
    text
}

fn sql(blocks: &[SqlBlock]) -> String {
    blocks.iter().map(|block| format!("-- {}\n{}\n", block.name, block.sql)).collect()
}

fn with_sql(report: &MigrationReport, blocks: &[SqlBlock]) -> serde_json::Value {
    serde_json::json!({"outcome": report.outcome, "database": report.database, "migrations": blocks})
}

fn blocks(report: &MigrationReport, arguments: &Arguments, config: &Config) -> Vec<SqlBlock> {
    let origin = if arguments.baseline.is_some() { RecordKind::Baseline } else { RecordKind::Adopted };
    migrate::sql_script(report, config.database_url.backend(), origin, &super::settings::migration(config))
}
