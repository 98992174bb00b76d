//! Records runs of `serve` and of cleanups in `maintenance_runs`, at their start and end. Runs of commands are in
//! `command_runs`.
//!
//! Times come from the database's clock, because replicas with different clocks read each other's records. No query
//! waits longer than [`PATIENCE`].

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use entity::maintenance_run::{ActiveModel, Column, Entity, RunKind, RunOutcome};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ActiveModelTrait, ColumnTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, Select, Set};
use serde_json::{Value, json};

use crate::backup::{Metadata, PlaceOfBackup};
use crate::db::{Error, Pool};

const PATIENCE: Duration = Duration::from_secs(5);

/// A run that has begun.
pub(super) struct ServiceRun<'a> {
    pool: &'a Pool,
    id: i64,
}

impl<'a> ServiceRun<'a> {
    /// Records the start of a run.
    pub(super) async fn begin(pool: &'a Pool, kind: RunKind, counts: Value) -> Result<Self, Error> {
        let run = ActiveModel { kind: Set(kind), counts: Set(counts), ..Default::default() };
        let inserted = in_time(pool, PATIENCE, run.insert(pool.runner())).await?;
        Ok(Self { pool, id: inserted.id })
    }

    /// Records the end of a run, within this time limit. A failure to record is only logged.
    pub(super) async fn end(&self, end: RunEnd, patience: Duration) {
        let run = ActiveModel {
            outcome: Set(Some(end.outcome)),
            counts: Set(end.counts),
            error: Set(end.error),
            ..Default::default()
        };
        let update = Entity::update_many()
            .set(run)
            .col_expr(Column::FinishedAt, ago(self.pool, Duration::ZERO))
            .filter(Column::Id.eq(self.id));
        if let Err(error) = in_time(self.pool, patience, update.exec(self.pool.runner())).await {
            tracing::warn!(id = self.id, outcome = ?end.outcome, "the end of a run could not be recorded: {error}");
        }
    }
}

/// End of a run.
pub(super) struct RunEnd {
    pub(super) outcome: RunOutcome,
    pub(super) counts: Value,
    pub(super) error: Option<String>,
}

/// Returns true if the backup of a scheduled time succeeded or failed. A run that was only begun or was cancelled does
/// not count.
pub(super) async fn is_served(pool: &Pool, scheduled: DateTime<Utc>) -> Result<bool, Error> {
    let ended = runs_for(pool, scheduled).filter(Column::Outcome.is_in([RunOutcome::Succeeded, RunOutcome::Failed]));
    Ok(in_time(pool, PATIENCE, ended.count(pool.runner())).await? > 0)
}

/// Returns true if a cleanup that began within this time has succeeded.
pub(super) async fn is_cleaned_within(pool: &Pool, time: Duration) -> Result<bool, Error> {
    let done = Entity::find()
        .filter(Column::Kind.eq(RunKind::Cleanup))
        .filter(Expr::col(Column::StartedAt).gt(ago(pool, time)))
        // the server's clock may have been set back, too
        .filter(Expr::col(Column::StartedAt).lte(ago(pool, Duration::ZERO)))
        .filter(Column::Outcome.eq(RunOutcome::Succeeded))
        .filter(is_of_this_database(pool));
    Ok(in_time(pool, PATIENCE, done.count(pool.runner())).await? > 0)
}

/// Returns true if any replica began the backup of this time.
pub(super) async fn is_begun(pool: &Pool, scheduled: DateTime<Utc>) -> Result<bool, Error> {
    Ok(in_time(pool, PATIENCE, runs_for(pool, scheduled).count(pool.runner())).await? > 0)
}

fn runs_for(pool: &Pool, scheduled: DateTime<Utc>) -> Select<Entity> {
    Entity::find()
        .filter(Column::Kind.eq(RunKind::Backup))
        // for the index: every time is served within a day, whatever the clocks of the replicas are
        .filter(Expr::col(Column::StartedAt).gt(ago(pool, Duration::from_hours(24))))
        // this JSON operator works on both engines
        .filter(Expr::cust("counts ->> 'scheduled'").eq(text(scheduled)))
        .filter(is_of_this_database(pool))
}

/// Condition that excludes runs that a restore brought from another database.
fn is_of_this_database(pool: &Pool) -> Expr {
    Expr::cust(pool.backend().is_own_run())
}

/// Description of a backup for the column `counts`. `scheduled` is omitted for a manual backup.
pub(super) fn counts(scheduled: Option<DateTime<Utc>>, made: Option<&Metadata>) -> Value {
    let mut counts = json!({});
    if let Some(scheduled) = scheduled {
        counts["scheduled"] = text(scheduled).into();
    }
    if let Some(made) = made {
        counts["filename"] = made.filename.clone().into();
        counts["rows"] = made.tables.iter().map(|table| table.rows).sum::<u64>().into();
        counts["bytes"] = made.size.into();
    }
    counts
}

/// Adds the host and the directory of a backup. Health looks for the file there.
pub(super) fn add_place(counts: &mut Value, directory: &Path) {
    let PlaceOfBackup { host, directory } = PlaceOfBackup::of(directory);
    counts["host"] = host.into();
    counts["directory"] = directory.into();
}

/// SQL expression for the time this long before now.
fn ago(pool: &Pool, time: Duration) -> Expr {
    Expr::cust(pool.backend().ago(time))
}

fn text(scheduled: DateTime<Utc>) -> String {
    scheduled.to_rfc3339_opts(SecondsFormat::Secs, true)
}

async fn in_time<T>(
    pool: &Pool,
    patience: Duration,
    question: impl Future<Output = Result<T, DbErr>>,
) -> Result<T, Error> {
    match tokio::time::timeout(patience, question).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Error::write_timed_out(pool.backend(), patience)),
    }
}
