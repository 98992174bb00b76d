//! `POST /auth/logout`: the end of sessions.

use secrecy::SecretString;

use super::error::Error;
use super::{Auth, refresh_token};
use crate::db::{LogoutScope, RequestContext};

impl Auth {
    /// Ends one session, or all sessions of its account. An unknown token succeeds without an effect.
    ///
    /// # Errors
    /// Returns an error if the database does not answer.
    pub async fn log_out(
        &self,
        token: &SecretString,
        scope: LogoutScope,
        context: &RequestContext,
    ) -> Result<(), Error> {
        self.pool.log_out(&refresh_token::hash(token), scope, context).await?;
        Ok(())
    }
}
