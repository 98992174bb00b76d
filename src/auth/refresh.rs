//! `POST /auth/refresh`.

use secrecy::SecretString;

use super::error::Error;
use super::{Auth, Session, refresh_token};
use crate::db::{RequestContext, Rotation};

impl Auth {
    /// Exchanges a refresh token for a new session's worth of tokens.
    ///
    /// # Errors
    /// The token is unknown, expired, or was used before, which ends its session; or the database gave no answer.
    pub async fn refresh(&self, token: &SecretString, context: &RequestContext) -> Result<Session, Error> {
        let (next, stored) = refresh_token::issue(context.now, self.session_max_age)?;
        match self.pool.rotate(&refresh_token::hash(token), &stored, context).await? {
            Rotation::Done(entered) => self.session(*entered, next, context.now),
            Rotation::Refused => Err(Error::RefreshToken),
            Rotation::Reused { user_id, session } => {
                tracing::warn!(user_id, session, "a refresh token was used twice: its session is ended");
                Err(Error::RefreshToken)
            }
        }
    }
}
