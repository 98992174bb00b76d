//! The only reader of the system's randomness.

use std::io;

/// A name that nobody else has: 128 unpredictable bits, in hex.
///
/// # Errors
/// A system that has none to give.
pub fn id() -> io::Result<String> {
    bytes().map(|bytes| format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// Unpredictable bytes.
///
/// # Errors
/// A system that has none to give.
pub fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}
