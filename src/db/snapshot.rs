//! One point in time over all tables, read as blocks of rows.

pub(super) mod postgres;
pub(super) mod sqlite;

use super::binary_copy;
use super::{Column, Connection, DatabaseUrl, DbErrorKind, Error, Row};

/// Rows of one table, about [`BLOCK_BYTES`] bytes of them, as the engine gave them.
#[derive(Debug)]
pub enum SnapshotRows {
    /// A line each, as they are in a backup.
    Lines(Vec<u8>),
    /// Of PostgreSQL's binary format. They become lines where there is time for it.
    Tuples(Vec<u8>),
}

/// Where rows go.
pub trait RowSink: Sync {
    /// Takes some, in any order within a table. Whether more are wanted.
    fn take(&self, rows: SnapshotRows) -> impl Future<Output = bool> + Send;
}

/// About how large a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TableRowCount {
    /// Rows, an estimate.
    pub rows: u64,
    /// Pages of the table, without indexes; 0 where they are not told.
    pages: u64,
}

/// Bytes of a block of rows.
pub const BLOCK_BYTES: usize = 1 << 20;

/// A read-only transaction that sees one state of every table.
pub enum Snapshot {
    /// On one or two connections.
    Postgres(postgres::PostgresSnapshot),
    /// On a connection that a thread reads from.
    Sqlite(sqlite::SqliteSnapshot),
}

impl Snapshot {
    /// Begins it. On PostgreSQL every table is locked against being truncated or dropped first: a snapshot alone does not
    /// stop that. A large database is read on a second connection as well, if there is one to be had.
    ///
    /// # Errors
    /// A table that cannot be locked in ten seconds or not at all, or what else the database said.
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

    /// About how large each of the tables is, in their order.
    pub fn sizes(&self) -> &[TableRowCount] {
        match self {
            Self::Postgres(snapshot) => snapshot.sizes(),
            Self::Sqlite(snapshot) => snapshot.sizes(),
        }
    }

    /// Runs a query inside the snapshot. Every column must be text.
    ///
    /// # Errors
    /// What the database said.
    pub async fn query(&mut self, sql: impl Into<String>) -> Result<Vec<Row>, Error> {
        match self {
            Self::Postgres(snapshot) => snapshot.query(sql.into()).await,
            Self::Sqlite(snapshot) => snapshot.query(sql.into()).await,
        }
    }

    /// Reads every row of a table, until the sink wants no more; whether it still does. `at` is the table's place among
    /// all of them.
    ///
    /// # Errors
    /// What the database said.
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

    /// Ends it.
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
    /// Appends the rows as lines, each with what ends it in a backup.
    ///
    /// # Errors
    /// The server sent something else than these columns.
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
