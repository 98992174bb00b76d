//! What people choose: parsed once, everything that is wrong told at once.

use entity::value::Email;
use secrecy::{ExposeSecret, SecretString};

use super::error::{Error, InvalidField};
use super::{avatar, common_passwords};

pub(super) const SHORTEST_USERNAME: usize = 3;
const SHORTEST_PASSWORD: usize = 8;
const LONGEST_PASSWORD: usize = 128;
pub(super) const LONGEST_USERNAME: usize = 64;
/// The fewest characters of a word of the account that a password must not depend on.
const SHORTEST_KNOWN: usize = 3;

/// Letters, digits and `._-` of any script would invite lookalikes, so ASCII ones.
pub(super) fn is_of_username(sign: char) -> bool {
    sign.is_ascii_alphanumeric() || "._-".contains(sign)
}

/// Fields that were looked at, and what is wrong with them.
#[derive(Default)]
pub(super) struct Fields(Vec<InvalidField>);

impl Fields {
    /// Notes what is wrong with a field, if something is.
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

    /// A password to be: long enough, none of the most common ones, and more than what is public about its owner: the address, its
    /// part before the `@`, and the name.
    pub(super) fn password(&mut self, field: &'static str, password: &SecretString, known: [&str; 2]) -> Option<()> {
        let text = password.expose_secret();
        let too_long = || Err(format!("has more than {LONGEST_PASSWORD} characters"));
        let parsed = match text.len() {
            // no character has more bytes than four
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

    /// # Errors
    /// Something was wrong.
    pub(super) fn check(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Invalid(self.0)) }
    }
}

/// Whether a password is none that an attacker tries first.
fn hard_to_guess(password: &str, known: [&str; 2]) -> Result<(), String> {
    let folded = common_passwords::fold(password);
    if folded.chars().count() < SHORTEST_PASSWORD {
        return Err(format!("has fewer than {SHORTEST_PASSWORD} characters without the spaces around it"));
    }
    if common_passwords::contains(&folded) {
        return Err("is one of the most common passwords".to_owned());
    }
    let mut words: Vec<String> = known.iter().map(|word| common_passwords::fold(word)).collect();
    words.extend(known.iter().filter_map(|word| word.split_once('@')).map(|(local, _)| common_passwords::fold(local)));
    words.retain(|word| word.chars().count() >= SHORTEST_KNOWN);
    // the address first, because it holds the part before the `@`
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    let rest = words.iter().fold(folded.clone(), |rest, word| rest.replace(word.as_str(), ""));
    if rest.len() < folded.len() && rest.chars().count() < SHORTEST_PASSWORD {
        return Err(format!(
            "has fewer than {SHORTEST_PASSWORD} characters besides the address and the name of the account"
        ));
    }
    Ok(())
}
