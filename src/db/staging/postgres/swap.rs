//! Swap on PostgreSQL: one short transaction. It moves the old tables out and the new tables in, transfers the state of
//! the old tables, and drops them.
//!
//! No object is lost: the old tables are dropped without CASCADE. Before the commit, the state of the new tables is
//! compared with that of the old ones. A difference rolls the transaction back, and the error names it. The time under
//! the locks depends on the number of catalogue rows. Files are removed after the commit, when the locks are released.

use std::time::Duration;

use sqlx::postgres::PgConnection;

use super::live_survey::{self, LiveSurvey, with_names};
use super::object_facts::{CarryOver, ObjectFacts, PRIVILEGES};
use super::{MARK, PostgresStaging, REPLACED, STAGING, drop_schema, execute, query, settings};
use crate::clock::Stopwatch;
use crate::db::connection::{Row, first_column};
use crate::db::staging::sequences::KeptSequences;
use crate::db::staging::{LiveSchema, SwapReport};
use crate::db::{DbErrorKind, Error};

/// Maximum wait for one lock. A statement that waits while it holds locks can be part of a deadlock, and the server
/// would cancel any participant. This statement gives up before the server checks for deadlocks (`deadlock_timeout`,
/// one second), so that no reader is cancelled.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

impl PostgresStaging {
    /// Replaces the live objects with those of the staging schema. It tries again while a reader blocks the swap.
    pub(in crate::db::staging) async fn swap(
        &self,
        live: &LiveSchema,
        lock_timeout: Duration,
        patience: Duration,
    ) -> Result<SwapReport, Error> {
        let (base, mut warnings) = self.carry_ahead(live).await?;
        let watch = Stopwatch::start();
        loop {
            match self.try_swap(live, &base, lock_timeout.min(LONGEST_WAIT)).await {
                Err(error) if error.kind() == DbErrorKind::Locked && watch.elapsed() < patience => {
                    tracing::info!("a table is in use, trying again: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(error) => return Err(error),
                Ok((duration, keys)) => {
                    warnings.extend(self.validate(&keys).await);
                    return Ok(SwapReport { duration, warnings });
                }
            }
        }
    }

    /// Builds objects on the staged tables that take long, such as indexes that no migration creates. Returns the state
    /// that the migrations of the live version created, and warnings.
    async fn carry_ahead(&self, live: &LiveSchema) -> Result<(ObjectFacts, Vec<String>), Error> {
        let LiveSurvey { dependents, live: found, base, .. } = LiveSurvey::read(self.pool(), live).await?;
        let mut transaction = self.begin_in_staging().await?;
        let staged = live_survey::facts(&mut transaction, &live.objects).await?;
        let carried = CarryOver::merge(&base, &found, &staged, live.origin);
        refuse(dependents, &carried.refused)?;
        for step in carried.steps.iter().filter(|step| step.order == 0) {
            execute(&mut transaction, step.sql.clone()).await.map_err(not_carried(&step.what))?;
        }
        transaction.commit().await?;
        Ok((base, carried.notes))
    }

    async fn try_swap(
        &self,
        live: &LiveSchema,
        base: &ObjectFacts,
        lock_timeout: Duration,
    ) -> Result<(Duration, Vec<Row>), Error> {
        let objects = &live.objects;
        let mut transaction = self.sqlx().begin().await?;
        let home = live_survey::home(&mut transaction).await?;
        let limits =
            format!("SET LOCAL lock_timeout = {}; SET LOCAL synchronous_commit = DEFAULT", lock_timeout.as_millis());
        execute(&mut transaction, format!("{}; {limits}", settings(STAGING))).await?;
        let staged = live_survey::facts(&mut transaction, objects).await?;
        execute(&mut transaction, format!("SET LOCAL search_path = {home}")).await?;
        let old = first_column(
            query(&mut transaction, with_names(include_str!("../../postgres/live_objects.sql"), objects)).await?,
        );
        let new =
            first_column(query(&mut transaction, include_str!("../../postgres/staged_objects.sql").to_owned()).await?);
        let watch = Stopwatch::start();
        lock(&mut transaction, &old).await?;
        let found = live_survey::facts(&mut transaction, objects).await?;
        let carried = CarryOver::merge(base, &found, &staged, live.origin);
        refuse(live_survey::dependents(&mut transaction, objects).await?, &carried.refused)?;
        let keys =
            query(&mut transaction, with_names(include_str!("../../postgres/foreign_keys.sql"), objects)).await?;
        execute(&mut transaction, moves(&home, &keys, &old, &new)).await?;
        let kept = KeptSequences::read(&mut transaction, &home, &staged).await?;
        drop_schema(&mut transaction, REPLACED).await?;
        let (first, last): (Vec<_>, Vec<_>) = carried.steps.iter().partition(|step| step.order < PRIVILEGES);
        for step in first {
            execute(&mut transaction, step.sql.clone()).await.map_err(not_carried(&step.what))?;
        }
        kept.set(&mut transaction).await?;
        for step in last {
            execute(&mut transaction, step.sql.clone()).await.map_err(not_carried(&step.what))?;
        }
        let differences = carried.differences(&live_survey::facts(&mut transaction, objects).await?);
        if !differences.is_empty() {
            let told = differences.iter().map(|difference| format!("the {difference}")).collect::<Vec<_>>().join("; ");
            return Err(Error::new(
                DbErrorKind::Refused,
                format!("the swap would change state that it must keep: {told}"),
            ));
        }
        transaction.commit().await?;
        Ok((watch.elapsed(), keys.clone()))
    }

    /// Checks the rows of other tables against their foreign keys. The new content is already in use, so a mismatch is
    /// only a warning.
    async fn validate(&self, keys: &[Row]) -> Vec<String> {
        let mut warnings = Vec::new();
        for row in keys {
            if let Err(error) = self.alone(column(row, 1)).await {
                warnings.push(format!("a foreign key was recreated, but rows violate it: {error}"));
            }
        }
        warnings
    }

    async fn alone(&self, sql: String) -> Result<(), Error> {
        let mut transaction = self.sqlx().begin().await?;
        execute(&mut transaction, sql).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// Locks the live tables. A sequence is locked when it is moved.
async fn lock(connection: &mut PgConnection, old: &[String]) -> Result<(), Error> {
    let tables: Vec<&str> = old.iter().filter_map(|object| object.strip_prefix("TABLE ")).collect();
    if tables.is_empty() {
        return Ok(());
    }
    execute(connection, format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", tables.join(", "))).await
}

/// Returns statements that move the old objects out and the new ones in.
fn moves(home: &str, keys: &[Row], old: &[String], new: &[String]) -> String {
    let mut sql = format!("CREATE SCHEMA {REPLACED}; COMMENT ON SCHEMA {REPLACED} IS '{MARK}';");
    keys.iter().for_each(|row| sql.push_str(&column(row, 0)));
    old.iter().for_each(|object| sql.push_str(&format!("ALTER {object} SET SCHEMA {REPLACED};")));
    new.iter().for_each(|object| sql.push_str(&format!("ALTER {object} SET SCHEMA {home};")));
    sql + &format!("DROP SCHEMA {STAGING}")
}

fn refuse(mut dependents: Vec<String>, refused: &[String]) -> Result<(), Error> {
    dependents.extend_from_slice(refused);
    if dependents.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        DbErrorKind::Refused,
        format!("a restore would lose what depends on its tables: {}", dependents.join("; ")),
    ))
}

/// Adds the name of the property to an error of transferring it.
fn not_carried(what: &str) -> impl Fn(Error) -> Error {
    let what = what.to_owned();
    move |error| {
        let message = format!("carrying over the {what}: {error}");
        error.with_message(message)
    }
}

fn column(row: &Row, at: usize) -> String {
    row.get(at).cloned().flatten().unwrap_or_default()
}
