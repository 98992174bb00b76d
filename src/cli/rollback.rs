//! Command `authsvc rollback`: undoes applied migrations, after a safety backup.

use std::fmt::Write as _;
use std::sync::Arc;

use entity::maintenance_run::RunKind;

use super::error::Error;
use super::output::{Output, Piped};
use super::progress::{BackupProgressBar, MigrationProgressDisplay};
use super::usage_error::UsageError;
use crate::clock::Stopwatch;
use crate::config::Config;
use crate::migrate::{self, MigrationOutcome, MigrationReport, MigrationTarget};
use crate::printable::line;
use crate::{backup, clock, maintain};

#[derive(clap::Args)]
#[command(after_help = "\
Undoing a migration can delete data, so a safety backup is made first.

Examples:
  authsvc rollback                 undo the newest migration
  authsvc rollback 2 --yes         undo two, without asking
  authsvc rollback --to 004        undo everything after 004
  authsvc rollback --to 0          undo everything")]
pub(super) struct Arguments {
    /// Number of migrations to undo [default: 1]
    #[arg(conflicts_with = "to")]
    steps: Option<usize>,
    /// Undo all migrations after this one; 0 undoes all
    #[arg(long, value_name = "NNN")]
    to: Option<u32>,
    /// Only print the plan
    #[arg(long)]
    dry_run: bool,
    /// Do not make a safety backup
    #[arg(long)]
    no_safety_backup: bool,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(arguments: &Arguments, config: &Config, output: Output) -> Result<u8, Error> {
    let target = match (arguments.steps, arguments.to) {
        (Some(0), _) => return Err(UsageError::NoSteps.into()),
        (Some(steps), _) => MigrationTarget::Steps(steps),
        (None, Some(number)) => MigrationTarget::Number(number),
        (None, None) => MigrationTarget::Default,
    };
    let settings = super::settings::migration(config);
    let plan = migrate::rollback(&config.database_url, target, true, &settings, &()).await;
    let plan = plan.map_err(Error::migrating(config))?;
    if arguments.dry_run || plan.outcome == MigrationOutcome::Current {
        output.answer(&plan, Piped::Text, || text(&plan))?;
        return Ok(0);
    }
    let names: Vec<&str> = plan.migrations.iter().map(|entry| entry.name.as_str()).collect();
    output.confirm(&format!("undo {} in {}?", names.join(", "), plan.database), arguments.yes)?;
    if !arguments.no_safety_backup {
        back_up(config, output).await?;
    }
    let (watch, progress) = (Stopwatch::start(), MigrationProgressDisplay::new(output));
    let done = migrate::rollback(&config.database_url, target, false, &settings, &progress).await;
    drop(progress);
    maintain::record_migration(&config.database_url, RunKind::Rollback, watch.elapsed(), done.as_ref()).await;
    let report = done.map_err(Error::migrating(config))?;
    output.answer(&report, Piped::Text, || text(&report))?;
    Ok(0)
}

/// Makes the safety backup. If the rollback drops the table with its record, the file is still kept.
async fn back_up(config: &Config, output: Output) -> Result<(), Error> {
    let request = super::settings::safety_backup(config);
    let (watch, progress): (_, Arc<dyn backup::BackupProgress>) =
        (Stopwatch::start(), Arc::new(BackupProgressBar::new(output)));
    let made = backup::create(&config.database_url, &request, clock::now(), &progress).await;
    drop(progress);
    maintain::record_backup(&config.database_url, watch.elapsed(), made.as_ref(), Some(&config.backup_dir)).await;
    let made = made.map_err(|error| Error::backing_up(config)(backup::Error::Safety(Box::new(error))))?;
    tracing::info!("safety backup: {}", config.backup_dir.join(&made.filename).display());
    Ok(())
}

fn text(report: &MigrationReport) -> String {
    let mut text = String::new();
    for entry in &report.migrations {
        let _ = match entry.duration_ms {
            Some(duration) => writeln!(text, "{}  undone in {duration} ms", line(&entry.name)),
            None => writeln!(text, "{}  would be undone", line(&entry.name)),
        };
    }
    let newest = line(report.to.as_deref().unwrap_or("nothing"));
    let _ = match report.outcome {
        MigrationOutcome::Current => writeln!(text, "nothing to undo: {newest} is applied"),
        MigrationOutcome::Planned => writeln!(text, "nothing was changed"),
        MigrationOutcome::Applied | MigrationOutcome::RolledBack => writeln!(text, "done: {newest} is applied"),
    };
    text
}
