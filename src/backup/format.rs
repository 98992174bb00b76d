//! The text of a backup: its first and last lines, and what stands around the rows.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::writer::TableDigest;
use crate::db::Backend;
use crate::migrate::{Schema, Table};

/// Version of the format. A program refuses files with a higher one.
pub const FORMAT: u32 = 1;
/// Starts the first line; a JSON [`Header`] follows.
pub(super) const FIRST: &str = "-- authsvc backup ";
/// The line between schema and rows.
pub(super) const DATA: &str = "-- authsvc data";
/// Starts the last line; a JSON [`Footer`] follows.
pub(super) const LAST: &str = "-- authsvc end ";
/// Rows of a block, in bytes: the unit of compression and of the `COPY` that `psql` sees.
pub(super) const BLOCK: usize = 1 << 20;

/// What the first line says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`]
    pub format: u32,
    /// `postgres` or `sqlite`
    pub backend: String,
    /// When the snapshot was taken.
    pub created_at: DateTime<Utc>,
    /// The newest applied migration.
    pub migration: String,
    /// The server's version.
    pub version: String,
    /// The program that made it.
    pub app_version: String,
}

/// What the last line says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Footer {
    pub(super) tables: Vec<TableDigest>,
}

/// A value of a sequence: its name, value, and whether that was given out already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sequence {
    pub(super) name: String,
    pub(super) value: i64,
    pub(super) used: bool,
}

impl Sequence {
    /// The table whose ids it counts.
    pub(super) fn table(&self) -> &str {
        self.name.strip_suffix("_id_seq").unwrap_or(&self.name)
    }
}

/// Everything before the first row.
pub(super) fn prelude(header: &str, schema: &Schema, backend: Backend) -> String {
    let mut text = format!("{FIRST}{header}\n");
    text.push_str(backend.pick(
        "-- restore into an empty database: gunzip -c FILE | psql -X -v ON_ERROR_STOP=1 -d DATABASE\n\
         SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\nSET client_min_messages = warning;\n\
         SET TimeZone = 'UTC';\nSET statement_timeout = 0;\n",
        "-- restore into a new file: gunzip -c FILE | sqlite3 -bail NEW.db\nPRAGMA foreign_keys = OFF;\n",
    ));
    text.push_str("BEGIN;\n");
    text.push_str(&schema.sql);
    text.push_str(&triggers(schema, backend, "DISABLE"));
    text.push_str(DATA);
    text.push('\n');
    text
}

/// Everything after the last row, but the last line.
pub(super) fn epilogue(schema: &Schema, sequences: &[Sequence], backend: Backend) -> String {
    let mut text = triggers(schema, backend, "ENABLE");
    for Sequence { name, value, used } in sequences {
        text.push_str(&backend.set_sequence(name, *value, *used));
    }
    text.push_str("COMMIT;\n");
    text
}

/// Rows go in as they are: a trigger that changes or copies them has done so before they were backed up.
fn triggers(schema: &Schema, backend: Backend, word: &str) -> String {
    let statement = |table: &Table| format!("ALTER TABLE {} {word} TRIGGER USER;\n", table.name);
    backend.pick(schema.tables.iter().map(statement).collect(), String::new())
}

/// The line before a block of rows.
pub(super) fn open(table: &Table, backend: Backend) -> String {
    let (name, columns) = (&table.name, table.column_list());
    backend.pick(format!("COPY {name} ({columns}) FROM stdin;\n"), format!("INSERT INTO {name} ({columns}) VALUES\n"))
}

/// Rows, a line each, as the block they make.
pub(super) fn block(open: &str, lines: &[u8], backend: Backend) -> Vec<u8> {
    let mut block = Vec::with_capacity(open.len() + lines.len() + lines.len() / 64 + 8);
    block.extend_from_slice(open.as_bytes());
    match backend {
        Backend::Postgres => {
            block.extend_from_slice(lines);
            block.extend_from_slice(b"\\.\n");
        }
        Backend::Sqlite => {
            for line in lines.split_inclusive(|byte| *byte == b'\n') {
                block.extend_from_slice(&line[..line.len() - 1]);
                block.extend_from_slice(b",\n");
            }
            let end = block.len() - 2;
            block[end] = b';';
        }
    }
    block
}
