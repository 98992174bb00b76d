//! Proving that an address is its account's: a signed token is sent to it, and comes back.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use entity::user;
use entity::value::Email;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::error::Error;
use super::{Auth, Bearer};
use crate::db::Client;

const PURPOSE: &str = "email+jwt";
const LIFETIME: TimeDelta = TimeDelta::days(1);

/// Delivers what is for an address' owner only.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Sends the token that proves an address. What went wrong is for the log.
    async fn send_verification(&self, to: &Email, token: &SecretString) -> Result<(), String>;
}

/// Writes to the log: for developers only, because the log holds the token then.
pub struct LogMailer;

#[async_trait]
impl Mailer for LogMailer {
    async fn send_verification(&self, to: &Email, token: &SecretString) -> Result<(), String> {
        tracing::info!(to = to.as_str(), token = token.expose_secret(), "the address can be verified with this token");
        Ok(())
    }
}

/// Sends nothing: whoever starts the service is told once.
pub struct NoMailer;

#[async_trait]
impl Mailer for NoMailer {
    async fn send_verification(&self, _: &Email, _: &SecretString) -> Result<(), String> {
        Ok(())
    }
}

#[derive(Clone, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    email: String,
    exp: i64,
}

impl Auth {
    /// Sends a token to the address of an account. A registration does not fail because no mail can be sent.
    pub(super) async fn send_verification(&self, user: &user::Model, now: DateTime<Utc>) {
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.issuer.clone(),
            sub: user.id.to_string(),
            email: user.email.folded(),
            exp: (now + LIFETIME).timestamp(),
        };
        let sent = match self.sign(PURPOSE, &claims) {
            Ok(token) => self.mailer.send_verification(&user.email, &token).await,
            Err(error) => Err(error.to_string()),
        };
        if let Err(why) = sent {
            tracing::warn!(user_id = user.id, "no verification was sent: {why}");
        }
    }

    /// Sends the token once more, unless the address is verified already.
    ///
    /// # Errors
    /// The account is gone; or the database gave no answer.
    pub async fn resend_verification(&self, bearer: Bearer, now: DateTime<Utc>) -> Result<(), Error> {
        let user = self.account(bearer, now).await?;
        if !user.email_verified {
            self.send_verification(&user, now).await;
        }
        Ok(())
    }

    /// Notes that an address is its account's, as a token proves. Proving it twice is as good as once.
    ///
    /// # Errors
    /// The token is not one of ours, has expired, or is for an address that the account has not; or the database gave no answer.
    pub async fn verify_email(&self, token: &SecretString, client: &Client, now: DateTime<Utc>) -> Result<(), Error> {
        let claims: Claims = self.verified(PURPOSE, token).ok_or(Error::VerificationToken)?;
        if now.timestamp() >= claims.exp {
            return Err(Error::VerificationToken);
        }
        let user_id = claims.sub.parse().map_err(|_| Error::VerificationToken)?;
        let email = Email::parse(&claims.email).map_err(|_| Error::VerificationToken)?;
        let verified = self.pool.verify_email(user_id, &email, client, now).await?;
        if verified { Ok(()) } else { Err(Error::VerificationToken) }
    }
}
