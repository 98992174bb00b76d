//! The swap on PostgreSQL: one short transaction that moves the old tables out of the way and the new ones in.
//!
//! Owners and privileges of the old tables pass to the new ones. Foreign keys of other programs' tables are made anew.
//! Whatever else hangs on the old tables (views, policies, publications, columns of somebody else's) is named before
//! anything is written: it would be lost.

use std::time::Duration;

use super::postgres::{PostgresStaging, REPLACED, STAGING, execute, query};
use super::{Objects, Swapped};
use crate::clock::Stopwatch;
use crate::db::connection::{Row, first_column};
use crate::db::{Error, Kind};

impl PostgresStaging {
    /// What hangs on the live tables and would be lost.
    pub(super) async fn obstacles(&self, live: &Objects) -> Result<Vec<String>, Error> {
        let mut transaction = self.sqlx().begin().await?;
        let sql = with_tables(include_str!("../postgres/dependents.sql"), live);
        Ok(first_column(query(&mut transaction, sql).await?))
    }

    /// Puts the staging schema's objects in the place of the live ones; tries again while a reader is in the way.
    pub(super) async fn swap(
        &self,
        live: &Objects,
        lock_timeout: Duration,
        patience: Duration,
    ) -> Result<Swapped, Error> {
        let watch = Stopwatch::start();
        loop {
            match self.try_swap(live, lock_timeout).await {
                Err(error) if error.kind() == Kind::Locked && watch.elapsed() < patience => {
                    tracing::info!("a table is in use, trying again: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                done => return done,
            }
        }
    }

    /// A statement that waits for a lock while it holds others can be part of a deadlock, of which the server would cancel
    /// any. It gives up before the server looks (`deadlock_timeout`, a second), so that no reader is the one.
    async fn try_swap(&self, live: &Objects, lock_timeout: Duration) -> Result<Swapped, Error> {
        let mut transaction = self.sqlx().begin().await?;
        let timeout = lock_timeout.as_millis().min(500);
        execute(
            &mut transaction,
            format!("SET LOCAL lock_timeout = {timeout}; SET LOCAL client_min_messages = warning"),
        )
        .await?;
        let home =
            first_column(query(&mut transaction, "SELECT quote_ident(current_schema())".to_owned()).await?).join("");
        let there = first_column(
            query(&mut transaction, with_tables(include_str!("../postgres/live_objects.sql"), live)).await?,
        );
        let watch = Stopwatch::start();
        let locks: Vec<&String> = there.iter().filter(|object| object.starts_with("TABLE ")).collect();
        if !locks.is_empty() {
            let tables: Vec<&str> = locks.iter().filter_map(|table| table.strip_prefix("TABLE ")).collect();
            execute(&mut transaction, format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", tables.join(", "))).await?;
        }
        let keys = query(&mut transaction, with_tables(include_str!("../postgres/foreign_keys.sql"), live)).await?;
        let rights =
            first_column(query(&mut transaction, with_tables(include_str!("../postgres/rights.sql"), live)).await?);
        let new =
            first_column(query(&mut transaction, include_str!("../postgres/staged_objects.sql").to_owned()).await?);
        let mut sql =
            format!("CREATE SCHEMA {REPLACED}; COMMENT ON SCHEMA {REPLACED} IS 'belongs to authsvc restore';");
        for row in &keys {
            sql.push_str(&column(row, 0));
        }
        for object in &there {
            sql.push_str(&format!("ALTER {object} SET SCHEMA {REPLACED};"));
        }
        for object in &new {
            sql.push_str(&format!("ALTER {object} SET SCHEMA {home};"));
        }
        rights.iter().for_each(|right| sql.push_str(right));
        keys.iter().for_each(|row| sql.push_str(&column(row, 1)));
        sql.push_str(&format!("DROP SCHEMA {STAGING}"));
        execute(&mut transaction, sql).await?;
        transaction.commit().await?;
        let warnings = self.after_swap(&keys).await;
        Ok(Swapped { duration: watch.elapsed(), warnings })
    }

    /// Drops what was replaced, and validates the keys of other programs. The new content is in place already, so nothing
    /// here is a failure.
    async fn after_swap(&self, keys: &[Row]) -> Vec<String> {
        let mut warnings = Vec::new();
        for row in keys {
            if let Err(error) = self.alone(column(row, 2)).await {
                warnings.push(format!("a foreign key was made anew, but does not hold: {error}"));
            }
        }
        if let Err(error) = self.discard().await {
            warnings.push(format!("the replaced tables are still there, in the schema {REPLACED}: {error}"));
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

fn column(row: &Row, at: usize) -> String {
    row.get(at).cloned().flatten().unwrap_or_default()
}

/// Puts names that this program knows into a query.
fn with_tables(sql: &str, objects: &Objects) -> String {
    let list = |names: &[String]| {
        let quoted: Vec<String> = names.iter().map(|name| format!("'{}'", name.replace('\'', "''"))).collect();
        format!("ARRAY[{}]::text[]", quoted.join(", "))
    };
    sql.replace(":tables", &list(&objects.tables))
        .replace(":functions", &list(&objects.functions))
        .replace(":staging", STAGING)
}
