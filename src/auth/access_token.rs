//! Tokens that this service signs: access tokens, and the ones that prove an address. RFC 9068 gives the former their form.

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, Header, Validation};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::error::Error;
use super::{ACCESS_SECONDS, Auth};
use crate::random;

/// How far the clocks of two replicas may be apart.
const LEEWAY: i64 = 5;

/// What a token is for; one is never taken for another.
const ACCESS: &str = "at+jwt";

/// Who asks with an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bearer {
    /// The account.
    pub user_id: i64,
    /// The session.
    pub session: i64,
}

#[derive(Clone, Serialize, Deserialize)]
struct Access {
    iss: String,
    aud: String,
    sub: String,
    sid: i64,
    jti: String,
    iat: i64,
    exp: i64,
}

impl Auth {
    /// Signs that whoever has this acts for an account.
    pub(super) fn access_token(&self, user_id: i64, session: i64, now: DateTime<Utc>) -> Result<SecretString, Error> {
        let claims = Access {
            iss: self.issuer.clone(),
            aud: self.issuer.clone(),
            sub: user_id.to_string(),
            sid: session,
            jti: format!("{:032x}", u128::from_be_bytes(random::bytes().map_err(Error::internal)?)),
            iat: now.timestamp(),
            exp: (now + TimeDelta::seconds(ACCESS_SECONDS)).timestamp(),
        };
        self.sign(ACCESS, &claims)
    }

    /// Who has this token.
    ///
    /// # Errors
    /// It is not one of ours, or has expired.
    pub fn bearer(&self, token: &SecretString, now: DateTime<Utc>) -> Result<Bearer, Error> {
        const INVALID: Error = Error::AccessToken("the access token is not valid");
        let claims: Access = self.verified(ACCESS, token).ok_or(INVALID)?;
        if now.timestamp() >= claims.exp + LEEWAY {
            return Err(Error::AccessToken("the access token has expired"));
        }
        let user_id = claims.sub.parse().map_err(|_| INVALID)?;
        Ok(Bearer { user_id, session: claims.sid })
    }

    /// Signs claims for one purpose.
    pub(super) fn sign(&self, purpose: &str, claims: &impl Serialize) -> Result<SecretString, Error> {
        let (id, key) = self.keys.signing().ok_or_else(|| Error::internal("there is no signing key"))?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(id.to_owned());
        header.typ = Some(purpose.to_owned());
        jsonwebtoken::encode(&header, claims, key).map(SecretString::from).map_err(Error::internal)
    }

    /// The claims of a token that we signed, for this purpose. Whether they hold at this time is the caller's question.
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
