//! Tokens of providers at rest: encrypted with XChaCha20-Poly1305, each bound to its row and column.
//!
//! There may be several keys, for rotation: the first encrypts, all decrypt. To rotate: put the new key first, seal every
//! row again whose key is not [`Vault::current_key_id`], then take the old key away.

use std::{fmt, io};

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use entity::value::{Provider, ProviderToken};
use sea_orm::ActiveEnum;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use super::digest;
use super::sealed::{self, SealingKey};

/// Either alphabet (the other one's signs are replaced first), padded or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The keys. Prints their ids.
pub struct Vault {
    current: Key,
    former: Vec<Key>,
}

struct Key {
    id: String,
    secret: SealingKey,
}

/// A token as it is stored: `access_token` or `refresh_token`, and `key_id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedToken {
    /// Nonce and ciphertext in base64.
    pub token: ProviderToken,
    /// Which key encrypted it.
    pub key_id: String,
}

/// Where a token is stored. A ciphertext opens nowhere else.
#[derive(Clone, Copy, Debug)]
pub struct TokenLocation<'a> {
    /// `oauth_providers.provider`
    pub provider: Provider,
    /// `oauth_providers.provider_id`
    pub provider_id: &'a str,
    /// The column.
    pub column: TokenColumn,
}

/// The column of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenColumn {
    /// `oauth_providers.access_token`
    AccessToken,
    /// `oauth_providers.refresh_token`
    RefreshToken,
}

/// Keys that cannot be used. Never holds one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeys {
    /// Nothing but separators.
    #[error("holds no key")]
    Missing,
    /// This one (the first is 1) is not base64.
    #[error("key {0} is not base64")]
    NotBase64(usize),
    /// This one is of the wrong length.
    #[error("key {number} has {bytes} bytes, and not 32")]
    Length {
        /// Which, from 1.
        number: usize,
        /// How many bytes it has.
        bytes: usize,
    },
    /// This one was there before.
    #[error("key {0} is there twice")]
    Twice(usize),
}

impl InvalidKeys {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        "write keys of 32 bytes in base64, one a line or separated by commas, the newest first; `openssl rand -base64 32` makes one"
    }
}

/// A token that cannot be sealed or opened. Never holds it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It was encrypted with a key that is not among ours.
    #[error("the token was encrypted with key {0}, which is not in AUTHSVC_ENCRYPTION_KEY")]
    UnknownKey(String),
    /// It was changed, or belongs to another row or column.
    #[error("the token does not open with key {0}: it was changed, or moved from another row")]
    Broken(String),
    /// No randomness.
    #[error("the token cannot be encrypted: {0}")]
    Seal(#[from] io::Error),
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::UnknownKey(_) => Some("add that key behind the first one, or let the account's owner log in again"),
            Self::Broken(_) => Some("let the account's owner log in again; find out who writes to oauth_providers"),
            Self::Seal(_) => None,
        }
    }
}

impl Vault {
    /// Reads one or more keys, one a line or separated by commas: base64, standard or URL-safe, of 32 bytes each.
    ///
    /// # Errors
    /// The first key that cannot be used, by its number.
    pub fn from_keys(text: &SecretString) -> Result<Self, InvalidKeys> {
        let words = text.expose_secret().split([',', '\n']).map(str::trim).filter(|word| !word.is_empty());
        let mut keys: Vec<Key> = Vec::new();
        for (index, word) in words.enumerate() {
            let key = Key::parse(word, index + 1)?;
            if keys.iter().any(|known| known.id == key.id) {
                return Err(InvalidKeys::Twice(index + 1));
            }
            keys.push(key);
        }
        let mut keys = keys.into_iter();
        let current = keys.next().ok_or(InvalidKeys::Missing)?;
        Ok(Self { current, former: keys.collect() })
    }

    /// The id of the key that encrypts.
    pub fn current_key_id(&self) -> &str {
        &self.current.id
    }

    /// Encrypts a token for its place.
    ///
    /// # Errors
    /// No randomness.
    pub fn seal(&self, plain: &SecretString, place: TokenLocation<'_>) -> Result<SealedToken, Error> {
        let sealed = sealed::seal(&self.current.secret, plain.expose_secret().as_bytes(), &place.associated())?;
        Ok(SealedToken { token: ProviderToken::new(STANDARD.encode(sealed)), key_id: self.current.id.clone() })
    }

    /// Decrypts a token that was sealed for this place.
    ///
    /// # Errors
    /// A key that is missing; a token that was changed or moved.
    pub fn open(&self, token: &ProviderToken, key_id: &str, place: TokenLocation<'_>) -> Result<SecretString, Error> {
        let key = self.keys().find(|key| key.id == key_id).ok_or_else(|| Error::UnknownKey(shown(key_id)))?;
        let text = STANDARD
            .decode(token.expose())
            .ok()
            .and_then(|sealed| sealed::open(&key.secret, &sealed, &place.associated()))
            .and_then(|plain| std::str::from_utf8(&plain).ok().map(SecretString::from));
        text.ok_or_else(|| Error::Broken(key.id.clone()))
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.current).chain(&self.former)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys().map(|key| &key.id)).finish()
    }
}

impl Key {
    fn parse(word: &str, number: usize) -> Result<Self, InvalidKeys> {
        let word = Zeroizing::new(word.replace('+', "-").replace('/', "_"));
        let bytes = Zeroizing::new(BASE64.decode(word.as_bytes()).map_err(|_| InvalidKeys::NotBase64(number))?);
        let secret: Box<[u8; 32]> =
            Box::new(bytes.as_slice().try_into().map_err(|_| InvalidKeys::Length { number, bytes: bytes.len() })?);
        // a quarter of a digest tells keys apart, and tells nothing about a random key
        let id = digest::sha256_hex(secret.as_slice()).chars().take(16).collect();
        Ok(Self { id, secret: SealingKey::new(secret) })
    }
}

impl TokenLocation<'_> {
    /// The parts are apart: only the last one can hold a NUL.
    fn associated(&self) -> Vec<u8> {
        let column = match self.column {
            TokenColumn::AccessToken => "access_token",
            TokenColumn::RefreshToken => "refresh_token",
        };
        format!("oauth_providers\0{column}\0{}\0{}", self.provider.to_value(), self.provider_id).into_bytes()
    }
}

/// A key id as the database has it; whatever else stands there is cut off.
fn shown(key_id: &str) -> String {
    key_id.chars().filter(char::is_ascii_alphanumeric).take(64).collect()
}
