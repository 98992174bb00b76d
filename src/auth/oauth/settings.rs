//! Settings of the login through providers.

use std::time::Duration;

use entity::value::Provider;
use sea_orm::ActiveEnum;
use secrecy::SecretString;

use crate::auth::BaseUrl;

/// Registrations at providers, and the redirect URLs. `Debug` prints no secret.
#[derive(Clone, Debug)]
pub struct OauthSettings {
    /// Registration of this service at Google.
    pub google: Option<OauthClient>,
    /// Registration of this service at GitHub.
    pub github: Option<OauthClient>,
    /// URL under which clients reach this service.
    pub public_url: BaseUrl,
    /// Redirect URL of the single-page application, with the placeholder `{provider}`; `None` for the callback of this
    /// service.
    pub page_url: Option<BaseUrl>,
    /// Issuer identifier of Google, below which its endpoints are discovered.
    pub google_issuer: BaseUrl,
    /// Base URL of GitHub for authorization and tokens.
    pub github_url: BaseUrl,
    /// Base URL of the GitHub API, which returns the profile.
    pub github_api_url: BaseUrl,
    /// Time limit for all requests to a provider in one step of a login.
    pub timeout: Duration,
}

/// Registration of this service at a provider.
#[derive(Clone, Debug)]
pub struct OauthClient {
    /// Client id, which is not secret.
    pub id: String,
    /// Secret of this client at the provider.
    pub secret: SecretString,
}

/// Target of the redirect from the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedirectMode {
    /// Callback of this service at `{public_url}/auth/oauth/{provider}/callback`.
    Callback,
    /// The single-page application, which sends code and state to this service.
    Page,
}

impl OauthSettings {
    /// Returns true if a configured provider is called over TLS.
    pub(super) fn uses_tls(&self) -> bool {
        let google = self.google.is_some() && self.google_issuer.is_https();
        let github = self.github.is_some() && (self.github_url.is_https() || self.github_api_url.is_https());
        google || github
    }

    /// Returns the redirect URI, which must be registered at the provider.
    pub fn redirect_uri(&self, provider: Provider, to: RedirectMode) -> String {
        let name = provider.to_value();
        match (to, &self.page_url) {
            (RedirectMode::Page, Some(url)) => url.as_str().replace("{provider}", &name),
            _ => self.public_url.at(&format!("/auth/oauth/{name}/callback")),
        }
    }
}
