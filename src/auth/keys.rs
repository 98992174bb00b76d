//! Keys that sign tokens: Ed25519, in PEM. The first key signs, and all keys are accepted and published.
//!
//! To rotate, add the new key as the second, move it to the first place, and remove the old key when its tokens have
//! expired.

use std::io::{self, Write as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use super::devices::DeviceKey;
use super::oauth::FlowKey;
use crate::disk::{self, LinkPolicy};
use crate::random;

/// PKCS #8 header before the 32 bytes of an Ed25519 key.
const PKCS8: [u8; 16] = *b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";

/// Maximum size of a key file, in bytes.
const LONGEST: u64 = 1 << 20;

/// Reason for which a text is not a key. It contains no part of the text.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidKey(String);

struct Key {
    id: String,
    signing: EncodingKey,
    verifying: DecodingKey,
    public: Jwk,
}

/// Signing keys of the service, and the keys derived from them.
pub struct Keys {
    keys: Vec<Key>,
    secret: SecretSlice<u8>,
    device_keys: Vec<DeviceKey>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.id)).finish()
    }
}

impl Keys {
    /// Parses one or more PEM blocks with the label `PRIVATE KEY`.
    ///
    /// # Errors
    /// Returns an error if the text has no such block, or if one is not an Ed25519 key.
    pub fn parse(pem: &SecretString) -> Result<Self, InvalidKey> {
        let refuse = |why: &str| InvalidKey(why.to_owned());
        let blocks = pem::parse_many(pem.expose_secret()).map_err(|_| refuse("is not PEM"))?;
        let keys: Result<Vec<Key>, InvalidKey> = blocks.iter().map(Key::parse).collect();
        let keys = keys?;
        let first = blocks.first().ok_or_else(|| refuse("holds no `PRIVATE KEY` block"))?;
        let device_keys = blocks.iter().map(|block| DeviceKey::derived_from(block.contents())).collect();
        Ok(Self { keys, secret: SecretSlice::from(first.contents().to_vec()), device_keys })
    }

    /// Reads the key file of a development machine. A missing file is created with a new key, readable by its owner
    /// only.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read or created, or if it is not a key.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        let about = |error: io::Error| io::Error::new(error.kind(), format!("the key in {}: {error}", path.display()));
        if path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            create(path).map_err(about)?;
        }
        let pem = SecretString::from(disk::read_text(path, LONGEST, LinkPolicy::Followed).map_err(about)?);
        Self::parse(&pem).map_err(|error| about(io::Error::other(error.to_string())))
    }

    /// Returns the public keys, with which other services verify tokens.
    pub fn published(&self) -> JwkSet {
        JwkSet { keys: self.keys.iter().map(|key| key.public.clone()).collect() }
    }

    /// Returns the key that signs tokens, and its id.
    pub(super) fn signing(&self) -> Option<(&str, &EncodingKey)> {
        self.keys.first().map(|key| (key.id.as_str(), &key.signing))
    }

    /// Returns the key with an id, to verify a token.
    pub(super) fn verifying(&self, id: &str) -> Option<&DecodingKey> {
        self.keys.iter().find(|key| key.id == id).map(|key| &key.verifying)
    }

    /// Returns the keys for digests of known devices. The first one makes new digests.
    pub(super) fn device_keys(&self) -> &[DeviceKey] {
        &self.device_keys
    }

    /// Derives the key that seals OAuth cookies. Replicas with the same first key derive the same value.
    pub fn flow_key(&self) -> FlowKey {
        FlowKey::derived_from(&self.secret)
    }
}

impl Key {
    fn parse(block: &pem::Pem) -> Result<Self, InvalidKey> {
        let refuse = |_| InvalidKey("is not an Ed25519 key in PKCS #8".to_owned());
        let der = block.contents();
        if block.tag() != "PRIVATE KEY" || der.len() != PKCS8.len() + 32 || !der.starts_with(&PKCS8) {
            return Err(refuse(()));
        }
        let signing = EncodingKey::from_ed_der(der);
        let mut public = Jwk::from_encoding_key(&signing, Algorithm::EdDSA).map_err(|_| refuse(()))?;
        let id = public.thumbprint(ThumbprintHash::SHA256).map_err(|_| refuse(()))?;
        public.common.key_id = Some(id.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        let verifying = DecodingKey::from_jwk(&public).map_err(|_| refuse(()))?;
        Ok(Self { id, signing, verifying, public })
    }
}

/// Creates a key file. Of several processes, one creates the file, and the others never read an incomplete one.
fn create(path: &Path) -> io::Result<()> {
    let mut der = Zeroizing::new(PKCS8.to_vec());
    der.extend_from_slice(random::bytes::<32>()?.as_slice());
    let text = Zeroizing::new(format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(der.as_slice())
    ));
    let (beside, mut file) = disk::create_beside(path)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| disk::flush(&file, &beside));
    let linked = written.and_then(|()| disk::place(&file, &beside, path));
    let _ = std::fs::remove_file(&beside);
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    }
}
