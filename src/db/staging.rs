//! Staging area beside the live tables. A restore builds, loads and verifies the new tables there, before one swap
//! replaces the live tables.
//!
//! On PostgreSQL it is a schema in the live database. On SQLite it is a file beside the live one. The live database
//! does not change until the swap. The next run removes what an interrupted run left in the staging area.

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

/// Transaction for migrations that create their tables in a staging area.
pub struct StagedMigration {
    pool: Pool,
    /// Open transaction of the migrations.
    pub transaction: DatabaseTransaction,
}

/// Staging area of a restore.
pub enum Staging {
    /// Schema in a PostgreSQL database.
    Postgres(PostgresStaging),
    /// SQLite file beside the live one.
    Sqlite(SqliteStaging),
}

/// Tables, functions and sequences of one state of the schema.
#[derive(Debug, Clone, Default)]
pub struct SchemaObjects {
    /// Names of the tables.
    pub tables: Vec<String>,
    /// Functions as `name(types)`; empty on SQLite.
    pub functions: Vec<String>,
    /// Names of the sequences; empty on SQLite.
    pub sequences: Vec<String>,
}

/// Schema of a database that a restore replaces.
#[derive(Debug, Clone)]
pub struct LiveSchema {
    /// All objects of the program that may exist: those of the database's own history, and those of the newest
    /// migrations.
    pub objects: SchemaObjects,
    /// Statements that create the live schema; empty if the database has no objects of the program.
    pub made_by: String,
    /// Statements that upgrade the live schema to the newest one.
    pub newer: String,
    /// Origin of the live schema.
    pub origin: SchemaOrigin,
}

/// Origin of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaOrigin {
    /// This program's migrations created all of it.
    Migrated,
    /// The program adopted the schema. Its objects are equal, but their definitions may be written differently.
    TakenOver,
}

/// Lists what a restore would lose in the live database, and what would prevent it, each with a remedy. It writes
/// nothing. `greatest_ids` holds the greatest id of each restored table.
///
/// # Errors
/// Returns an error if the database does not answer or rejects a statement.
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

/// Table that is loaded, with its columns in the order of the rows.
#[derive(Debug, Clone)]
pub struct TableLoad {
    /// Name of the table.
    pub table: String,
    /// Columns of the table. Rows from the other engine have their types in PostgreSQL, which has more types.
    pub columns: Vec<Column>,
}

impl TableLoad {
    /// Returns the column names as `a, b, c`.
    fn column_list(&self) -> String {
        self.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// Rows of one table, each ended by a line feed.
#[derive(Debug)]
pub struct LoadBlock {
    /// Index of the table among the loaded tables.
    pub table: usize,
    /// Lines of COPY's text format on PostgreSQL. On SQLite, lines that the [`RowParser`] function parses.
    pub lines: Vec<u8>,
    /// Number of the first row's line in the file, from 1. The other rows follow it.
    pub first_line: u64,
}

/// Function that parses the values of a row without its line feed.
pub type RowParser = for<'a> fn(&'a [u8], &[Column]) -> Result<Vec<Value<'a>>, String>;

/// Result of a swap.
#[derive(Debug, Default)]
pub struct SwapReport {
    /// Time for which readers may have waited.
    pub duration: Duration,
    /// Warnings for the operator that are no failures.
    pub warnings: Vec<String>,
}

/// Error of rows that the database refuses.
#[derive(Debug, thiserror::Error)]
#[error("{place}{source}")]
pub struct LoadError {
    /// Table and line of the refused row.
    place: Box<RefusedRow>,
    /// Error of the database.
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
    /// Creates an empty staging area beside a database.
    ///
    /// # Errors
    /// Returns an error if privileges or permissions are missing, or if another restore is running.
    pub async fn begin(url: &DatabaseUrl) -> Result<Self, Error> {
        match url.target() {
            DatabaseTarget::Postgres(_) => {
                Ok(Self::Postgres(PostgresStaging::begin(Pool::open(url, PoolUse::Restore).await?).await?))
            }
            DatabaseTarget::Sqlite(target) => Ok(Self::Sqlite(SqliteStaging::begin(&target.path)?)),
        }
    }

    /// Begins a transaction for migrations that create their tables in the staging area. [`Self::end_migration`] ends
    /// it.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement.
    pub async fn begin_migration(&self) -> Result<StagedMigration, Error> {
        match self {
            Self::Postgres(staging) => staging.begin_migration().await,
            Self::Sqlite(staging) => staging.begin_migration().await,
        }
    }

    /// Commits the transaction of the migrations.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement.
    pub async fn end_migration(&self, migration: StagedMigration) -> Result<(), Error> {
        let StagedMigration { pool, transaction } = migration;
        transaction.commit().await?;
        if matches!(self, Self::Sqlite(_)) {
            pool.close().await;
        }
        Ok(())
    }

    /// Empties the tables, and drops the objects that would slow down loading them.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement.
    pub async fn strip(&mut self, tables: &[String]) -> Result<(), Error> {
        match self {
            Self::Postgres(staging) => staging.strip(tables).await,
            Self::Sqlite(staging) => staging.strip(tables.to_vec()).await,
        }
    }

    /// Loads rows until the sender is dropped.
    ///
    /// # Errors
    /// Returns an error with the first row that the database refuses.
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

    /// Runs statements in the staging area, for ledger rows and values of sequences.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement.
    pub async fn execute(&self, sql: String) -> Result<(), Error> {
        match self {
            Self::Postgres(staging) => staging.execute(sql).await,
            Self::Sqlite(staging) => staging.execute(sql).await,
        }
    }

    /// Reads every row of a loaded table.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement.
    pub async fn read_back(&self, loaded: &TableLoad, sink: &impl RowSink) -> Result<(), Error> {
        match self {
            Self::Postgres(staging) => staging.read_back(loaded, sink).await,
            Self::Sqlite(staging) => staging.read_back(loaded, sink).await,
        }
    }

    /// Rebuilds the objects that [`Self::strip`] dropped.
    ///
    /// # Errors
    /// Returns an error if rows violate a key, or if the database does not answer.
    pub async fn build(&self, tables: &[String]) -> Result<(), LoadError> {
        match self {
            Self::Postgres(staging) => staging.build(tables).await,
            Self::Sqlite(staging) => staging.build().await,
        }
    }

    /// Raises sequences that are below the ids of their tables, so that no id is issued twice. Returns a text for each
    /// raised sequence.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement.
    pub async fn raise_sequences(&self) -> Result<Vec<String>, Error> {
        match self {
            Self::Postgres(staging) => staging.raise_sequences().await,
            Self::Sqlite(staging) => staging.raise_sequences(),
        }
    }

    /// Replaces the live tables with the staged ones in one transaction.
    ///
    /// # Errors
    /// Returns an error if tables are locked for longer than `patience`, or if the database does not answer. In that
    /// case the live tables do not change.
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

    /// Removes the staging area.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement.
    pub async fn discard(self) -> Result<(), Error> {
        match self {
            Self::Postgres(staging) => staging.discard().await,
            Self::Sqlite(staging) => staging.discard(),
        }
    }
}
