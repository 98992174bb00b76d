//! User names for accounts from providers, derived from the name at the provider or from the address.

use entity::value::Email;

use super::error::Error;
use super::fields::{LONGEST_USERNAME, SHORTEST_USERNAME, is_of_username};
use crate::random;

/// Length of the suffix: `-` and six hexadecimal digits.
const SUFFIX: usize = 7;
/// User name if no ASCII characters are left of name and address.
const NAMELESS: &str = "user";

/// Derives a valid user name ([`super::fields::Fields::username`]), with space left for a suffix.
pub(super) fn of(name: Option<&str>, email: &Email) -> String {
    let local = email.as_str().split('@').next();
    let usable = |text: &str| Some(plain(text)).filter(|text| text.len() >= SHORTEST_USERNAME);
    name.and_then(usable).or_else(|| local.and_then(usable)).unwrap_or_else(|| NAMELESS.to_owned())
}

/// Adds a random suffix to a name that is already taken.
///
/// # Errors
/// Returns an error if the system has no randomness.
pub(super) fn distinct(name: &str) -> Result<String, Error> {
    let [a, b, c] = random::bytes().map_err(Error::internal)?;
    Ok(format!("{name}-{a:02x}{b:02x}{c:02x}"))
}

/// Removes the characters that a user name must not contain, and joins words by a dot.
fn plain(text: &str) -> String {
    let words = text.split_whitespace().map(|word| word.chars().filter(|sign| is_of_username(*sign)).collect());
    let words: Vec<String> = words.filter(|word: &String| !word.is_empty()).collect();
    let cut: String = words.join(".").chars().take(LONGEST_USERNAME - SUFFIX).collect();
    cut.trim_matches(['.', '_', '-']).to_owned()
}
