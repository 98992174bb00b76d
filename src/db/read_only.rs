//! Why a PostgreSQL server accepts no writes: it is a standby, for which a failover is waited, or a setting says so, which
//! only an operator changes.

use super::connection::Connection;
use super::error::{DbErrorKind, Error};
use super::url::DatabaseUrl;

impl Error {
    /// The same failure; where it is a refused write, the server is asked for the reason.
    #[must_use]
    pub async fn explained(&self, url: &DatabaseUrl) -> Self {
        if self.kind() != DbErrorKind::ReadOnly {
            return self.clone();
        }
        match source(url).await {
            Ok(Some(source)) => self.clone().by_setting(&source),
            // it may have ended meanwhile: what it said first counts
            Ok(None) | Err(_) => self.clone(),
        }
    }
}

/// Where the setting comes from, on a server that is the primary.
async fn source(url: &DatabaseUrl) -> Result<Option<String>, Error> {
    let mut connection = Connection::open_any(url).await?;
    let rows = connection.query(connection.backend().read_only_source()).await;
    connection.hang_up().await;
    Ok(super::first_column(rows?).into_iter().next())
}
