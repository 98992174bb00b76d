//! A place beside the live tables in which a restore builds, loads and proves, before one swap puts it in their place.
//!
//! PostgreSQL: a schema in the same database. SQLite: a file beside the live one. Until the swap nothing of the live
//! database changes; what an interrupted run leaves here is removed by the next.

mod postgres;
mod refused_row;
mod sequences;
mod sqlite;

use std::time::Duration;

use sea_orm::DatabaseTransaction;
use tokio::sync::mpsc::Receiver;

use super::{Column, DatabaseTarget, DatabaseUrl, Error, Pool, PoolUse, RowSink, Value};
use postgres::PostgresStaging;
use refused_row::RefusedRow;
use sqlite::SqliteStaging;

/// A transaction for migrations that make their tables in a staging place.
pub struct StagedMigration {
    pool: Pool,
    /// The transaction.
    pub transaction: DatabaseTransaction,
}

/// The place.
pub enum Staging {
    /// A schema.
    Postgres(PostgresStaging),
    /// A file.
    Sqlite(SqliteStaging),
}

/// Tables, functions and sequences of one state of the schema.
#[derive(Debug, Clone, Default)]
pub struct SchemaObjects {
    /// Names of tables.
    pub tables: Vec<String>,
    /// Functions as `name(types)`; none on SQLite.
    pub functions: Vec<String>,
    /// Sequences; none on SQLite.
    pub sequences: Vec<String>,
}

/// The schema of a database that a restore replaces.
#[derive(Debug, Clone)]
pub struct LiveSchema {
    /// Everything of ours that may be there: what its own history made, and what the newest migrations make.
    pub objects: SchemaObjects,
    /// Statements that make it; empty where there is nothing of ours.
    pub made_by: String,
    /// Statements that make the newest schema of it.
    pub newer: String,
    /// Where it came from.
    pub origin: SchemaOrigin,
}

/// Where a schema came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaOrigin {
    /// This program's migrations made all of it.
    Migrated,
    /// It was taken over: the same objects, whose definitions may be phrased in another way.
    TakenOver,
}

/// What a restore would lose of a database, or could not end for, each with what to do. Nothing is written.
/// `greatest_ids`: the greatest id of each table that is restored.
///
/// # Errors
/// What the database said.
pub async fn losses(
    url: &DatabaseUrl,
    live: &LiveSchema,
    greatest_ids: &[(String, i64)],
) -> Result<Vec<String>, Error> {
    match url.target() {
        DatabaseTarget::Postgres(_) => postgres::live_survey::losses(url, live, greatest_ids).await,
        DatabaseTarget::Sqlite(target) => sqlite::objects::losses(&target.path, live),
    }
}

/// A table that is loaded: its columns in the order of the rows.
#[derive(Debug, Clone)]
pub struct TableLoad {
    /// Its name.
    pub table: String,
    /// Its columns; where rows come from the other engine, with their types in PostgreSQL, which tells more of them apart.
    pub columns: Vec<Column>,
}

impl TableLoad {
    /// `a, b, c`
    fn column_list(&self) -> String {
        self.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// Rows of one table, each ended by a line feed.
#[derive(Debug)]
pub struct LoadBlock {
    /// Which of the loaded tables.
    pub table: usize,
    /// On PostgreSQL, lines of COPY's text format; on SQLite what the [`RowParser`] function takes.
    pub lines: Vec<u8>,
    /// The line of the file that has the first row, from 1; the others follow it.
    pub first_line: u64,
}

/// Makes values of a row without its line feed.
pub type RowParser = for<'a> fn(&'a [u8], &[Column]) -> Result<Vec<Value<'a>>, String>;

/// What the swap did.
#[derive(Debug, Default)]
pub struct SwapReport {
    /// How long readers could wait.
    pub duration: Duration,
    /// What is worth knowing, but no failure.
    pub warnings: Vec<String>,
}

/// Rows that the database does not take.
#[derive(Debug, thiserror::Error)]
#[error("{place}{source}")]
pub struct LoadError {
    /// Where the row stood.
    place: Box<RefusedRow>,
    /// What the database said.
    pub source: Error,
}

impl LoadError {
    fn at(place: RefusedRow, source: Error) -> Self {
        Self { place: Box::new(place), source }
    }

    fn anywhere(source: Error) -> Self {
        Self::at(RefusedRow::default(), source)
    }

