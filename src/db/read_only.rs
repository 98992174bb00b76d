//! Finds why a PostgreSQL server accepts no writes. If it is a standby, the program waits for a failover. If a setting
//! is the cause, only an operator can change it.

use super::connection::Connection;
use super::error::{DbErrorKind, Error};
use super::url::DatabaseUrl;

impl Error {
    /// Returns the failure. For a refused write it asks the server for the reason and adds it.
    #[must_use]
    pub async fn explained(&self, url: &DatabaseUrl) -> Self {
        if self.kind() != DbErrorKind::ReadOnly {
            return self.clone();
        }
        match source(url).await {
            Ok(Some(source)) => self.clone().by_setting(&source),
            // the cause may have ended in the meantime: the first error counts
            Ok(None) | Err(_) => self.clone(),
        }
    }
}

/// Returns the source of the setting, on a server that is the primary.
async fn source(url: &DatabaseUrl) -> Result<Option<String>, Error> {
    let mut connection = Connection::open_any(url).await?;
    let rows = connection.query(connection.backend().read_only_source()).await;
    connection.hang_up().await;
    Ok(super::first_column(rows?).into_iter().next())
}
