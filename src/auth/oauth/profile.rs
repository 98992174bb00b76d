//! Who came back from a provider.

use chrono::{DateTime, TimeDelta, Utc};
use entity::value::{Email, Provider};
use oauth2::TokenResponse;
use secrecy::SecretString;

use super::super::avatar;
use super::Error;

/// As much of a name as is read.
const MAX_NAME: usize = 255;

/// An account at a provider, as the provider tells it.
#[derive(Clone, Debug)]
pub struct ProviderProfile {
    /// Which.
    pub provider: Provider,
    /// Never changes, and is never given to anybody else; unlike the address.
    pub provider_id: String,
    /// `None`: it has none, or none that we accept.
    pub email: Option<Email>,
    /// Whether the provider vouches for it.
    pub email_verified: bool,
    /// What its owner is called.
    pub name: Option<String>,
    /// A picture, by https.
    pub avatar_url: Option<String>,
    /// For asking the provider again.
    pub tokens: ProviderTokenSet,
}

/// Tokens of a provider, in clear. Prints none.
#[derive(Clone, Debug)]
pub struct ProviderTokenSet {
    /// Access.
    pub access: SecretString,
    /// `None`: it gave none.
    pub refresh: Option<SecretString>,
    /// Of the access token; `None`: it did not say.
    pub expires_at: Option<DateTime<Utc>>,
}

impl ProviderProfile {
    /// The only address by which an account may be found or made.
    ///
    /// # Errors
    /// [`Error::NoVerifiedEmail`]
    pub fn verified_email(&self) -> Result<&Email, Error> {
        self.email.as_ref().filter(|_| self.email_verified).ok_or(Error::NoVerifiedEmail(self.provider))
    }
}

impl ProviderTokenSet {
    pub(super) fn of(response: &impl TokenResponse, now: DateTime<Utc>) -> Self {
        let lifetime = response.expires_in().and_then(|lifetime| TimeDelta::from_std(lifetime).ok());
        Self {
            access: SecretString::from(response.access_token().secret().as_str()),
            refresh: response.refresh_token().map(|token| SecretString::from(token.secret().as_str())),
            expires_at: lifetime.and_then(|lifetime| now.checked_add_signed(lifetime)),
        }
    }
}

/// A name without control characters, cut to what is stored; `None` if nothing is left.
pub(super) fn name(text: &str) -> Option<String> {
    let name: String = text.trim().chars().filter(|sign| !sign.is_control()).take(MAX_NAME).collect();
    Some(name).filter(|name| !name.is_empty())
}

/// The address of a picture, if it is one that a profile could have, too.
pub(super) fn picture(text: &str) -> Option<String> {
    avatar::parse(text).ok()
}
