//! A name for an account whose owner did not choose one: of what the provider calls them, or of their address.

use entity::value::Email;

use super::error::Error;
use super::fields::{LONGEST_USERNAME, SHORTEST_USERNAME, is_of_username};
use crate::random;

/// Of `-` and six hexadecimal digits.
const SUFFIX: usize = 7;
/// For those of whom nothing is left in ASCII.
const NAMELESS: &str = "user";

/// A name as [`super::fields::Fields::username`] takes it, with room for a suffix.
pub(super) fn of(name: Option<&str>, email: &Email) -> String {
    let local = email.as_str().split('@').next();
    let usable = |text: &str| Some(plain(text)).filter(|text| text.len() >= SHORTEST_USERNAME);
    name.and_then(usable).or_else(|| local.and_then(usable)).unwrap_or_else(|| NAMELESS.to_owned())
}

/// The same name, made unlike any other.
///
/// # Errors
/// No randomness.
pub(super) fn distinct(name: &str) -> Result<String, Error> {
    let [a, b, c] = random::bytes().map_err(Error::internal)?;
    Ok(format!("{name}-{a:02x}{b:02x}{c:02x}"))
}

/// What a name may hold; words are joined by a dot.
fn plain(text: &str) -> String {
    let words = text.split_whitespace().map(|word| word.chars().filter(|sign| is_of_username(*sign)).collect());
    let words: Vec<String> = words.filter(|word: &String| !word.is_empty()).collect();
    let cut: String = words.join(".").chars().take(LONGEST_USERNAME - SUFFIX).collect();
    cut.trim_matches(['.', '_', '-']).to_owned()
}
