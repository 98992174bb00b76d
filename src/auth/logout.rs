//! `POST /auth/logout`.

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::error::Error;
use super::{Auth, refresh_token};
use crate::db::{Client, LogoutScope};

impl Auth {
    /// Ends a session, or all of its account. A token that is unknown has no session, which is as good.
    ///
    /// # Errors
    /// The database gave no answer.
    pub async fn log_out(
        &self,
        token: &SecretString,
        scope: LogoutScope,
        client: &Client,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        self.pool.log_out(&refresh_token::hash(token), scope, client, now).await?;
        Ok(())
    }
}
