//! Connection for statements that may run for hours and cannot run in a transaction.
//!
//! Its settings last as long as the session, because a `SET LOCAL` would end with the first COMMIT inside such a
//! statement. Behind a transaction-pooling PgBouncer they may not reach the connection that runs the statement. The
//! documents therefore require a direct connection for migrations.

use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Postgres};

use super::error::Error;
use super::pinned_settings;
use super::pool::Pool;

/// Session without time limits. Its settings are reset when it is released.
pub(crate) struct NoTimeoutSession(PoolConnection<Postgres>);

impl NoTimeoutSession {
    /// Takes a connection of a PostgreSQL pool, lifts every time limit, and acts as the owner of the program's tables.
    ///
    /// # Errors
    /// Returns an error if the server does not answer or rejects a statement.
    pub(crate) async fn begin(pool: &Pool) -> Result<Self, Error> {
        let mut session = Self(pool.orm().get_postgres_connection_pool().acquire().await?);
        session.execute(&pinned_settings::session_without_limits()).await?;
        session.execute(&pinned_settings::assume_owner_of_session()).await?;
        Ok(session)
    }

    /// Runs statements that contain only names and numbers which the program knows. Returns how many rows they changed
    /// or found.
    ///
    /// # Errors
    /// Returns an error if the server does not answer or rejects a statement.
    pub(crate) async fn execute(&mut self, sql: &str) -> Result<u64, Error> {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        Ok(sql.execute(&mut *self.0).await?.rows_affected())
    }

    /// Resets the settings and closes the connection.
    pub(crate) async fn release(mut self) {
        if let Err(error) = self.execute(&pinned_settings::reset_session()).await {
            tracing::debug!(%error, "the session's settings were not reset; it is given up");
        }
        // settings of the session must not reach the next transaction
        drop(self.0.detach());
    }
}
