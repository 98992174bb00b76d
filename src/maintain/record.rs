//! Runs in `maintenance_runs`: begun, and how they ended. No question to the database waits for longer than [`PATIENCE`].

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use entity::maintenance_run::{ActiveModel, Column, Entity, Kind, Outcome};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ActiveModelTrait, ColumnTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, Select, Set, Unchanged};
use serde_json::{Value, json};

use crate::backup::Metadata;
use crate::db::{DatabaseUrl, Error, Pool, PoolUse};

const PATIENCE: Duration = Duration::from_secs(5);

/// A run that has begun.
pub(super) struct Run<'a> {
    pool: &'a Pool,
    id: i64,
}

impl<'a> Run<'a> {
    /// Records the beginning.
    pub(super) async fn begin(pool: &'a Pool, kind: Kind, now: DateTime<Utc>, counts: Value) -> Result<Self, Error> {
        let run = ActiveModel { kind: Set(kind), started_at: Set(now), counts: Set(counts), ..Default::default() };
        let inserted = in_time(PATIENCE, run.insert(pool.orm())).await?;
        Ok(Self { pool, id: inserted.id })
    }

    /// Records the end, in at most this time. A record that cannot be written stops nothing.
    pub(super) async fn end(&self, end: End, patience: Duration) {
        let run = ActiveModel {
            id: Unchanged(self.id),
            finished_at: Set(Some(end.at)),
            outcome: Set(Some(end.outcome)),
            counts: Set(end.counts),
            error: Set(end.error),
            ..Default::default()
        };
        if let Err(error) = in_time(patience, run.update(self.pool.orm())).await {
            tracing::warn!(id = self.id, outcome = ?end.outcome, "the end of a run could not be recorded: {error}");
        }
    }
}

/// How a run ended.
pub(super) struct End {
    pub(super) outcome: Outcome,
    pub(super) at: DateTime<Utc>,
    pub(super) counts: Value,
    pub(super) error: Option<String>,
}

/// Whether the backup of a scheduled time was made, or failed. One that was begun only, or was cancelled, was not.
pub(super) async fn is_served(pool: &Pool, scheduled: DateTime<Utc>) -> Result<bool, Error> {
    let ended = runs_for(scheduled).filter(Column::Outcome.is_in([Outcome::Succeeded, Outcome::Failed]));
    Ok(in_time(PATIENCE, ended.count(pool.orm())).await? > 0)
}

/// Whether a cleanup that began since a moment has succeeded.
pub(super) async fn is_cleaned_since(pool: &Pool, since: DateTime<Utc>) -> Result<bool, Error> {
    let done = Entity::find()
        .filter(Column::Kind.eq(Kind::Cleanup))
        .filter(Column::StartedAt.gt(since))
        .filter(Column::Outcome.eq(Outcome::Succeeded));
    Ok(in_time(PATIENCE, done.count(pool.orm())).await? > 0)
}

/// Whether somebody began it at all.
pub(super) async fn is_begun(pool: &Pool, scheduled: DateTime<Utc>) -> Result<bool, Error> {
    Ok(in_time(PATIENCE, runs_for(scheduled).count(pool.orm())).await? > 0)
}

fn runs_for(scheduled: DateTime<Utc>) -> Select<Entity> {
    Entity::find()
        .filter(Column::Kind.eq(Kind::Backup))
        // by the index, and whatever the clocks of the replicas are
        .filter(Column::StartedAt.gt(scheduled - TimeDelta::days(1)))
        // both engines read JSON so
        .filter(Expr::cust("counts ->> 'scheduled'").eq(text(scheduled)))
}

/// What a backup was, for `counts`; `scheduled` is missing where somebody made it by hand.
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

fn text(scheduled: DateTime<Utc>) -> String {
    scheduled.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Records a backup that somebody made by hand, once its file is complete.
pub async fn record_backup(url: &DatabaseUrl, made: &Metadata) {
    let finished = made.created_at + TimeDelta::milliseconds(i64::try_from(made.duration_ms).unwrap_or_default());
    record_run(url, Kind::Backup, made.created_at, finished, Ok(counts(None, Some(made)))).await;
}

/// Records a run of a command that has ended, with what it did or why it failed. The role of a command may have no right to,
/// and a schema before 009 has no such table: that it cannot be recorded is no failure.
pub async fn record_run(
    url: &DatabaseUrl,
    kind: Kind,
    started: DateTime<Utc>,
    finished: DateTime<Utc>,
    done: Result<Value, String>,
) {
    let outcome = if done.is_ok() { Outcome::Succeeded } else { Outcome::Failed };
    let run = ActiveModel {
        kind: Set(kind),
        started_at: Set(started),
        finished_at: Set(Some(finished)),
        outcome: Set(Some(outcome)),
        error: Set(done.as_ref().err().cloned()),
        counts: Set(done.unwrap_or_else(|_| json!({}))),
        ..Default::default()
    };
    let recorded = async {
        let pool = Pool::open(url, PoolUse::Serve).await?;
        let inserted = in_time(PATIENCE, Entity::insert(run).exec_without_returning(pool.orm())).await;
        pool.leave().await;
        inserted
    };
    if let Err(error) = recorded.await {
        tracing::debug!("the run is not in maintenance_runs: {error}");
    }
}

async fn in_time<T>(patience: Duration, question: impl Future<Output = Result<T, DbErr>>) -> Result<T, Error> {
    match tokio::time::timeout(patience, question).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Error::late(patience)),
    }
}
