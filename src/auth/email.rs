//! Proving that an address is its account's: a signed token is sent to it, and comes back.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use entity::user;
use entity::value::Email;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::error::Error;
use super::{Auth, Bearer};
use crate::db::{RequestContext, VerificationProof};

const PURPOSE: &str = "email+jwt";
const LIFETIME: TimeDelta = TimeDelta::days(1);

/// Delivers what is for an address' owner only.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Sends the token that proves an address. What went wrong is for the log.
    async fn send_verification(&self, to: &Email, token: &SecretString) -> Result<(), String>;

    /// Whether what is sent arrives, so that an address can be verified.
    fn delivers(&self) -> bool;
}

/// Writes to the log: for developers only, because the log holds the token then.
pub struct LogMailer;

#[async_trait]
impl Mailer for LogMailer {
    async fn send_verification(&self, to: &Email, token: &SecretString) -> Result<(), String> {
        tracing::info!(to = to.as_str(), token = token.expose_secret(), "the address can be verified with this token");
        Ok(())
    }

    fn delivers(&self) -> bool {
        true
    }
}

/// Sends nothing: whoever starts the service is told once.
pub struct NoMailer;

#[async_trait]
impl Mailer for NoMailer {
    async fn send_verification(&self, _: &Email, _: &SecretString) -> Result<(), String> {
        Ok(())
    }

    fn delivers(&self) -> bool {
        false
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

    /// Records that an address is its account's, as a token proves, for a caller who proves the account as well: by a session of it, or by
    /// its password. Proving it twice is as good as once.
    ///
    /// # Errors
    /// The token is not one of ours, has expired, or is for an address that the account has not; the account is not proven; or the database
    /// gave no answer.
    pub async fn verify_email(
        &self,
        token: &SecretString,
        bearer: Option<Bearer>,
        password: Option<&SecretString>,
        context: &RequestContext,
    ) -> Result<(), Error> {
        let claims: Claims = self.verified(PURPOSE, token).ok_or(Error::VerificationToken)?;
        if context.now.timestamp() >= claims.exp {
            return Err(Error::VerificationToken);
        }
        let user_id = claims.sub.parse().map_err(|_| Error::VerificationToken)?;
        let email = Email::parse_stored(&claims.email).map_err(|_| Error::VerificationToken)?;
        let proof = match (bearer, password) {
            (Some(bearer), _) => self.proof_of_session(bearer, user_id, context.now).await?,
            (None, Some(password)) => self.proof_of_password(&email, user_id, password, context).await?,
            (None, None) => return Err(Error::VerificationProof),
        };
        let verified = self.pool.verify_email(&proof, &email, context).await?;
        if verified { Ok(()) } else { Err(Error::VerificationToken) }
    }

    async fn proof_of_session(
        &self,
        bearer: Bearer,
        user_id: i64,
        now: DateTime<Utc>,
    ) -> Result<VerificationProof, Error> {
        self.account_view(bearer, now).await?;
        if bearer.principal.user_id != user_id {
            return Err(Error::VerificationProof);
        }
        Ok(VerificationProof::Session(self.claim(bearer, now)))
    }

    async fn proof_of_password(
        &self,
        email: &Email,
        user_id: i64,
        password: &SecretString,
        context: &RequestContext,
    ) -> Result<VerificationProof, Error> {
        let found = self.pool.account_by_email(email).await?.filter(|found| found.user.id == user_id);
        let found = found.filter(|found| found.user.active).ok_or(Error::VerificationToken)?;
        self.check_password(&found.user, &format!("verification:{user_id}"), password, context).await?;
        Ok(VerificationProof::Password(Box::new(found)))
    }
}
