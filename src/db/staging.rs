//! Staging area beside the live tables. A restore builds, loads and verifies the new tables there, before one swap
//! replaces the live tables.
//!
//! On PostgreSQL it is a schema in the live database. On SQLite it is a file beside the live one. The live database
//! does not change until the swap. The next run removes what an interrupted run left in the staging area.

mod live_schema;
mod load;
mod postgres;
mod refused_row;
mod sequences;
mod sqlite;
mod staged_migration;

use std::time::Duration;

use tokio::sync::mpsc::Receiver;

use super::{DatabaseTarget, DatabaseUrl, Error, Pool, PoolUse, RowSink};
pub use live_schema::{LiveSchema, SchemaObjects, SchemaOrigin, SwapReport};
pub use load::{LoadBlock, LoadError, RowParser, TableLoad};
use postgres::PostgresStaging;
use sqlite::SqliteStaging;
use staged_migration::StagedMigration;

/// Staging area of a restore.
pub enum Staging {
    /// Schema in a PostgreSQL database.
    Postgres(PostgresStaging),
    /// SQLite file beside the live one.
    Sqlite(SqliteStaging),
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
