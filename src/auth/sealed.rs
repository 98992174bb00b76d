//! XChaCha20-Poly1305 with a random nonce before the ciphertext. Nonces of 192 bits may be drawn at random without
//! counting how many were drawn.

use std::io;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretBox};

use crate::random;

/// A key of the cipher.
pub(super) type SealingKey = SecretBox<[u8; 32]>;

const NONCE: usize = 24;

/// Encrypts; `associated` has to be the same when it is opened.
///
/// # Errors
/// No randomness.
pub(super) fn seal(key: &SealingKey, plain: &[u8], associated: &[u8]) -> io::Result<Vec<u8>> {
    let nonce: [u8; NONCE] = random::bytes()?;
    let payload = Payload { msg: plain, aad: associated };
    let ciphertext = cipher(key)
        .encrypt(&XNonce::from(nonce), payload)
        .map_err(|_| io::Error::other("the text is too long to be encrypted"))?;
    Ok([nonce.as_slice(), &ciphertext].concat())
}

/// Decrypts; `None` if the key or `associated` is another one, or if anything was changed.
pub(super) fn open(key: &SealingKey, sealed: &[u8], associated: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE>()?;
    let payload = Payload { msg: ciphertext, aad: associated };
    cipher(key).decrypt(&XNonce::from(*nonce), payload).ok().map(Zeroizing::new)
}

fn cipher(key: &SealingKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&Key::from(*key.expose_secret()))
}
