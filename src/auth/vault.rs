//! Encryption of provider tokens at rest with XChaCha20-Poly1305. Each ciphertext is bound to its row and column.
//!
//! Several keys allow a rotation: the first key encrypts, and all keys decrypt. To rotate, put the new key first, seal
//! all tokens under other keys than [`Vault::current_key_id`] again, and then remove the old key.

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

/// Base64 decoder for both alphabets, with or without padding. Characters of the standard alphabet are replaced first.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Encryption keys. `Debug` prints only their ids.
pub struct Vault {
    current: Key,
    former: Vec<Key>,
}

struct Key {
    id: String,
    secret: SealingKey,
}

/// Encrypted token with the id of its key, for `access_token` or `refresh_token`, and `key_id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedToken {
    /// Nonce and ciphertext in base64.
    pub token: ProviderToken,
    /// Id of the key that encrypted the token.
    pub key_id: String,
}

/// Row and column of a token. A ciphertext can be decrypted only at its location.
#[derive(Clone, Copy, Debug)]
pub struct TokenLocation<'a> {
    /// Provider of the token, as in `oauth_providers.provider`.
    pub provider: Provider,
    /// Id of the account at the provider, as in `oauth_providers.provider_id`.
    pub provider_id: &'a str,
    /// Column of the token.
    pub column: TokenColumn,
}

/// Column of a provider token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenColumn {
    /// Column `oauth_providers.access_token` of an access token.
    AccessToken,
    /// Column `oauth_providers.refresh_token` of a refresh token.
    RefreshToken,
}

/// Reason for which the text of AUTHSVC_ENCRYPTION_KEY is not valid. It contains no part of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeys {
    /// The text has no key.
    #[error("holds no key")]
    Missing,
    /// The key at this position, counted from 1, is not base64.
    #[error("key {0} is not base64")]
    NotBase64(usize),
    /// The key at a position has a wrong length.
    #[error("key {number} has {bytes} bytes instead of 32")]
    Length {
        /// Position of the key, counted from 1.
        number: usize,
        /// Length of the key, in bytes.
        bytes: usize,
    },
    /// The key at this position, counted from 1, repeats an earlier key.
    #[error("key {0} repeats an earlier key")]
    Twice(usize),
}

impl InvalidKeys {
    /// Returns the instruction for the operator.
    pub fn hint(&self) -> &'static str {
        "write keys of 32 bytes in base64, one per line or separated by commas, the newest first. `openssl rand -base64 32` makes one"
    }
}

/// Error for a token that cannot be sealed or opened. No message contains a part of the token.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The token was encrypted with a key that is not configured.
    #[error("the token was encrypted with key {0}, which is not in AUTHSVC_ENCRYPTION_KEY")]
    UnknownKey(String),
    /// The ciphertext was changed, or belongs to another row or column.
    #[error("the token cannot be decrypted with key {0}: it was changed, or moved from another row")]
    Broken(String),
    /// The system has no randomness, or the token is too long.
    #[error("the token cannot be encrypted: {0}")]
    Seal(#[from] io::Error),
}

impl Error {
    /// Returns the instruction for the operator, if there is one.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::UnknownKey(_) => Some("add that key after the first one, or ask the account owner to log in again"),
            Self::Broken(_) => {
                Some("ask the account owner to log in again, and find out which program writes to oauth_providers")
            }
            Self::Seal(_) => None,
        }
    }
}

impl Vault {
    /// Parses one or more keys, one per line or separated by commas. Each key has 32 bytes in standard or URL-safe
    /// base64.
    ///
    /// # Errors
    /// Returns the position of the first key that is not valid, and the reason.
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

    /// Returns the id of the key that encrypts.
    pub fn current_key_id(&self) -> &str {
        &self.current.id
    }

    /// Encrypts a token for its location.
    ///
    /// # Errors
    /// Returns [`Error::Seal`] if the token cannot be encrypted.
    pub fn seal(&self, plain: &SecretString, place: TokenLocation<'_>) -> Result<SealedToken, Error> {
        let sealed = sealed::seal(&self.current.secret, plain.expose_secret().as_bytes(), &place.associated())?;
        Ok(SealedToken { token: ProviderToken::new(STANDARD.encode(sealed)), key_id: self.current.id.clone() })
    }

    /// Decrypts a token that was sealed for this location.
    ///
    /// # Errors
    /// Returns an error if the key is missing, or if the token was changed or moved.
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
        // a quarter of a digest identifies a key and reveals nothing about a random key
        let id = digest::sha256_hex(secret.as_slice()).chars().take(16).collect();
        Ok(Self { id, secret: SealingKey::new(secret) })
    }
}

impl TokenLocation<'_> {
    /// Returns the associated data. NUL separates the parts, because only the last part can contain one.
    fn associated(&self) -> Vec<u8> {
        let column = match self.column {
            TokenColumn::AccessToken => "access_token",
            TokenColumn::RefreshToken => "refresh_token",
        };
        format!("oauth_providers\0{column}\0{}\0{}", self.provider.to_value(), self.provider_id).into_bytes()
    }
}

/// Returns the letters and digits of a key id from the database, at most 64, for a message.
fn shown(key_id: &str) -> String {
    key_id.chars().filter(char::is_ascii_alphanumeric).take(64).collect()
}
