//! A connection for statements that may run for hours and cannot run in a transaction.
//!
//! Its settings last as long as the session: a `SET LOCAL` would end with the first COMMIT inside such a statement. Behind
//! a transaction-pooling PgBouncer they may not reach the connection that runs the statement; the documents say to migrate
//! over a direct connection.

use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Postgres};

use super::error::Error;
use super::pinned;
use super::pool::Pool;

/// The session. Its settings are reset when it is released.
pub(crate) struct NoTimeoutSession(PoolConnection<Postgres>);

impl NoTimeoutSession {
    /// Takes a connection of a PostgreSQL pool, lifts every limit of time, and acts as the owner of our tables.
    ///
    /// # Errors
    /// What the server said.
    pub(crate) async fn begin(pool: &Pool) -> Result<Self, Error> {
        let mut session = Self(pool.orm().get_postgres_connection_pool().acquire().await?);
        session.execute(&pinned::session_without_limits()).await?;
        session.execute(&pinned::assume_owner_of_session()).await?;
        Ok(session)
    }

    /// Runs statements made of names and numbers that the program knows; how many rows they changed or found.
    ///
    /// # Errors
    /// What the server said.
    pub(crate) async fn execute(&mut self, sql: &str) -> Result<u64, Error> {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        Ok(sql.execute(&mut *self.0).await?.rows_affected())
    }

    /// Gives the connection back, with the limits of the role.
    pub(crate) async fn release(mut self) {
        if let Err(error) = self.execute(&pinned::reset_session()).await {
            tracing::debug!(%error, "the session's settings were not reset; it is given up");
        }
        // what a session had set must not reach the next transaction
        drop(self.0.detach());
    }
}
