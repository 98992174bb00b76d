//! Text format of a backup: first line, last line, and the SQL around the rows.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::row_digest::{RowDigest, TableDigest};
use crate::db::{self, Backend, SnapshotRows};
use crate::migrate::{IDENTITY_TABLE, Schema, SchemaTable};

/// Version of the format. Files with a higher version are refused.
pub const FORMAT: u32 = 1;
/// Start of the first line, before the JSON [`Header`].
pub(super) const FIRST: &str = "-- authsvc backup ";
/// Line between the schema and the rows.
pub(super) const DATA: &str = "-- authsvc data";
/// Start of the last line, before the JSON [`Footer`].
pub(super) const LAST: &str = "-- authsvc end ";

/// Content of the first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Format version of the file, see [`FORMAT`].
    pub format: u32,
    /// Database engine: `postgres` or `sqlite`.
    pub backend: String,
    /// Time of the snapshot, in UTC.
    pub created_at: DateTime<Utc>,
    /// Random id of the database. `None` in files from before migration 011.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_id: Option<String>,
    /// Name of the newest applied migration.
    pub migration: String,
    /// Version of the database server.
    pub version: String,
    /// Version of authsvc that made the file.
    pub app_version: String,
}

/// Content of the last line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Footer {
    pub(super) tables: Vec<TableDigest>,
}

/// State of a sequence: its name, its value, and whether that value was already given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sequence {
    pub(super) name: String,
    pub(super) value: i64,
    pub(super) used: bool,
}

impl Sequence {
    /// Table whose ids the sequence counts.
    pub(super) fn table(&self) -> &str {
        self.name.strip_suffix("_id_seq").unwrap_or(&self.name)
    }
}

/// Text before the first row: first line, settings, schema and disabled triggers.
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
        // the migration inserted an identity; the row of this database follows with the other rows
        text.push_str(&format!("DELETE FROM {IDENTITY_TABLE};\n"));
    }
    text.push_str(&triggers(schema, backend, "DISABLE"));
    text.push_str(DATA);
    text.push('\n');
    text
}

/// Text between the last row and the last line: triggers, sequences and COMMIT.
pub(super) fn epilogue(schema: &Schema, sequences: &[Sequence], backend: Backend) -> String {
    let mut text = triggers(schema, backend, "ENABLE");
    for Sequence { name, value, used } in sequences {
        text.push_str(&backend.set_sequence(name, *value, *used));
    }
    text.push_str("COMMIT;\n");
    text
}

/// Switches user triggers off or on, so that rows load unchanged. Triggers already ran before the rows were backed up.
fn triggers(schema: &Schema, backend: Backend, word: &str) -> String {
    let statement = |table: &SchemaTable| format!("ALTER TABLE {} {word} TRIGGER USER;\n", table.name);
    backend.pick(schema.tables.iter().map(statement).collect(), String::new())
}

/// Appends the rows as one block of SQL and returns their digest.
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
    let row_end = SnapshotRows::row_end(backend).len();
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
