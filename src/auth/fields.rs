//! What people choose: parsed once, everything that is wrong told at once.

use entity::value::Email;
use secrecy::{ExposeSecret, SecretString};

use super::error::{Error, InvalidField};

pub(super) const SHORTEST_USERNAME: usize = 3;
const SHORTEST_PASSWORD: usize = 8;
const LONGEST_PASSWORD: usize = 128;
pub(super) const LONGEST_USERNAME: usize = 64;
const LONGEST_AVATAR: usize = 500;

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

    /// A password to be; long enough, and not what everybody knows of its owner.
    pub(super) fn password(&mut self, field: &'static str, password: &SecretString, known: [&str; 2]) -> Option<()> {
        let text = password.expose_secret();
        let is_known = |word: &str| !word.is_empty() && text.eq_ignore_ascii_case(word);
        let parsed = match text.chars().count() {
            0..SHORTEST_PASSWORD => Err(format!("has fewer than {SHORTEST_PASSWORD} characters")),
            count if count > LONGEST_PASSWORD => Err(format!("has more than {LONGEST_PASSWORD} characters")),
            _ if known.into_iter().any(is_known) => Err("is the address or the name of the account".to_owned()),
            _ => Ok(()),
        };
        self.note(field, parsed)
    }

    pub(super) fn avatar(&mut self, text: &str) -> Option<String> {
        let plain = |text: &str| text.chars().all(|sign| sign.is_ascii_graphic());
        let parsed = if !text.starts_with("https://") || text.len() < 12 || !plain(text) {
            Err("is no https address".to_owned())
        } else if text.len() > LONGEST_AVATAR {
            Err(format!("has more than {LONGEST_AVATAR} characters"))
        } else {
            Ok(text.to_owned())
        };
        self.note("avatar", parsed)
    }

    /// # Errors
    /// Something was wrong.
    pub(super) fn check(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Invalid(self.0)) }
    }
}
