//! Values with a meaning: parsed once, and unable to print what is secret.

use std::fmt;

use sea_orm::entity::prelude::*;

/// An e-mail address as its owner wrote it. Two are the same if they differ only in case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, DeriveValueType)]
pub struct Email(String);

/// A text that is not an e-mail address this service accepts.
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
    /// An address for a new account: one that [`Self::parse_stored`] accepts and that RFC 5321 and 5322 allow as well. Each label of
    /// the host has 1 to 63 characters and neither begins nor ends with a hyphen. No dot is first, last or doubled. The part before
    /// the `@` has at most 64 characters.
    ///
    /// # Errors
    /// [`InvalidEmail`] for anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let email = Self::parse_stored(text)?;
        let options =
            email_address::Options::default().with_required_tld().without_domain_literal().without_display_text();
        match email_address::EmailAddress::parse_with_options(&email.0, options) {
            Ok(_) => Ok(email),
            Err(_) => Err(InvalidEmail),
        }
    }

    /// An address to look an account up by: accounts of earlier versions have addresses that [`Self::parse`] refuses. Accepts what the
    /// database's check accepts: ASCII letters, digits and `._%+-` before the `@`, a host with a dot and a top-level domain of letters
    /// after it.
    ///
    /// # Errors
    /// [`InvalidEmail`] for anything else.
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

    /// As its owner wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that is unique: ASCII letters in lower case, and nothing else changed, as `lower(email COLLATE "C")` of PostgreSQL
    /// and `COLLATE NOCASE` of SQLite do under every locale.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

/// A password's PHC string; empty for accounts of a provider. Prints as `****`.
#[derive(Clone, PartialEq, Eq, Hash, DeriveValueType)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Wraps a PHC string.
    pub fn new(phc: impl Into<String>) -> Self {
        Self(phc.into())
    }

    /// The PHC string, to verify a password against.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

/// SHA-256 of a refresh token, in hex.
#[derive(Clone, PartialEq, Eq, Hash, DeriveValueType)]
pub struct TokenHash(String);

impl TokenHash {
    /// Wraps a digest.
    pub fn new(hex: impl Into<String>) -> Self {
        Self(hex.into())
    }

    /// The digest in hex.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

/// A token of a provider, in clear or as ciphertext. Prints as `****`.
#[derive(Clone, PartialEq, Eq, Hash, DeriveValueType)]
pub struct ProviderToken(String);

impl ProviderToken {
    /// Wraps a token.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    /// The token.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ProviderToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

/// Where an account comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, serde::Serialize, serde::Deserialize)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(50))")]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// Address and password.
    #[sea_orm(string_value = "email")]
    Email,
    /// Google.
    #[sea_orm(string_value = "google")]
    Google,
    /// GitHub.
    #[sea_orm(string_value = "github")]
    Github,
}

impl Provider {
    /// As it is stored and written in addresses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Google => "google",
            Self::Github => "github",
        }
    }
}
