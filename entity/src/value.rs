//! Value types: validated once, and unable to print secrets.

use std::fmt;

use sea_orm::entity::prelude::*;

/// E-mail address in its owner's spelling. Addresses that differ only in the case of ASCII letters name one account.
#[derive(Clone, Debug, PartialEq, Eq, Hash, DeriveValueType)]
pub struct Email(String);

/// Error for a text that is not an e-mail address this service accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidEmail;

impl fmt::Display for InvalidEmail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "not an e-mail address of the form name@host.tld with at most 255 characters, 64 of them before the `@`",
        )
    }
}

impl std::error::Error for InvalidEmail {}

impl Email {
    /// Parses the address of a new account: [`Self::parse_stored`] must accept it, and RFC 5321 and 5322 must allow it.
    ///
    /// Each label of the host has 1 to 63 characters and neither begins nor ends with a hyphen. No dot is first, last
    /// or doubled. The part before the `@` has at most 64 characters.
    ///
    /// # Errors
    /// Returns [`InvalidEmail`] for any other text.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let email = Self::parse_stored(text)?;
        let options =
            email_address::Options::default().with_required_tld().without_domain_literal().without_display_text();
        match email_address::EmailAddress::parse_with_options(&email.0, options) {
            Ok(_) => Ok(email),
            Err(_) => Err(InvalidEmail),
        }
    }

    /// Parses the address of an existing account. Accounts of earlier versions have addresses that [`Self::parse`]
    /// refuses.
    ///
    /// The rule is the check of the database. Before the `@` it allows ASCII letters, digits and `._%+-`. The host
    /// after it needs a dot and a top-level domain of letters.
    ///
    /// # Errors
    /// Returns [`InvalidEmail`] for any other text.
    pub fn parse_stored(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim();
        let (local, host) = text.split_once('@').ok_or(InvalidEmail)?;
        let (name, top) = host.rsplit_once('.').ok_or(InvalidEmail)?;
        let only = |part: &str, signs: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || signs.contains(c))
        };
        let letters = top.len() >= 2 && top.chars().all(|c| c.is_ascii_alphabetic());
        let valid = text.len() <= 255 && only(local, "._%+-") && only(name, ".-") && letters;
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidEmail) }
    }

    /// Returns the address in its owner's spelling.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the unique form of the address, with ASCII letters in lower case.
    ///
    /// The result equals `lower(email COLLATE "C")` of PostgreSQL and `COLLATE NOCASE` of SQLite, under every locale.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

/// PHC string of a password hash, empty for accounts of a provider. `Debug` prints `****`.
#[derive(Clone, PartialEq, Eq, Hash, DeriveValueType)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Wraps a PHC string without checking it.
    pub fn new(phc: impl Into<String>) -> Self {
        Self(phc.into())
    }

    /// Returns the PHC string, to verify a password.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

/// SHA-256 of a refresh token, in hex. `Debug` prints `****`.
#[derive(Clone, PartialEq, Eq, Hash, DeriveValueType)]
pub struct TokenHash(String);

impl TokenHash {
    /// Wraps a digest in hex without checking it.
    pub fn new(hex: impl Into<String>) -> Self {
        Self(hex.into())
    }

    /// Returns the digest in hex.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

/// Token of a provider, unencrypted or as ciphertext. `Debug` prints `****`.
#[derive(Clone, PartialEq, Eq, Hash, DeriveValueType)]
pub struct ProviderToken(String);

impl ProviderToken {
    /// Wraps a token without checking it.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    /// Returns the token as stored.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ProviderToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

/// Origin of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, serde::Serialize, serde::Deserialize)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(50))")]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// Registration with an e-mail address and a password.
    #[sea_orm(string_value = "email")]
    Email,
    /// Login through an account at Google.
    #[sea_orm(string_value = "google")]
    Google,
    /// Login through an account at GitHub.
    #[sea_orm(string_value = "github")]
    Github,
}

impl Provider {
    /// Returns the name that the database stores and that URLs contain.
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Google => "google",
            Self::Github => "github",
        }
    }
}
