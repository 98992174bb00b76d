//! The only reader of the system's randomness.

use std::io;

/// Bytes that nobody can guess.
///
/// # Errors
/// The system has none, which no system that this runs on says.
pub fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}
