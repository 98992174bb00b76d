//! The text of a backup: its first and last lines, and what stands around the rows.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::row_digest::{RowDigest, TableDigest};
use crate::db::{self, Backend, SnapshotRows};
use crate::migrate::{IDENTITY_TABLE, Schema, SchemaTable};

/// Version of the format. A program refuses files with a higher one.
pub const FORMAT: u32 = 1;
/// Starts the first line; a JSON [`Header`] follows.
pub(super) const FIRST: &str = "-- authsvc backup ";
/// The line between schema and rows.
pub(super) const DATA: &str = "-- authsvc data";
/// Starts the last line; a JSON [`Footer`] follows.
pub(super) const LAST: &str = "-- authsvc end ";

/// What the first line says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`]
    pub format: u32,
    /// `postgres` or `sqlite`
    pub backend: String,
    /// When the snapshot was taken.
    pub created_at: DateTime<Utc>,
    /// Random id of the database; `None` in files from before migration 011.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_id: Option<String>,
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
    if schema.tables.iter().any(|table| table.name == IDENTITY_TABLE) {
        // the migration has made a row; that of this database is among the rows that follow
        text.push_str(&format!("DELETE FROM {IDENTITY_TABLE};\n"));
    }
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
    let statement = |table: &SchemaTable| format!("ALTER TABLE {} {word} TRIGGER USER;\n", table.name);
    backend.pick(schema.tables.iter().map(statement).collect(), String::new())
}

/// Appends rows as the block they make; their digest.
pub(super) fn block(
    table: &SchemaTable,
    rows: &SnapshotRows,
    backend: Backend,
    text: &mut Vec<u8>,
) -> Result<RowDigest, db::Error> {
    let (name, columns) = (&table.name, table.column_list());
    let open = backend
        .pick(format!("COPY {name} ({columns}) FROM stdin;\n"), format!("INSERT INTO {name} ({columns}) VALUES\n"));
    text.extend_from_slice(open.as_bytes());
    rows.print(&table.columns, text)?;
    let row_end = backend.pick("\n", ",\n").len();
    let mut digest = RowDigest::default();
    let mut begin = open.len();
    for feed in memchr::memchr_iter(b'\n', &text[open.len()..]) {
        let end = open.len() + feed + 1;
        digest.add(&text[begin..end - row_end]);
        begin = end;
    }
    if backend == Backend::Sqlite {
        text.truncate(text.len() - row_end);
    }
    text.extend_from_slice(backend.pick(b"\\.\n", b";\n"));
    Ok(digest)
}
