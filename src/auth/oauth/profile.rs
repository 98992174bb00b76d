//! Profile and tokens of a user at a provider.

use chrono::{DateTime, TimeDelta, Utc};
use entity::value::{Email, Provider};
use oauth2::TokenResponse;
use secrecy::SecretString;

use super::super::avatar;
use super::Error;

/// Maximum length of a name, in characters. A longer name is cut.
const MAX_NAME: usize = 255;

/// Account at a provider, as the provider describes it.
#[derive(Clone, Debug)]
pub struct ProviderProfile {
    /// Provider of the account.
    pub provider: Provider,
    /// Permanent id of the account at the provider. In contrast to the address, it never passes to another user.
    pub provider_id: String,
    /// E-mail address; `None` if the account has none that this service accepts.
    pub email: Option<Email>,
    /// True if the provider has verified the address.
    pub email_verified: bool,
    /// Name of the user.
    pub name: Option<String>,
    /// URL of a picture, with https.
    pub avatar_url: Option<String>,
    /// Tokens for further requests to the provider.
    pub tokens: ProviderTokenSet,
}

/// Unencrypted tokens of a provider. `Debug` prints none.
#[derive(Clone, Debug)]
pub struct ProviderTokenSet {
    /// Access token of the provider.
    pub access: SecretString,
    /// Refresh token; `None` if the provider issued none.
    pub refresh: Option<SecretString>,
    /// Expiry of the access token; `None` if the provider reported none.
    pub expires_at: Option<DateTime<Utc>>,
}

impl ProviderProfile {
    /// Returns the only address by which an account may be found or created.
    ///
    /// # Errors
    /// Returns [`Error::NoVerifiedEmail`] if the provider has not verified an address.
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

/// Removes control characters from a name and cuts it to 255 characters. Returns `None` if nothing is left.
pub(super) fn name(text: &str) -> Option<String> {
    let name: String = text.trim().chars().filter(|sign| !sign.is_control()).take(MAX_NAME).collect();
    Some(name).filter(|name| !name.is_empty())
}

/// Returns the URL of a picture, if it is valid for a profile.
pub(super) fn picture(text: &str) -> Option<String> {
    avatar::parse(text).ok()
}
