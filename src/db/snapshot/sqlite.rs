//! Snapshot of SQLite, read by a thread that sends blocks of rows. The driver used elsewhere sends every row from
//! thread to thread.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use rusqlite::OpenFlags;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::rows::{BLOCK_BYTES, RowSink, SnapshotRows, TableRowCount};
use crate::db::connection_options::{check_file, is_immutable, plain_name};
use crate::db::dialect::{Export, SnapshotScope};
use crate::db::url::{DatabaseTarget, SqliteMode, SqliteTarget};
use crate::db::{Backend, Column, DatabaseUrl, DbErrorKind, Error, Row, sqlite_literals};

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
        sqlite_literals::print(row, columns, &mut quote, &mut lines)?;
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
