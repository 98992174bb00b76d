//! Verification of e-mail addresses: the service sends a signed token to the address, and the owner sends it back.

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

/// Sender of messages that only the owner of an address may read.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Sends the verification token for an address. The error is a text for the log.
    async fn send_verification(&self, to: &Email, token: &SecretString) -> Result<(), String>;

    /// Returns true if messages arrive, so that an address can be verified.
    fn delivers(&self) -> bool;
}

/// Mailer that writes messages to the log, for development only: the log then contains the token.
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

/// Mailer that sends nothing. The service logs this once at its start.
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
    /// Sends a verification token to the address of an account. A failure is logged, and does not fail the
    /// registration.
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
            tracing::warn!(user_id = user.id, "cannot send a verification token: {why}");
        }
    }

    /// Sends a new verification token, unless the address is already verified.
    ///
    /// # Errors
    /// Returns an error if the session has ended, if the account is deleted, or if the database does not answer.
    pub async fn resend_verification(&self, bearer: Bearer, now: DateTime<Utc>) -> Result<(), Error> {
        let user = self.account(bearer, now).await?;
        if !user.email_verified {
            self.send_verification(&user, now).await;
        }
        Ok(())
    }

    /// Marks the address of an account as verified by a token. The caller must also prove the account, by a session or
    /// by its password.
    ///
    /// A second verification with a valid token succeeds as well.
    ///
    /// # Errors
    /// Returns an error if the token is not valid, has expired, or is for an address that the account no longer has.
    /// Returns an error if the account is not proven, or if the database does not answer.
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
