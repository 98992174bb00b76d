//! State of a login between its begin and the return of the browser.
//!
//! The browser keeps it in an encrypted cookie that only this service can read and create. Replicas therefore share
//! only a key.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use entity::value::Provider;
use hkdf::Hkdf;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretSlice};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::Error;
use super::callback::CallbackParams;
use crate::auth::digest::sha256_hex;
use crate::auth::sealed::{self, SealingKey};
use crate::random;

/// Time limit of a login, from the first redirect to the code.
pub const LIFETIME: TimeDelta = TimeDelta::minutes(10);

/// Purpose of the derived key, which separates these ciphertexts from others under the same secret.
const CONTEXT: &[u8] = b"authsvc oauth flow 1";

/// Key that encrypts the cookies. `Debug` prints no part of it.
#[derive(Debug)]
pub struct FlowKey(SealingKey);

impl FlowKey {
    /// Derives the key from a secret of at least 32 random bytes that all replicas share. The key reveals nothing about
    /// the secret, which may have other uses.
    pub fn derived_from(secret: &SecretSlice<u8>) -> Self {
        Self(SealingKey::init_with_mut(|key| {
            // this fails only for keys of more than 8160 bytes
            let _ = Hkdf::<Sha256>::new(None, secret.expose_secret()).expand(CONTEXT, key);
        }))
    }
}

/// Content of the cookie.
#[derive(Serialize, Deserialize)]
pub(super) struct Flow {
    pub(super) provider: Provider,
    pub(super) state: String,
    /// Code verifier of PKCE.
    pub(super) verifier: String,
    pub(super) nonce: String,
    pub(super) redirect_uri: String,
    pub(super) expires_at: DateTime<Utc>,
}

impl Flow {
    pub(super) fn begin(provider: Provider, redirect_uri: String, now: DateTime<Utc>) -> io::Result<Self> {
        let (state, verifier, nonce) = (token()?, token()?, token()?);
        Ok(Self { provider, state, verifier, nonce, redirect_uri, expires_at: now + LIFETIME })
    }

    pub(super) fn seal(&self, key: &FlowKey) -> io::Result<String> {
        let plain = Zeroizing::new(serde_json::to_vec(self)?);
        Ok(URL_SAFE_NO_PAD.encode(sealed::seal(&key.0, &plain, CONTEXT)?))
    }

    /// Returns the login of the cookie, if provider and state match and the login has not expired.
    pub(super) fn resume(
        key: &FlowKey,
        provider: Provider,
        answer: &CallbackParams,
        now: DateTime<Utc>,
    ) -> Result<Self, Error> {
        let (Some(state), Some(cookie)) = (&answer.state, &answer.cookie) else { return Err(Error::StateMissing) };
        let flow = Self::open(key, cookie.expose_secret()).ok_or(Error::StateMismatch)?;
        let same = bool::from(flow.state.as_bytes().ct_eq(state.as_bytes()));
        if !same || flow.provider != provider {
            return Err(Error::StateMismatch);
        }
        if flow.expires_at <= now { Err(Error::StateExpired) } else { Ok(flow) }
    }

    fn open(key: &FlowKey, cookie: &str) -> Option<Self> {
        let sealed = URL_SAFE_NO_PAD.decode(cookie).ok()?;
        serde_json::from_slice(&sealed::open(&key.0, &sealed, CONTEXT)?).ok()
    }

    pub(super) fn state_hash(&self) -> String {
        sha256_hex(self.state.as_bytes())
    }
}

/// Returns 256 random bits in base64url, as RFC 7636, 4.1, recommends for the verifier.
fn token() -> io::Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(random::bytes::<32>()?))
}
