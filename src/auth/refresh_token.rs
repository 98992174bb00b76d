//! Refresh tokens: 256 random bits without content, stored as their SHA-256.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use entity::value::TokenHash;
use secrecy::{ExposeSecret, SecretString};

use super::digest::sha256_hex;
use super::error::Error;
use crate::db::NewRefreshToken;
use crate::random;

/// Lifetime of a refresh token.
const LIFETIME: TimeDelta = TimeDelta::days(7);

/// Creates a refresh token for a session with a maximum age. Returns the token and the row to store.
pub(super) fn issue(now: DateTime<Utc>, max_age: TimeDelta) -> Result<(SecretString, NewRefreshToken), Error> {
    let bytes = random::bytes::<32>().map_err(Error::internal)?;
    let token = SecretString::from(URL_SAFE_NO_PAD.encode(bytes));
    let stored = NewRefreshToken { hash: hash(&token), expires_at: now + LIFETIME, max_age };
    Ok((token, stored))
}

/// Returns the hash by which a token is stored.
pub(super) fn hash(token: &SecretString) -> TokenHash {
    TokenHash::new(sha256_hex(token.expose_secret().as_bytes()))
}
