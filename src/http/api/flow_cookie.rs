//! The cookie that holds a login through a provider. Scripts cannot read it, other sites' requests do not carry it, except when the browser
//! is sent back by a link, and it goes nowhere but to `/auth/oauth`.

use axum::http::{HeaderMap, header};
use entity::value::Provider;
use secrecy::{ExposeSecret, SecretString};

use super::ApiSettings;
use crate::auth::oauth::LIFETIME;

/// One for each provider, so that two logins do not get into each other's way.
pub(super) struct FlowCookie {
    name: String,
    attributes: String,
}

impl FlowCookie {
    pub(super) fn of(provider: Provider, settings: &ApiSettings) -> Self {
        // browsers take a cookie of this prefix only from https, so nobody on the way can plant one
        let (prefix, secure) = if settings.is_https { ("__Secure-", "; Secure") } else { ("", "") };
        Self {
            name: format!("{prefix}authsvc_oauth_{}", provider.name()),
            attributes: format!("HttpOnly; SameSite=Lax; Path={}/auth/oauth{secure}", settings.base_path),
        }
    }

    /// `Set-Cookie` of a login that has begun.
    pub(super) fn set(&self, value: &SecretString) -> String {
        let seconds = LIFETIME.num_seconds();
        format!("{}={}; Max-Age={seconds}; {}", self.name, value.expose_secret(), self.attributes)
    }

    /// `Set-Cookie` of one that has ended.
    pub(super) fn clear(&self) -> String {
        format!("{}=; Max-Age=0; {}", self.name, self.attributes)
    }

    /// Its value in a request.
    pub(super) fn read(&self, headers: &HeaderMap) -> Option<SecretString> {
        read(&self.name, headers)
    }
}

/// The value of a cookie in a request.
pub(super) fn read(name: &str, headers: &HeaderMap) -> Option<SecretString> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| SecretString::from(value))
}
