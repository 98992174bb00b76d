//! Snapshot of SQLite, read by a thread that sends blocks of rows. The driver used elsewhere sends every row from
//! thread to thread.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use rusqlite::types::ValueRef;
use rusqlite::{OpenFlags, Statement};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::{BLOCK_BYTES, RowSink, SnapshotRows, TableRowCount};
use crate::db::connection_options::{check_file, is_immutable, plain_name};
use crate::db::dialect::{Backend, Export, SnapshotScope};
use crate::db::url::{DatabaseTarget, SqliteMode, SqliteTarget};
use crate::db::{Column, DatabaseUrl, DbErrorKind, Error, Row};

/// Maximum number of blocks in the queue.
const QUEUE: usize = 2;

/// Transaction of the snapshot.
pub struct SqliteSnapshot {
    connection: Arc<Mutex<rusqlite::Connection>>,
    sizes: Vec<TableRowCount>,
}

impl SqliteSnapshot {
    pub(super) async fn begin(url: &DatabaseUrl, tables: &[&str]) -> Result<Self, Error> {
        let DatabaseTarget::Sqlite(target) = url.target() else {
            return Err(Error::new(DbErrorKind::CannotOpen, "is not a SQLite file"));
        };
        let connection = open(target)?;
        let scope = SnapshotScope { tables, home: "", version: None };
        connection.execute_batch(&Backend::Sqlite.begin_snapshot(&scope))?;
        let sizes =
            rows(&connection, &Backend::Sqlite.read_sizes(tables))?.into_iter().map(TableRowCount::from_row).collect();
        Ok(Self { connection: Arc::new(Mutex::new(connection)), sizes })
    }

    pub(super) fn sizes(&self) -> &[TableRowCount] {
        &self.sizes
    }

    pub(super) async fn query(&mut self, sql: String) -> Result<Vec<Row>, Error> {
        blocking(&self.connection, move |connection| rows(connection, &sql)).await
    }

    pub(super) async fn read(&mut self, table: &str, columns: &[Column], sink: &impl RowSink) -> Result<bool, Error> {
        read_all(&self.connection, Export::of(table, columns), sink).await
    }

    pub(super) async fn end(self) {
        // the last connection that closes writes the log back, which may take time
        let closed = spawn_blocking(move || drop(self)).await;
        tracing::debug!(?closed, "the snapshot ended");
    }
}

/// Reads a whole table in the current transaction of the connection.
pub(in crate::db) async fn read_all(
    connection: &Arc<Mutex<rusqlite::Connection>>,
    export: Export<'_>,
    sink: &impl RowSink,
) -> Result<bool, Error> {
    let sql = export.select();
    let (blocks, mut read) = mpsc::channel(QUEUE);
    let reading = blocking(connection, move |connection| send_rows(connection, &sql, &blocks));
    let passing_on = async {
        let mut wanted = true;
        while let (true, Some(rows)) = (wanted, read.recv().await) {
            wanted = sink.take(rows).await;
        }
        // the thread stops when the receiver is dropped
        drop(read);
        wanted
    };
    let (read, wanted) = tokio::join!(reading, passing_on);
    read.map(|()| wanted)
}

/// Runs blocking work on a connection in a separate thread.
async fn blocking<T: Send + 'static>(
    connection: &Arc<Mutex<rusqlite::Connection>>,
    work: impl FnOnce(&rusqlite::Connection) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let connection = Arc::clone(connection);
    let done = spawn_blocking(move || work(&connection.lock().unwrap_or_else(PoisonError::into_inner))).await;
    done.unwrap_or_else(|_| Err(Error::new(DbErrorKind::Refused, "the reading thread ended unexpectedly")))
}

