//! Validation of fields that users choose. One answer reports all invalid fields.

use entity::value::Email;
use secrecy::{ExposeSecret, SecretString};

use super::error::{Error, InvalidField};
use super::{avatar, common_passwords};

pub(super) const SHORTEST_USERNAME: usize = 3;
const SHORTEST_PASSWORD: usize = 8;
const LONGEST_PASSWORD: usize = 128;
pub(super) const LONGEST_USERNAME: usize = 64;
/// Minimum length of a word of the account (address or name) that a password must not depend on, in characters.
const SHORTEST_KNOWN: usize = 3;

/// Returns true if a user name may contain the character. Only ASCII is allowed, because other scripts have lookalikes.
pub(super) fn is_of_username(sign: char) -> bool {
    sign.is_ascii_alphanumeric() || "._-".contains(sign)
}

/// Validator that collects the errors of all fields.
#[derive(Default)]
pub(super) struct Fields(Vec<InvalidField>);

impl Fields {
    /// Records the error of a field, if it has one.
    fn note<T>(&mut self, field: &'static str, parsed: Result<T, String>) -> Option<T> {
        parsed.map_err(|message| self.0.push(InvalidField { field, message })).ok()
    }

    pub(super) fn email(&mut self, text: &str) -> Option<Email> {
        self.note("email", Email::parse(text).map_err(|error| error.to_string()))
    }

    pub(super) fn username(&mut self, text: &str) -> Option<String> {
        let text = text.trim();
        let parsed = match text.chars().count() {
            0..SHORTEST_USERNAME => Err(format!("has fewer than {SHORTEST_USERNAME} characters")),
            count if count > LONGEST_USERNAME => Err(format!("has more than {LONGEST_USERNAME} characters")),
            _ if !text.chars().all(is_of_username) => {
                Err("has other characters than letters, digits, `.`, `_` and `-`".to_owned())
            }
            _ => Ok(text.to_owned()),
        };
        self.note("username", parsed)
    }

    /// Validates a new password. It must be long enough and not be one of the most common passwords.
    ///
    /// It must also contain enough besides public words of its owner: the address, its part before the `@`, and the
    /// name.
    pub(super) fn password(&mut self, field: &'static str, password: &SecretString, known: [&str; 2]) -> Option<()> {
        let text = password.expose_secret();
        let too_long = || Err(format!("has more than {LONGEST_PASSWORD} characters"));
        let parsed = match text.len() {
            // a character has at most four bytes
            bytes if bytes > LONGEST_PASSWORD * 4 => too_long(),
            _ => match text.chars().count() {
                0..SHORTEST_PASSWORD => Err(format!("has fewer than {SHORTEST_PASSWORD} characters")),
                count if count > LONGEST_PASSWORD => too_long(),
                _ => hard_to_guess(text, known),
            },
        };
        self.note(field, parsed)
    }

    pub(super) fn avatar(&mut self, text: &str) -> Option<String> {
        self.note("avatar", avatar::parse(text))
    }

    /// Returns the errors of all fields together.
    ///
    /// # Errors
    /// Returns [`Error::Invalid`] if a field is not valid.
    pub(super) fn check(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Invalid(self.0)) }
    }
}

/// Checks that a password is not one that an attacker tries first.
fn hard_to_guess(password: &str, known: [&str; 2]) -> Result<(), String> {
    let folded = common_passwords::fold(password);
    if password.trim().chars().count() < SHORTEST_PASSWORD {
        return Err(format!("has fewer than {SHORTEST_PASSWORD} characters without the spaces around it"));
    }
    if common_passwords::contains(&folded) {
        return Err("is one of the most common passwords".to_owned());
    }
    let mut words: Vec<String> = known.iter().map(|word| common_passwords::fold(word)).collect();
    words.extend(known.iter().filter_map(|word| word.split_once('@')).map(|(local, _)| common_passwords::fold(local)));
    words.retain(|word| word.chars().count() >= SHORTEST_KNOWN);
    // the whole address first, because it contains the part before the `@`
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    let rest = words.iter().fold(folded.clone(), |rest, word| rest.replace(word.as_str(), ""));
    if rest.len() < folded.len() && rest.chars().count() < SHORTEST_PASSWORD {
        return Err(format!(
            "has fewer than {SHORTEST_PASSWORD} characters besides the address and the name of the account"
        ));
    }
    Ok(())
}
