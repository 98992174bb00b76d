//! Rows that a snapshot reads, and their receiver.

use crate::db::{Backend, Column, DbErrorKind, Error, Row, binary_copy, copy_text, sqlite_literals};

/// Rows of one table, about [`BLOCK_BYTES`] bytes, in the format of the engine.
#[derive(Debug)]
pub enum SnapshotRows {
    /// Rows as text: lines of `copy_text`, or of `sqlite_literals` on SQLite.
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
    pub(super) pages: u64,
}

/// Size of a block of rows, in bytes.
pub const BLOCK_BYTES: usize = 1 << 20;

impl TableRowCount {
    pub(super) fn from_row(row: Row) -> Self {
        let mut numbers = row.into_iter().map(|text| text.and_then(|text| text.parse().ok()).unwrap_or_default());
        Self { rows: numbers.next().unwrap_or_default(), pages: numbers.next().unwrap_or_default() }
    }
}

impl SnapshotRows {
    /// Bytes that end each printed row.
    pub fn row_end(backend: Backend) -> &'static [u8] {
        backend.pick(copy_text::ROW_END, sqlite_literals::ROW_END)
    }

    /// Appends the rows as text, each with its end.
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
