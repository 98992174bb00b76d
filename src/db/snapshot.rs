//! One point in time over all tables, read as a stream of rows.

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use sqlx::{AssertSqlSafe, Row as _};

use super::{Connection, Error, Row};

/// Rows as lines; a chunk holds whole lines without the last line feed.
pub type RowStream<'a> = BoxStream<'a, Result<Bytes, Error>>;

/// A read-only transaction that sees one state of every table.
pub struct Snapshot {
    connection: Connection,
}

impl Snapshot {
    /// Begins it. On PostgreSQL every table is locked against being truncated or dropped first: a snapshot alone does not
    /// stop that.
    ///
    /// # Errors
    /// A table that cannot be locked in ten seconds or not at all, or what else the database said.
    pub async fn begin(mut connection: Connection, tables: &[&str]) -> Result<Self, Error> {
        let sql = connection.backend().begin_snapshot(tables);
        connection.execute(sql).await?;
        Ok(Self { connection })
    }

    /// Runs a fixed query inside the snapshot.
    ///
    /// # Errors
    /// What the database said.
    pub async fn query(&mut self, sql: &'static str) -> Result<Vec<Row>, Error> {
        self.connection.query(sql).await
    }

    /// Streams what an export statement gives.
    ///
    /// # Errors
    /// What the database said, at once or in the stream.
    pub async fn rows(&mut self, sql: String) -> Result<RowStream<'_>, Error> {
        match &mut self.connection {
            Connection::Postgres(connection) => {
                let stream = connection.copy_out_raw(&sql).await?;
                Ok(stream.map(|chunk| Ok(chunk.map(|line| line.slice(..line.len().saturating_sub(1)))?)).boxed())
            }
            Connection::Sqlite(connection) => {
                let stream = sqlx::raw_sql(AssertSqlSafe(sql)).fetch(connection);
                Ok(stream.map(|row| Ok(Bytes::from(row?.try_get::<String, _>(0)?))).boxed())
            }
        }
    }

    /// Ends it.
    pub async fn end(self) {
        self.connection.leave().await;
    }
}
