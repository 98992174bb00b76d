//! `POST /auth/refresh`: the rotation of refresh tokens.

use secrecy::SecretString;

use super::error::Error;
use super::{Auth, Session, refresh_token};
use crate::db::{RequestContext, Rotation};

impl Auth {
    /// Exchanges a refresh token for a new access token and a new refresh token.
    ///
    /// # Errors
    /// Returns [`Error::RefreshToken`] if the token is unknown, expired, or already used. A second use also ends the
    /// session. Returns an error if the database does not answer.
    pub async fn refresh(&self, token: &SecretString, context: &RequestContext) -> Result<Session, Error> {
        let (next, stored) = refresh_token::issue(context.now, self.session_max_age)?;
        match self.pool.rotate(&refresh_token::hash(token), &stored, context).await? {
            Rotation::Done(entered) => self.session(*entered, next, context.now),
            Rotation::Refused => Err(Error::RefreshToken),
            Rotation::Reused { user_id, session } => {
                tracing::warn!(user_id, session, "a refresh token was used twice, and its session was ended");
                Err(Error::RefreshToken)
            }
        }
    }
}
