//! The only reader of the system's randomness.

use std::io;

/// Unpredictable bytes.
///
/// # Errors
/// A system that has none to give.
pub fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}