/// Opens the file as the other modules do, but never writes to it.
fn open(target: &SqliteTarget) -> Result<rusqlite::Connection, Error> {
    check_file(target)?;
    let access = match target.mode {
        SqliteMode::ReadOnly => OpenFlags::SQLITE_OPEN_READ_ONLY,
        // a log that a crash has left can be read only with the right to write
        SqliteMode::ReadWrite | SqliteMode::Create => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = if is_immutable(target) {
        rusqlite::Connection::open_with_flags(immutable(&target.path), flags | OpenFlags::SQLITE_OPEN_URI)?
    } else {
        rusqlite::Connection::open_with_flags(plain_name(&target.path), flags)?
    };
    connection.busy_timeout(Duration::from_secs(5))?;
    Ok(connection)
}

fn immutable(path: &Path) -> String {
    format!("file:{}?immutable=1", percent_encode(path.as_os_str().as_encoded_bytes(), NON_ALPHANUMERIC))
}

fn rows(connection: &rusqlite::Connection, sql: &str) -> Result<Vec<Row>, Error> {
    let mut statement = connection.prepare(sql)?;
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (0..columns).map(|at| row.get(at)).collect::<Result<Row, _>>())?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Sends every row of a query as a line of literals.
fn send_rows(connection: &rusqlite::Connection, sql: &str, blocks: &mpsc::Sender<SnapshotRows>) -> Result<(), Error> {
    let mut statement = connection.prepare(sql)?;
    let mut quote = connection.prepare(Backend::Sqlite.quote_number())?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        lines.push(b'(');
        for at in 0..columns {
            if at > 0 {
                lines.push(b',');
            }
            literal(row.get_ref(at)?, &mut quote, &mut lines)?;
        }
        lines.extend_from_slice(b"),\n");
        if lines.len() >= BLOCK_BYTES {
            let full = std::mem::replace(&mut lines, Vec::with_capacity(BLOCK_BYTES + BLOCK_BYTES / 8));
            if blocks.blocking_send(SnapshotRows::Lines(full)).is_err() {
                return Ok(());
            }
        }
    }
    if !lines.is_empty() {
        let _ = blocks.blocking_send(SnapshotRows::Lines(lines));
    }
    Ok(())
}

/// Appends a value as SQLite's `quote` prints it. A line feed in a text becomes `'||char(10)||'`, because it would end
/// the line. A NUL becomes `'||char(0)||'`. A text that is not UTF-8 becomes `CAST(X'…' AS TEXT)`.
fn literal(value: ValueRef<'_>, quote: &mut Statement<'_>, line: &mut Vec<u8>) -> Result<(), Error> {
    match value {
        ValueRef::Null => line.extend_from_slice(b"NULL"),
        ValueRef::Integer(number) => line.extend_from_slice(number.to_string().as_bytes()),
        // SQLite decides how many digits a number needs
        ValueRef::Real(number) => {
            line.extend_from_slice(quote.query_one([number], |row| row.get::<_, String>(0))?.as_bytes())
        }
        ValueRef::Text(text) if std::str::from_utf8(text).is_err() => {
            line.extend_from_slice(b"CAST(");
            blob(text, line);
            line.extend_from_slice(b" AS TEXT)");
        }
        ValueRef::Text(text) => quoted(text, line),
        ValueRef::Blob(bytes) => blob(bytes, line),
    }
    Ok(())
}

/// Appends bytes as hexadecimal digits.
fn blob(bytes: &[u8], line: &mut Vec<u8>) {
    line.extend_from_slice(b"X'");
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    line.extend(digits.map(|digit| b"0123456789ABCDEF"[usize::from(digit)]));
    line.push(b'\'');
}

/// Appends a text in quotes. A line feed or NUL, which a quoted text cannot contain, is concatenated to it.
fn quoted(text: &[u8], line: &mut Vec<u8>) {
    let special = |byte: u8| (byte == b'\'') | (byte == b'\n') | (byte == 0);
    line.push(b'\'');
    // nearly every text has no such byte; a loop without branches checks many bytes at a time
    if text.iter().fold(false, |found, byte| found | special(*byte)) {
        for &byte in text {
            match byte {
                b'\'' => line.extend_from_slice(b"''"),
                b'\n' => line.extend_from_slice(b"'||char(10)||'"),
                0 => line.extend_from_slice(b"'||char(0)||'"),
                _ => line.push(byte),
            }
        }
    } else {
        line.extend_from_slice(text);
    }
    line.push(b'\'');
}
