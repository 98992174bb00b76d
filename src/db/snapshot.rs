//! Consistent snapshot of all tables, read in blocks of rows.

pub(super) mod postgres;
mod rows;
pub(super) mod sqlite;

pub use rows::{BLOCK_BYTES, RowSink, SnapshotRows, TableRowCount};

use super::{Column, Connection, DatabaseUrl, Error, Row};

/// Read-only transaction that sees one state of every table.
pub enum Snapshot {
    /// PostgreSQL, on one or two connections.
    Postgres(postgres::PostgresSnapshot),
    /// SQLite, on a connection that a thread reads from.
    Sqlite(sqlite::SqliteSnapshot),
}

impl Snapshot {
    /// Begins a snapshot. On PostgreSQL it first locks every table, because a snapshot alone does not prevent TRUNCATE
    /// and DROP. A large database is also read on a second connection, if one is available.
    ///
    /// # Errors
    /// Returns an error if a table cannot be locked within ten seconds, or if the database does not answer.
    pub async fn begin(mut connection: Connection, url: &DatabaseUrl, tables: &[&str]) -> Result<Self, Error> {
        let home = connection.home().await?.unwrap_or_default();
        match connection {
            Connection::Postgres(first) => {
                Ok(Self::Postgres(postgres::PostgresSnapshot::begin(first, &home, url, tables).await?))
            }
            Connection::Sqlite(_) => {
                connection.hang_up().await;
                Ok(Self::Sqlite(sqlite::SqliteSnapshot::begin(url, tables).await?))
            }
        }
    }

    /// Returns the approximate size of each table, in their order.
    pub fn sizes(&self) -> &[TableRowCount] {
        match self {
            Self::Postgres(snapshot) => snapshot.sizes(),
            Self::Sqlite(snapshot) => snapshot.sizes(),
        }
    }

    /// Runs a query inside the snapshot. Every column must be text.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement.
    pub async fn query(&mut self, sql: impl Into<String>) -> Result<Vec<Row>, Error> {
        match self {
            Self::Postgres(snapshot) => snapshot.query(sql.into()).await,
            Self::Sqlite(snapshot) => snapshot.query(sql.into()).await,
        }
    }

    /// Reads every row of a table until the sink wants no more. Returns true if the sink still wants rows. `at` is the
    /// table's index among all tables.
    ///
    /// # Errors
    /// Returns an error if the database does not answer or rejects a statement.
    pub async fn read(
        &mut self,
        at: usize,
        table: &str,
        columns: &[Column],
        sink: &impl RowSink,
    ) -> Result<bool, Error> {
        match self {
            Self::Postgres(snapshot) => snapshot.read(at, table, columns, sink).await,
            Self::Sqlite(snapshot) => snapshot.read(table, columns, sink).await,
        }
    }

    /// Ends the snapshot's transaction.
    pub async fn end(self) {
        if let Self::Sqlite(snapshot) = self {
            snapshot.end().await;
        }
    }
}
