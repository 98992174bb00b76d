//! Accounts at a provider, and the provider's tokens as they are stored.

use chrono::{DateTime, Utc};
use entity::oauth_provider::ActiveModel;
use entity::value::{Provider, ProviderToken};
use sea_orm::Set;

/// Tokens of a provider as they are stored; empty by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredTokens {
    /// Access token, in clear or as ciphertext.
    pub access: Option<ProviderToken>,
    /// Refresh token, in clear or as ciphertext.
    pub refresh: Option<ProviderToken>,
    /// Expiry of the access token.
    pub expires_at: Option<DateTime<Utc>>,
    /// Id of the key that encrypted the tokens; `None` if they are in clear.
    pub key_id: Option<String>,
}

/// Account at a provider that has just been verified.
#[derive(Debug, Clone)]
pub struct ProviderIdentity {
    /// Provider that verified the account.
    pub provider: Provider,
    /// Id of the account at the provider.
    pub provider_id: String,
    /// Address of the account's picture at the provider.
    pub picture: Option<String>,
    /// Tokens of the provider to be stored.
    pub tokens: StoredTokens,
}

impl StoredTokens {
    /// Returns the columns that store the tokens.
    pub(super) fn columns(&self) -> ActiveModel {
        ActiveModel {
            access_token: Set(self.access.clone()),
            refresh_token: Set(self.refresh.clone()),
            expires_at: Set(self.expires_at),
            key_id: Set(self.key_id.clone()),
            ..Default::default()
        }
    }
}
