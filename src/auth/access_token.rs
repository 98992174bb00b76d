//! Tokens that this service signs: access tokens, and the ones that prove an address. RFC 9068 gives the former their form.
//!
//! A restore replaces the content of the database, and with it who has an id. An access token therefore holds the epoch of the
//! database it was issued in. `/api` compares it with that of the database in the statement that looks the account up, so a replica
//! that served during the restore refuses old tokens at once. A token without an epoch is refused: an earlier version issued it.
//!
//! Other things that outlive a restore, and why none opens the account of another person:
//! - a refresh token is found by its random hash: either the restored content has it, with its account, or it is unknown;
//! - the token that proves an address names an account and its address, and is accepted only where the account has that address;
//! - the OAuth cookie and state name no account: the provider says who it is when the browser comes back;
//! - a sealed provider token opens only in the row of the same account at the provider;
//! - a request that is under way while the restore swaps holds an id: each later statement has the epoch in its condition.

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, Header, Validation};
use quick_cache::sync::Cache;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use super::error::Error;
use super::{ACCESS_SECONDS, Auth};
use crate::db::{Epoch, NewSession, Principal, SessionClaim};
use crate::random;

/// How far the clocks of two replicas may be apart.
const LEEWAY: i64 = 5;

/// What a token is for; one is never taken for another.
const ACCESS: &str = "at+jwt";

/// Who asks with an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bearer {
    /// The account, and the epoch it was issued in.
    pub principal: Principal,
    /// The session.
    pub session: i64,
    /// The refresh token that was issued with it; `None`: an earlier version issued it.
    pub token: Option<i64>,
}

/// Tokens whose signature was found right, by their SHA-256.
pub(super) type VerifiedTokens = Cache<[u8; 32], VerifiedToken>;

/// What a right signature says.
#[derive(Clone, Copy)]
pub(super) struct VerifiedToken {
    bearer: Bearer,
    /// In seconds since 1970.
    expires_at: i64,
}

#[derive(Clone, Serialize, Deserialize)]
struct AccessClaims {
    iss: String,
    aud: String,
    sub: String,
    sid: i64,
    /// Id of the refresh token that was issued with it.
    rid: Option<i64>,
    /// RFC 9068: the client that asked for it, which is this service itself.
    #[serde(skip_deserializing)]
    client_id: String,
    epoch: String,
    jti: String,
    iat: i64,
    exp: i64,
}

impl Auth {
    /// Signs that whoever has this acts for an account.
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

    /// Who has this token.
    ///
    /// # Errors
    /// It is not one of ours, or has expired.
    pub fn bearer(&self, token: &SecretString, now: DateTime<Utc>) -> Result<Bearer, Error> {
        let verified = self.verify_cached(token).ok_or(Error::AccessToken("the access token is not valid"))?;
        if now.timestamp() >= verified.expires_at.saturating_add(LEEWAY) {
            return Err(Error::AccessToken("the access token has expired"));
        }
        Ok(verified.bearer)
    }

    /// What the database is asked about the session of a bearer.
    pub(super) fn claim(&self, bearer: Bearer, now: DateTime<Utc>) -> SessionClaim {
        let Bearer { principal, session, token } = bearer;
        SessionClaim { principal, session, token, now, too_old: now - self.session_max_age }
    }

    /// A signature is checked once, not at each of the requests that a client makes with its token.
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
