//! Parses a backup from memory, for tests and the fuzzer, without files or a database.

use std::io::Cursor;
use std::sync::Arc;

use super::content;
use super::progress::BackupProgress;
use super::reader::{BackupReader, FileItem};
use super::row;
use super::source::Text;
use super::unreadable::Unreadable;
use super::verify;
use crate::db::{Backend, Column, ColumnType, RowParser, copy_text};
use crate::migrate;

/// Returns the number of rows in a file that a restore would accept. The file is read to its end and compared with its
/// last line. Then each row is parsed again, as in a restore.
///
/// # Errors
/// Returns the reason as text if the file is refused.
pub fn parse_only(bytes: &[u8]) -> Result<u64, String> {
    let text = || Text::new(Box::new(Cursor::new(bytes.to_vec()))).map_err(shown);
    let progress: Arc<dyn BackupProgress> = Arc::new(());
    let content = content::read(text()?, None, &progress).map_err(shown)?;
    if let Some(reason) = verify::against_footer(&content).pop() {
        return Err(reason);
    }
    let typed = migrate::version_after(content.schema_version.number, Backend::Postgres);
    let kind = |table: &str, name: &str| {
        let columns = typed.tables.iter().find(|known| known.name == table).map(|known| known.columns.as_slice());
        columns.unwrap_or_default().iter().find(|column| column.name == name).map(|column| column.kind)
    };
    let parse = parse_of(content.backend);
    let mut reader = BackupReader::open(text()?).map_err(shown)?;
    let mut columns: Option<Vec<Column>> = None;
    loop {
        match (reader.next().map_err(shown)?, &columns) {
            (FileItem::Table(table, names), _) => {
                let known = content.tables.iter().any(|found| found.name == table);
                let column = |name: String| Column { kind: kind(&table, &name).unwrap_or(ColumnType::Text), name };
                columns = known.then(|| names.into_iter().map(column).collect());
            }
            (FileItem::Row(row), Some(columns)) => {
                let values = parse(row, columns)?;
                row::canonical(&values, columns);
                // some SQLite values have no PostgreSQL form
                let _ = copy_text::print(&values, columns, &mut Vec::new());
            }
            (FileItem::End(_), _) => return Ok(content.rows()),
            (FileItem::Row(_), None) | (FileItem::Sequence(_), _) => {}
        }
    }
}

/// Converts a row of an engine's file. Returns it as a line of COPY's text format and in the canonical form for
/// comparison.
///
/// # Errors
/// Returns the reason as text if the row cannot be parsed or converted.
pub fn convert_row(row: &[u8], from: Backend, columns: &[Column]) -> Result<(Vec<u8>, Vec<u8>), String> {
    let values = parse_of(from)(row, columns)?;
    let mut line = Vec::new();
    copy_text::print(&values, columns, &mut line)?;
    Ok((line, row::canonical(&values, columns)))
}

fn parse_of(backend: Backend) -> RowParser {
    backend.pick(row::of_copy, row::of_literals)
}

fn shown(error: Unreadable) -> String {
    error.to_string()
}
