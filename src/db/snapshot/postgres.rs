//! Snapshot of PostgreSQL, read on one or two connections.
//!
//! The second connection imports the snapshot of the first, and locks the tables before any row is read. Both
//! connections read ranges of pages of one table at a time. Tables therefore remain in order: parents before children.

use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::StreamExt;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

use super::rows::{BLOCK_BYTES, RowSink, SnapshotRows, TableRowCount};
use crate::db::connection::texts;
use crate::db::dialect::{Export, SnapshotScope};
use crate::db::{Backend, Column, Connection, DatabaseUrl, Error, Row, binary_copy};

/// Pages that one statement reads. The number is large enough to hide the cost of a statement. It is small enough to
/// keep both connections busy until the end of a table.
const RANGE: u64 = 2048;
/// First server version that reads a range of pages without reading the pages before it.
const READS_RANGES: u32 = 140_000;

/// Transaction of the snapshot.
pub struct PostgresSnapshot {
    first: PgConnection,
    second: Option<PgConnection>,
    sizes: Vec<TableRowCount>,
}

impl PostgresSnapshot {
    pub(super) async fn begin(
        mut first: PgConnection,
        home: &str,
        url: &DatabaseUrl,
        tables: &[&str],
    ) -> Result<Self, Error> {
        let scope = SnapshotScope { tables, home, version: first.server_version_num() };
        let begin = Backend::Postgres.begin_snapshot(&scope);
        let sizes_of = Backend::Postgres.read_sizes(tables);
        query(&mut first, begin.clone()).await?;
        let sizes: Vec<TableRowCount> =
            query(&mut first, sizes_of).await?.into_iter().map(TableRowCount::from_row).collect();
        let reads_ranges = first.server_version_num().is_some_and(|version| version >= READS_RANGES);
        let mut second = None;
        if reads_ranges && sizes.iter().any(TableRowCount::is_large) {
            match query(&mut first, "SELECT pg_export_snapshot()".to_owned()).await {
                Ok(rows) => second = join(url, &scope, rows).await,
                Err(error) => {
                    tracing::debug!(%error, "the snapshot cannot be shared");
                    // the error also ended the transaction
                    query(&mut first, format!("ROLLBACK; {begin}")).await?;
                }
            }
        }
        Ok(Self { first, second, sizes })
    }

    pub(super) fn sizes(&self) -> &[TableRowCount] {
        &self.sizes
    }

    pub(super) async fn query(&mut self, sql: String) -> Result<Vec<Row>, Error> {
        query(&mut self.first, sql).await
    }

    pub(super) async fn read(
        &mut self,
        at: usize,
        table: &str,
        columns: &[Column],
        sink: &impl RowSink,
    ) -> Result<bool, Error> {
        let export = Export::of(table, columns);
        let size = self.sizes.get(at).copied().unwrap_or_default();
        match &mut self.second {
            Some(second) if size.is_large() && export.binary => {
                let ranges = Ranges { next: AtomicU64::new(0), end: size.pages };
                let one = read_ranges(&mut self.first, export, &ranges, sink);
                let other = read_ranges(second, export, &ranges, sink);
                tokio::try_join!(one, other).map(|(one, other)| one && other)
            }
            _ => read_all(&mut self.first, export, sink).await,
        }
    }
}

/// Reads a whole table on one connection, in its current transaction.
pub(in crate::db) async fn read_all(
    connection: &mut PgConnection,
    export: Export<'_>,
    sink: &impl RowSink,
) -> Result<bool, Error> {
    let mut block = Block::new(export.binary);
    let wanted = copy(connection, export.copy(), &mut block, sink).await?;
    Ok(wanted && block.finish(sink).await)
}

impl TableRowCount {
    fn is_large(&self) -> bool {
        self.pages >= 2 * RANGE
    }
}

/// Opens a second connection with the snapshot of the first; `None` if no connection is available.
async fn join(url: &DatabaseUrl, scope: &SnapshotScope<'_>, exported: Vec<Row>) -> Option<PgConnection> {
    let snapshot = exported.into_iter().flatten().flatten().next()?;
    let begin = Backend::Postgres.join_snapshot(&snapshot, scope);
    let joined = async {
        match Connection::open(url).await? {
            Connection::Postgres(mut second) => query(&mut second, begin).await.map(|_| Some(second)),
            Connection::Sqlite(_) => Ok(None),
        }
    };
    joined.await.unwrap_or_else(|error| {
        tracing::debug!(%error, "one connection reads alone");
        None
    })
}

async fn query(connection: &mut PgConnection, sql: String) -> Result<Vec<Row>, Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(connection).await?.iter().map(texts).collect()
}

/// Ranges of a table's pages that are not yet read.
struct Ranges {
    next: AtomicU64,
    end: u64,
}

impl Ranges {
    /// Returns the next range. The last range has no end, because pages may have been added before the snapshot was
    /// taken.
    fn next(&self) -> Option<(u64, Option<u64>)> {
        let from = self.next.fetch_add(RANGE, Ordering::Relaxed);
        let to = from + RANGE;
        (from < self.end).then_some((from, Some(to).filter(|to| *to < self.end)))
    }
}

async fn read_ranges(
    connection: &mut PgConnection,
    export: Export<'_>,
    ranges: &Ranges,
    sink: &impl RowSink,
) -> Result<bool, Error> {
    let mut block = Block::new(export.binary);
    let mut wanted = true;
    while let (true, Some((from, to))) = (wanted, ranges.next()) {
        wanted = copy(connection, export.copy_pages(from, to), &mut block, sink).await?;
    }
    Ok(wanted && block.finish(sink).await)
}

/// Runs a COPY into the block, and hands over full blocks. Returns true if more rows are wanted.
async fn copy(
    connection: &mut PgConnection,
    sql: String,
    block: &mut Block,
    sink: &impl RowSink,
) -> Result<bool, Error> {
    let mut messages = connection.copy_out_raw(&sql).await?;
    let mut first = true;
    // the server sends a message for each row
    while let Some(message) = messages.next().await {
        let message = message?;
        let row = match (block.binary, first) {
            (true, true) => binary_copy::after_header(&message)?,
            _ => &message,
        };
        first = false;
        if !(block.binary && binary_copy::is_trailer(row)) {
            block.bytes.extend_from_slice(row);
        }
        if block.bytes.len() >= block.full && !sink.take(block.take()).await {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Rows that are collected into a block.
struct Block {
    bytes: Vec<u8>,
    binary: bool,
    full: usize,
}

impl Block {
    fn new(binary: bool) -> Self {
        // rows are longer after they are printed
        Self { bytes: Vec::new(), binary, full: if binary { BLOCK_BYTES / 4 * 3 } else { BLOCK_BYTES } }
    }

    fn take(&mut self) -> SnapshotRows {
        let bytes = std::mem::replace(&mut self.bytes, Vec::with_capacity(self.full + self.full / 8));
        if self.binary { SnapshotRows::Tuples(bytes) } else { SnapshotRows::Lines(bytes) }
    }

    async fn finish(mut self, sink: &impl RowSink) -> bool {
        self.bytes.is_empty() || sink.take(self.take()).await
    }
}
