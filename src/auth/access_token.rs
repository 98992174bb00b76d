//! Tokens that this service signs: access tokens in the form of RFC 9068, and tokens that verify an e-mail address.
//!
//! A restore replaces the content of the database, so an account id may name another person afterwards. An access token
//! therefore holds the epoch of the database that issued it. `/api` compares it with the epoch of the database in the
//! statement that reads the account. A replica that served during the restore thus refuses old tokens at once. A token
//! without an epoch comes from an earlier version and is refused.
//!
//! Other credentials survive a restore, and none of them opens the account of another person:
//! - A refresh token is found by its random hash. The restored content contains the token with its account, or the
//!   token is unknown.
//! - A verification token names an account and its address. It is accepted only if the account has that address.
//! - The OAuth cookie and state name no account. The provider identifies the user when the browser returns.
//! - A sealed provider token can be decrypted only in the row of the same account at the provider.
//! - A request that is in progress during the restore holds an id. Each later statement has the epoch in its condition.

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, Header, Validation};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use super::bearer::{Bearer, VerifiedToken};
use super::error::Error;
use super::{ACCESS_SECONDS, Auth};
use crate::db::{Epoch, NewSession, Principal, SessionClaim};
use crate::random;

/// Accepted difference between the clocks of two replicas, in seconds.
const LEEWAY: i64 = 5;

/// `typ` header of access tokens. A token of another type is not accepted in their place.
const ACCESS: &str = "at+jwt";

#[derive(Clone, Serialize, Deserialize)]
struct AccessClaims {
    iss: String,
    aud: String,
    sub: String,
    sid: i64,
    /// Id of the refresh token that was issued with this token.
    rid: Option<i64>,
    /// Client that requested the token (RFC 9068), which is always this service.
    #[serde(skip_deserializing)]
    client_id: String,
    epoch: String,
    jti: String,
    iat: i64,
    exp: i64,
}

impl Auth {
    /// Signs an access token for an account and its session.
    pub(super) fn access_token(&self, entered: &NewSession, now: DateTime<Utc>) -> Result<SecretString, Error> {
        let claims = AccessClaims {
            iss: self.issuer.clone(),
            aud: self.issuer.clone(),
            sub: entered.user.id.to_string(),
            sid: entered.session,
            rid: Some(entered.token),
            client_id: self.issuer.clone(),
            epoch: entered.epoch.as_str().to_owned(),
            jti: random::id().map_err(Error::internal)?,
            iat: now.timestamp(),
            exp: (now + TimeDelta::seconds(ACCESS_SECONDS)).timestamp(),
        };
        self.sign(ACCESS, &claims)
    }

    /// Verifies an access token, and returns its account and session.
    ///
    /// # Errors
    /// Returns [`Error::AccessToken`] if this service did not issue the token, or if it has expired.
    pub fn bearer(&self, token: &SecretString, now: DateTime<Utc>) -> Result<Bearer, Error> {
        let verified = self.verify_cached(token).ok_or(Error::AccessToken("the access token is not valid"))?;
        if now.timestamp() >= verified.expires_at.saturating_add(LEEWAY) {
            return Err(Error::AccessToken("the access token has expired"));
        }
        Ok(verified.bearer)
    }

    /// Builds the condition that the database checks for the session of a bearer.
    pub(super) fn claim(&self, bearer: Bearer, now: DateTime<Utc>) -> SessionClaim {
        let Bearer { principal, session, token } = bearer;
        SessionClaim { principal, session, token, now, too_old: now - self.session_max_age }
    }

    /// Verifies the signature of a token once. Later requests with this token find the result in the cache.
    fn verify_cached(&self, token: &SecretString) -> Option<VerifiedToken> {
        let digest = Sha256::digest(token.expose_secret()).into();
        if let Some(verified) = self.verified_tokens.get(&digest) {
            return Some(verified);
        }
        let claims: AccessClaims = self.verified(ACCESS, token)?;
        let principal = Principal { user_id: claims.sub.parse().ok()?, epoch: Epoch::parse(&claims.epoch)? };
        let bearer = Bearer { principal, session: claims.sid, token: claims.rid };
        let verified = VerifiedToken { bearer, expires_at: claims.exp };
        self.verified_tokens.insert(digest, verified);
        Some(verified)
    }

    /// Signs claims as a token of one type, which `purpose` names.
    pub(super) fn sign(&self, purpose: &str, claims: &impl Serialize) -> Result<SecretString, Error> {
        let (id, key) = self.keys.signing().ok_or_else(|| Error::internal("there is no signing key"))?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(id.to_owned());
        header.typ = Some(purpose.to_owned());
        jsonwebtoken::encode(&header, claims, key).map(SecretString::from).map_err(Error::internal)
    }

    /// Returns the claims of a token of this type with a valid signature. The caller checks the expiry.
    pub(super) fn verified<T: DeserializeOwned + Clone>(&self, purpose: &str, token: &SecretString) -> Option<T> {
        let token = token.expose_secret();
        let header = jsonwebtoken::decode_header(token).ok()?;
        if header.typ.as_deref() != Some(purpose) {
            return None;
        }
        let key = self.keys.verifying(header.kid.as_deref()?)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.validate_exp = false;
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.issuer]);
        jsonwebtoken::decode(token, key, &validation).ok().map(|data| data.claims)
    }
}
