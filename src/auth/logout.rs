//! `POST /auth/logout`.

use secrecy::SecretString;

use super::error::Error;
use super::{Auth, refresh_token};
use crate::db::{LogoutScope, RequestContext};

impl Auth {
    /// Ends a session, or all of its account. A token that is unknown has no session, which is as good.
    ///
    /// # Errors
    /// The database gave no answer.
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
