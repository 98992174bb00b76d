//! Encryption with XChaCha20-Poly1305. The ciphertext follows a random nonce.
//!
//! Nonces of 192 bits can be random without a count, because a collision is improbable.

use std::io;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretBox};

use crate::random;

/// Key of the cipher, 32 bytes.
pub(super) type SealingKey = SecretBox<[u8; 32]>;

const NONCE: usize = 24;

/// Encrypts bytes. Decryption requires equal `associated` data.
///
/// # Errors
/// Returns an error if the system has no randomness, or if the text is too long.
pub(super) fn seal(key: &SealingKey, plain: &[u8], associated: &[u8]) -> io::Result<Vec<u8>> {
    let nonce: [u8; NONCE] = random::bytes()?;
    let payload = Payload { msg: plain, aad: associated };
    let ciphertext = cipher(key)
        .encrypt(&XNonce::from(nonce), payload)
        .map_err(|_| io::Error::other("the text is too long to be encrypted"))?;
    Ok([nonce.as_slice(), &ciphertext].concat())
}

/// Decrypts bytes. Returns `None` if the key or `associated` differs, or if the ciphertext was changed.
pub(super) fn open(key: &SealingKey, sealed: &[u8], associated: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE>()?;
    let payload = Payload { msg: ciphertext, aad: associated };
    cipher(key).decrypt(&XNonce::from(*nonce), payload).ok().map(Zeroizing::new)
}

fn cipher(key: &SealingKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&Key::from(*key.expose_secret()))
}
