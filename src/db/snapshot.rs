//! Consistent snapshot of all tables, read in blocks of rows.

pub(super) mod postgres;
pub(super) mod sqlite;

use super::binary_copy;
use super::{Column, Connection, DatabaseUrl, DbErrorKind, Error, Row};

/// Rows of one table, about [`BLOCK_BYTES`] bytes, in the format of the engine.
#[derive(Debug)]
pub enum SnapshotRows {
    /// Rows as lines, as a backup stores them.
    Lines(Vec<u8>),
    /// Rows in PostgreSQL's binary format. They are converted to lines where time allows it.
    Tuples(Vec<u8>),
}

/// Receiver of rows that a snapshot reads.
pub trait RowSink: Sync {
    /// Accepts rows, in any order within a table. Returns true if more rows are wanted.
    fn take(&self, rows: SnapshotRows) -> impl Future<Output = bool> + Send;
}

/// Approximate size of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TableRowCount {
    /// Estimated number of rows.
    pub rows: u64,
    /// Number of pages of the table without its indexes; 0 if it is not known.
    pages: u64,
}

/// Size of a block of rows, in bytes.
pub const BLOCK_BYTES: usize = 1 << 20;

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

impl TableRowCount {
    fn from_row(row: Row) -> Self {
        let mut numbers = row.into_iter().map(|text| text.and_then(|text| text.parse().ok()).unwrap_or_default());
        Self { rows: numbers.next().unwrap_or_default(), pages: numbers.next().unwrap_or_default() }
    }
}

impl SnapshotRows {
    /// Appends the rows as lines, each with its line ending in a backup.
    ///
    /// # Errors
    /// Returns an error if the rows do not have these columns.
    pub fn print(&self, columns: &[Column], lines: &mut Vec<u8>) -> Result<(), Error> {
        match self {
            Self::Lines(bytes) => lines.extend_from_slice(bytes),
            Self::Tuples(bytes) => binary_copy::print(bytes, columns, lines)?,
        }
        Ok(())
    }
}

impl From<binary_copy::Malformed> for Error {
    fn from(_: binary_copy::Malformed) -> Self {
        Self::new(DbErrorKind::Refused, "the server sent rows that are not of these columns")
    }
}
