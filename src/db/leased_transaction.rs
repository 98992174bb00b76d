//! Transaction on a leased connection. It is rolled back if it is dropped.
//!
//! sqlx's own transaction is not used. It returns its connection to sqlx's pool, which sends one more statement. If its
//! beginning is cancelled, it returns a connection on which the server may have begun a transaction.

use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use tokio::runtime::Handle;
use tracing::instrument::WithSubscriber as _;
use tracing::subscriber::NoSubscriber;

use super::kept_connections::LeasedConnection;

/// Transaction, or the attempt to begin one. The connection is `None` after the end.
pub(super) struct LeasedTransaction(Option<LeasedConnection>);

impl LeasedTransaction {
    /// Begins a transaction with this statement.
    pub(super) async fn begin(connection: LeasedConnection, statement: String) -> Result<Self, sqlx::Error> {
        let mut transaction = Self(Some(connection));
        transaction.run(statement).await?;
        Ok(transaction)
    }

    /// Returns the connection for a statement.
    pub(super) fn connection(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        self.0.as_deref_mut().ok_or(sqlx::Error::PoolClosed)
    }

    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        self.end("COMMIT").await
    }

    pub(super) async fn rollback(self) -> Result<(), sqlx::Error> {
        self.end("ROLLBACK").await
    }

    async fn end(mut self, statement: &str) -> Result<(), sqlx::Error> {
        self.run(statement.to_owned()).await?;
        if let Some(connection) = self.0.take() {
            connection.complete();
        }
        Ok(())
    }

    async fn run(&mut self, statement: String) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(self.connection()?).await?;
        Ok(())
    }
}

impl Drop for LeasedTransaction {
    fn drop(&mut self) {
        let Some(connection) = self.0.take() else { return };
        match Handle::try_current() {
            // the server warns if the transaction has not begun, or has ended
            Ok(runtime) => drop(runtime.spawn(roll_back(connection).with_subscriber(NoSubscriber::default()))),
            // the runtime has ended; the server rolls back
            Err(_) => connection.discard(),
        }
    }
}

/// Waits for the answer of a cancelled statement, if there is one, and rolls back. If this fails, the connection is
/// closed, and the server rolls back.
async fn roll_back(mut connection: LeasedConnection) {
    match sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await {
        Ok(_) => connection.complete(),
        Err(_) => connection.discard(),
    }
}
