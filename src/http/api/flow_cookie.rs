//! Cookie with the state of a login through a provider.
//!
//! Scripts cannot read the cookie. Requests from other sites do not include it, except for the redirect back to this
//! service. Browsers send it only to `/auth/oauth`.

use axum::http::{HeaderMap, header};
use entity::value::Provider;
use secrecy::{ExposeSecret, SecretString};

use super::settings::ApiSettings;
use crate::auth::oauth::LIFETIME;

/// Cookie of one provider, so that concurrent logins at two providers do not interfere.
pub(super) struct FlowCookie {
    name: String,
    attributes: String,
}

impl FlowCookie {
    pub(super) fn of(provider: Provider, settings: &ApiSettings) -> Self {
        // browsers accept this prefix only from https, so that an attacker on the network cannot plant a cookie
        let (prefix, secure) = if settings.is_https { ("__Secure-", "; Secure") } else { ("", "") };
        Self {
            name: format!("{prefix}authsvc_oauth_{}", provider.name()),
            attributes: format!("HttpOnly; SameSite=Lax; Path={}/auth/oauth{secure}", settings.base_path),
        }
    }

    /// Returns the `Set-Cookie` value for a login that has begun.
    pub(super) fn set(&self, value: &SecretString) -> String {
        let seconds = LIFETIME.num_seconds();
        format!("{}={}; Max-Age={seconds}; {}", self.name, value.expose_secret(), self.attributes)
    }

    /// Returns the `Set-Cookie` value that deletes the cookie.
    pub(super) fn clear(&self) -> String {
        format!("{}=; Max-Age=0; {}", self.name, self.attributes)
    }

    /// Returns the cookie value of a request.
    pub(super) fn read(&self, headers: &HeaderMap) -> Option<SecretString> {
        read(&self.name, headers)
    }
}

/// Returns the value of a cookie of a request.
pub(super) fn read(name: &str, headers: &HeaderMap) -> Option<SecretString> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| SecretString::from(value))
}
