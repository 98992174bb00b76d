//! Runs of commands, recorded in `maintenance_runs` once they have ended. Those of `serve` are in `service_runs`.
//!
//! As well as can be: no command fails because of it, or waits for longer than [`PATIENCE`]. The table may not be there (a
//! schema before 009) and the role may have no right to it, so that is looked for first, and no server logs an error. A run
//! that did nothing is not recorded, nor is a refusal: what begins nothing writes nothing. Simple queries only, because the
//! schema may be any. To add a kind: a variant of `entity::maintenance_run::Kind`, and the command calls [`record_run`].

use std::fmt;
use std::path::Path;
use std::time::Duration;

use entity::maintenance_run::{RunKind, RunOutcome};
use sea_orm::ActiveEnum;
use serde_json::{Value, json};

use super::service_runs;
use crate::backup::{self, Metadata, Restored};
use crate::db::{Connection, DatabaseUrl, Error, FinishedRun};
use crate::migrate;

const PATIENCE: Duration = Duration::from_secs(5);
/// After a stop, which somebody waits for.
const PATIENCE_AFTER_A_STOP: Duration = Duration::from_secs(1);

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum CommandOutcome {
    /// What it did, by kind.
    Succeeded(Value),
    /// Why it failed.
    Failed(String),
    /// Somebody stopped it.
    Cancelled,
}

impl CommandOutcome {
    /// From what a command has of it.
    pub fn of<E: fmt::Display>(done: Result<Value, E>) -> Self {
        match done {
            Ok(counts) => Self::Succeeded(counts),
            Err(error) => Self::Failed(error.to_string()),
        }
    }
}

/// Records a run that took so long and ends now.
pub async fn record_run(url: &DatabaseUrl, kind: RunKind, took: Duration, ended: CommandOutcome) {
    let (outcome, counts, error) = match ended {
        CommandOutcome::Succeeded(counts) => (RunOutcome::Succeeded, counts, None),
        CommandOutcome::Failed(error) => (RunOutcome::Failed, json!({}), Some(error)),
        CommandOutcome::Cancelled => (RunOutcome::Cancelled, json!({}), None),
    };
    let patience = if outcome == RunOutcome::Cancelled { PATIENCE_AFTER_A_STOP } else { PATIENCE };
    let run =
        FinishedRun { kind: kind.to_value(), took, outcome: outcome.to_value(), counts: counts.to_string(), error };
    match tokio::time::timeout(patience, insert(url, &run)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!("the {} is not in maintenance_runs: {error}", run.kind),
        Err(_) => tracing::debug!("the {} is not in maintenance_runs: no answer within {patience:?}", run.kind),
    }
}

async fn insert(url: &DatabaseUrl, run: &FinishedRun) -> Result<(), Error> {
    let mut connection = Connection::open(url).await?;
    let inserted = match connection.can_insert_runs().await {
        Ok(true) => connection.insert_run(run).await,
        Ok(false) => Ok(()),
        Err(error) => Err(error),
    };
    connection.hang_up().await;
    inserted
}

/// Records a backup that somebody made by hand, once its file is complete, or why there is none.
/// `directory`: BACKUP_DIR, where it was made there.
pub async fn record_backup(
    url: &DatabaseUrl,
    took: Duration,
    made: Result<&Metadata, &backup::Error>,
    directory: Option<&Path>,
) {
    if made.is_err_and(backup::Error::is_unreachable) {
        return;
    }
    let counts = |made| {
        let mut counts = service_runs::counts(None, Some(made));
        if let Some(directory) = directory {
            service_runs::add_place(&mut counts, directory);
        }
        counts
    };
    record_run(url, RunKind::Backup, took, CommandOutcome::of(made.map(counts))).await;
}

/// Records a restore, in the content that it put in place; one that failed, in the old content.
pub async fn record_restore(url: &DatabaseUrl, took: Duration, restored: Result<&Restored, &backup::Error>) {
    let counts = |restored: &Restored| {
        let mut counts = json!({
            "file": restored.file,
            "rows": restored.tables.iter().map(|table| table.rows).sum::<u64>(),
            "migrations": restored.migrated,
        });
        if let Some(name) = &restored.safety_backup {
            counts["safety_backup"] = name.clone().into();
        }
        if let Some(id) = restored.foreign_runs_to {
            counts["foreign_runs_to"] = id.into();
        }
        counts
    };
    record_run(url, RunKind::Restore, took, CommandOutcome::of(restored.map(counts))).await;
}

/// Records migrations that were applied, or undone, or that failed.
pub async fn record_migration(
    url: &DatabaseUrl,
    kind: RunKind,
    took: Duration,
    done: Result<&migrate::MigrationReport, &migrate::Error>,
) {
    let ended = match done {
        Ok(report) if !report.has_changed_something() => return,
        Ok(report) => {
            let names: Vec<&str> = report.migrations.iter().map(|entry| entry.name.as_str()).collect();
            CommandOutcome::Succeeded(json!({"migrations": names, "recorded": report.recorded.len()}))
        }
        Err(error) if error.is_refusal() || error.is_unreachable() => return,
        Err(error) => CommandOutcome::Failed(error.to_string()),
    };
    record_run(url, kind, took, ended).await;
}
