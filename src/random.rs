//! The only module that reads the system's random number generator.

use std::io;

/// Returns a unique name: 128 unpredictable bits, in hex.
///
/// # Errors
/// Returns an error if the system has no random number generator.
pub fn id() -> io::Result<String> {
    bytes().map(|bytes| format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// Returns a random UUID (version 4 of RFC 9562), in lower case.
///
/// # Errors
/// Returns an error if the system has no random number generator.
pub fn uuid() -> io::Result<String> {
    let mut bytes: [u8; 16] = bytes()?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    Ok([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
}

/// Returns `N` unpredictable bytes.
///
/// # Errors
/// Returns an error if the system has no random number generator.
pub fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}
