//! Storage of the tokens that providers issue. They are stored for later requests to providers, which do not exist yet.

use std::sync::Arc;

use entity::value::{Provider, ProviderToken};
use secrecy::{ExposeSecret, SecretString};

use super::oauth::ProviderProfile;
use super::vault::{Error, TokenColumn, TokenLocation, Vault};
use crate::db::StoredTokens;

/// Policy for storing tokens of providers.
#[derive(Debug, Clone)]
pub enum ProviderTokens {
    /// Tokens are stored encrypted.
    Sealed(Arc<Vault>),
    /// Tokens are stored unencrypted, in development and tests only.
    InClear,
    /// Tokens are not stored.
    Dropped,
}

impl ProviderTokens {
    /// Returns the form in which the tokens of a login are stored.
    ///
    /// # Errors
    /// Returns [`Error::Seal`] if the tokens cannot be encrypted.
    pub(super) fn stored(&self, profile: &ProviderProfile) -> Result<StoredTokens, Error> {
        let (access, refresh) = (&profile.tokens.access, profile.tokens.refresh.as_ref());
        let clear = |token: &SecretString| ProviderToken::new(token.expose_secret());
        let expires_at = profile.tokens.expires_at;
        match self {
            Self::Sealed(vault) => {
                let tokens = sealed(vault, (profile.provider, &profile.provider_id), Some(access), refresh)?;
                Ok(StoredTokens { expires_at, ..tokens })
            }
            Self::InClear => {
                Ok(StoredTokens { access: Some(clear(access)), refresh: refresh.map(clear), expires_at, key_id: None })
            }
            Self::Dropped => Ok(StoredTokens::default()),
        }
    }

    /// Returns the encryption keys, if tokens are stored encrypted.
    pub(super) fn vault(&self) -> Option<&Vault> {
        match self {
            Self::Sealed(vault) => Some(vault),
            Self::InClear | Self::Dropped => None,
        }
    }
}

/// Encrypts the tokens of an account at a provider with the current key.
pub(super) fn sealed(
    vault: &Vault,
    (provider, provider_id): (Provider, &str),
    access: Option<&SecretString>,
    refresh: Option<&SecretString>,
) -> Result<StoredTokens, Error> {
    let seal = |token: Option<&SecretString>, column| {
        token.map(|token| vault.seal(token, TokenLocation { provider, provider_id, column })).transpose()
    };
    Ok(StoredTokens {
        access: seal(access, TokenColumn::AccessToken)?.map(|sealed| sealed.token),
        refresh: seal(refresh, TokenColumn::RefreshToken)?.map(|sealed| sealed.token),
        expires_at: None,
        key_id: Some(vault.current_key_id().to_owned()),
    })
}
