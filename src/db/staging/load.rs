//! Input of a load, and the error of a row that the database refuses.

use std::fmt;

use crate::db::{Column, Error, Value};

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
    pub(super) fn column_list(&self) -> String {
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

/// Blocks that one COPY has sent, for finding the line of a row by its number.
#[derive(Default)]
pub(super) struct SentBlocks(Vec<SentBlock>);

struct SentBlock {
    first_line: u64,
    rows: u64,
}

impl SentBlocks {
    /// Records the block that is sent next.
    pub(super) fn push(&mut self, block: &LoadBlock) {
        let rows = memchr::memchr_iter(b'\n', &block.lines).count() as u64;
        self.0.push(SentBlock { first_line: block.first_line, rows });
    }

    /// Returns the line of the file that contains this row, from 1.
    pub(super) fn line(&self, row: u64) -> Option<u64> {
        let mut before = 0;
        for block in &self.0 {
            if row > before && row <= before + block.rows {
                return Some(block.first_line + (row - before - 1));
            }
            before += block.rows;
        }
        None
    }
}

/// Refused row, with the parts of its location that are known.
#[derive(Debug, Clone, Default)]
pub(super) struct RefusedRow {
    /// Name of the table.
    pub(super) table: Option<String>,
    /// Location of the row, such as `line 12 of the file` or ``the row with `id` 5``.
    pub(super) row: Option<String>,
    /// Columns or expressions of the constraint, or the column of the value.
    pub(super) columns: Option<String>,
    /// Name of the violated constraint.
    pub(super) constraint: Option<String>,
}

impl fmt::Display for RefusedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(table) = &self.table else { return Ok(()) };
        write!(f, "loading `{table}`")?;
        if let Some(row) = &self.row {
            write!(f, ", {row}")?;
        }
        if let Some(columns) = &self.columns {
            write!(f, ", column `{columns}`")?;
        }
        if let Some(constraint) = &self.constraint {
            write!(f, ", constraint `{constraint}`")?;
        }
        f.write_str(": ")
    }
}

impl RefusedRow {
    /// Builds the location of a row at a line of the file.
    pub(super) fn at_line(table: &str, line: u64) -> Self {
        Self { table: Some(table.to_owned()), row: Some(format!("line {line} of the file")), ..Self::default() }
    }
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
    pub(super) fn at(place: RefusedRow, source: Error) -> Self {
        Self { place: Box::new(place), source }
    }

    pub(super) fn anywhere(source: Error) -> Self {
        Self::at(RefusedRow::default(), source)
    }

    pub(super) fn in_table(table: &str, source: Error) -> Self {
        Self::at(RefusedRow { table: Some(table.to_owned()), ..RefusedRow::default() }, source)
    }
}
