//! Keeps the live database's identity over a restore: its id is kept, its epoch is new.
//!
//! A production backup that is restored into staging therefore does not change which database staging is. The new epoch
//! makes all access tokens from before the restore invalid. An empty database, or one older than migration 011, gets a
//! new id.

use chrono::{DateTime, Utc};

use super::error::Error;
use super::restore_target::RestoreTarget;
use crate::db::{Backend, Connection, DatabaseUrl, first_column};
use crate::migrate::{self, IDENTITY_TABLE};
use crate::random;

/// Identity that the restored content gets.
pub(super) struct KeptIdentity {
    database_id: String,
    created_at: DateTime<Utc>,
}

impl KeptIdentity {
    /// Reads the identity of the live database, or makes a new one.
    ///
    /// # Errors
    /// Returns an error if the database or the random source fails.
    pub(super) async fn of(live: &RestoreTarget, url: &DatabaseUrl, now: DateTime<Utc>) -> Result<Self, Error> {
        if let RestoreTarget::Managed(applied, _) = live
            && migrate::version_of_newest(applied, url.backend())
                .objects
                .tables
                .iter()
                .any(|name| name == IDENTITY_TABLE)
        {
            let mut connection = Connection::open(url).await?;
            let columns = first_column(connection.query(url.backend().read_kept_identity()).await?);
            connection.hang_up().await;
            let mut columns = columns.into_iter();
            if let (Some(database_id), Some(created_at)) = (columns.next(), columns.next()) {
                let created_at = created_at.parse().unwrap_or(now);
                return Ok(Self { database_id, created_at });
            }
        }
        Ok(Self { database_id: random::uuid()?, created_at: now })
    }

    /// Returns true if a file has no database id or another database's id.
    pub(super) fn is_foreign(&self, database_id: Option<&str>) -> bool {
        database_id != Some(self.database_id.as_str())
    }

    /// Statements that replace the staged identity by this one, in a new epoch.
    ///
    /// # Errors
    /// Returns an error if the random source fails.
    pub(super) fn replacement(&self, backend: Backend) -> Result<String, Error> {
        let created_at = self.created_at.format("%Y-%m-%dT%H:%M:%S%.f+00:00").to_string();
        Ok(backend.replace_identity(&self.database_id, &random::uuid()?, &created_at))
    }
}
