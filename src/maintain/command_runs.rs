//! Records finished runs of commands in `maintenance_runs`. Runs of `serve` are in `service_runs`.
//!
//! Recording never makes a command fail and never waits longer than [`PATIENCE`]. Table and privilege are checked
//! first, so that the server logs no error. The table is missing in a schema before migration 009. A run that changed
//! nothing, or was refused, is not recorded.
//!
//! Only simple queries are used, because the schema may have any version. A new kind needs a variant of
//! `entity::maintenance_run::Kind`, and its command calls [`record_run`].

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
/// Time limit for a record after a stop, when the operator waits for the exit.
const PATIENCE_AFTER_A_STOP: Duration = Duration::from_secs(1);

/// Outcome of a command's run.
#[derive(Debug, Clone, PartialEq)]
pub enum CommandOutcome {
    /// The run succeeded, with its counts by kind.
    Succeeded(Value),
    /// The run failed, with its error message.
    Failed(String),
    /// A signal stopped the run.
    Cancelled,
}

impl CommandOutcome {
    /// Converts the result of a command.
    pub fn of<E: fmt::Display>(done: Result<Value, E>) -> Self {
        match done {
            Ok(counts) => Self::Succeeded(counts),
            Err(error) => Self::Failed(error.to_string()),
        }
    }
}

/// Records a run that ends now and lasted for `took`.
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
        Ok(Err(error)) => tracing::debug!("the {} was not recorded in maintenance_runs: {error}", run.kind),
        Err(_) => {
            tracing::debug!("the {} was not recorded in maintenance_runs: no answer within {patience:?}", run.kind)
        }
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

/// Records a manual backup, or why it failed. `directory` is BACKUP_DIR, if the backup was made there.
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

/// Records a restore in the restored content, or a failed restore in the old content.
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

/// Records migrations that were applied, undone or failed.
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