    fn in_table(table: &str, source: Error) -> Self {
        Self::at(RefusedRow { table: Some(table.to_owned()), ..RefusedRow::default() }, source)
    }
}

impl Staging {
    /// An empty place beside a database.
    ///
    /// # Errors
    /// Missing privileges or permissions, or another restore that is at work.
    pub async fn begin(url: &DatabaseUrl) -> Result<Self, Error> {
        match url.target() {
            DatabaseTarget::Postgres(_) => {
                Ok(Self::Postgres(PostgresStaging::begin(Pool::open(url, PoolUse::Restore).await?).await?))
            }
            DatabaseTarget::Sqlite(target) => Ok(Self::Sqlite(SqliteStaging::begin(&target.path)?)),
        }
    }

    /// A transaction for migrations that make their tables here. End it with [`Self::end_migration`].
    ///
    /// # Errors
    /// What the database said.
    pub async fn begin_migration(&self) -> Result<StagedMigration, Error> {
        match self {
            Self::Postgres(staging) => staging.begin_migration().await,
            Self::Sqlite(staging) => staging.begin_migration().await,
        }
    }

    /// Commits what was migrated.
    ///
    /// # Errors
    /// What the database said.
    pub async fn end_migration(&self, migration: StagedMigration) -> Result<(), Error> {
        let StagedMigration { pool, transaction } = migration;
        transaction.commit().await?;
        if matches!(self, Self::Sqlite(_)) {
            pool.close().await;
        }
        Ok(())
    }

    /// Empties the tables and takes down what would slow down loading them.
    ///
    /// # Errors
    /// What the database said.
    pub async fn strip(&mut self, tables: &[String]) -> Result<(), Error> {
        match self {
            Self::Postgres(staging) => staging.strip(tables).await,
            Self::Sqlite(staging) => staging.strip(tables.to_vec()).await,
        }
    }

    /// Loads rows until the sender is gone.
    ///
    /// # Errors
    /// The first row that is refused.
    pub async fn load(
        &self,
        loaded: &[TableLoad],
        blocks: Receiver<LoadBlock>,
        parse: RowParser,
    ) -> Result<(), LoadError> {
        match self {
            Self::Postgres(staging) => staging.load(loaded, blocks).await,
            Self::Sqlite(staging) => staging.load(loaded.to_vec(), blocks, parse).await,
        }
    }

    /// Runs statements here: ledger rows and values of sequences.
    ///
    /// # Errors
    /// What the database said.
    pub async fn execute(&self, sql: String) -> Result<(), Error> {
        match self {
            Self::Postgres(staging) => staging.execute(sql).await,
            Self::Sqlite(staging) => staging.execute(sql).await,
        }
    }

    /// Reads every row of a table back.
    ///
    /// # Errors
    /// What the database said.
    pub async fn read_back(&self, loaded: &TableLoad, sink: &impl RowSink) -> Result<(), Error> {
        match self {
            Self::Postgres(staging) => staging.read_back(loaded, sink).await,
            Self::Sqlite(staging) => staging.read_back(loaded, sink).await,
        }
    }

    /// Builds what [`Self::strip`] took down.
    ///
    /// # Errors
    /// Rows that break a key, or what else the database said.
    pub async fn build(&self, tables: &[String]) -> Result<(), LoadError> {
        match self {
            Self::Postgres(staging) => staging.build(tables).await,
            Self::Sqlite(staging) => staging.build().await,
        }
    }

    /// Raises sequences that stand below the ids of their tables, so that no id is given out twice: which ones, for people.
    ///
    /// # Errors
    /// What the database said.
    pub async fn raise_sequences(&self) -> Result<Vec<String>, Error> {
        match self {
            Self::Postgres(staging) => staging.raise_sequences().await,
            Self::Sqlite(staging) => staging.raise_sequences(),
        }
    }

    /// Puts what was built in the place of the live tables, all at once.
    ///
    /// # Errors
    /// Tables that stayed locked for longer than `patience`, or what else the database said; the live tables are as
    /// they were.
    pub async fn swap(
        &self,
        live: &LiveSchema,
        lock_timeout: Duration,
        patience: Duration,
    ) -> Result<SwapReport, Error> {
        match self {
            Self::Postgres(staging) => staging.swap(live, lock_timeout, patience).await,
            Self::Sqlite(staging) => staging.swap(live, patience).await,
        }
    }

    /// Removes the place.
    ///
    /// # Errors
    /// What the database said.
    pub async fn discard(self) -> Result<(), Error> {
        match self {
            Self::Postgres(staging) => staging.discard().await,
            Self::Sqlite(staging) => staging.discard(),
        }
    }
}
