//! What has to be known to log in through providers.

use std::time::Duration;

use entity::value::Provider;
use sea_orm::ActiveEnum;
use secrecy::SecretString;

use crate::auth::BaseUrl;

/// Providers, and where browsers come back to. Prints no secret.
#[derive(Clone, Debug)]
pub struct OauthSettings {
    /// Ours at Google.
    pub google: Option<OauthClient>,
    /// Ours at GitHub.
    pub github: Option<OauthClient>,
    /// Where this service is reached from outside.
    pub public_url: BaseUrl,
    /// Where the single-page application is sent back to; `{provider}` in it is replaced. `None`: as everybody else.
    pub page_url: Option<BaseUrl>,
    /// Google's issuer identifier; its endpoints are discovered below it.
    pub google_issuer: BaseUrl,
    /// Where GitHub authorizes and gives tokens.
    pub github_url: BaseUrl,
    /// Where GitHub tells who somebody is.
    pub github_api_url: BaseUrl,
    /// How long a provider may take for a whole step of a login.
    pub timeout: Duration,
}

/// A registration at a provider.
#[derive(Clone, Debug)]
pub struct OauthClient {
    /// It is no secret.
    pub id: String,
    /// It is.
    pub secret: SecretString,
}

/// Where the browser comes back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedirectMode {
    /// To this service: `{public_url}/auth/oauth/{provider}/callback`.
    Callback,
    /// To the single-page application, which posts code and state.
    Page,
}

impl OauthSettings {
    /// Whether a provider that is set up is asked over TLS.
    pub(super) fn uses_tls(&self) -> bool {
        let google = self.google.is_some() && self.google_issuer.is_https();
        let github = self.github.is_some() && (self.github_url.is_https() || self.github_api_url.is_https());
        google || github
    }

    /// The redirect URI, which has to be registered at the provider.
    pub fn redirect_uri(&self, provider: Provider, to: RedirectMode) -> String {
        let name = provider.to_value();
        match (to, &self.page_url) {
            (RedirectMode::Page, Some(url)) => url.as_str().replace("{provider}", &name),
            _ => self.public_url.at(&format!("/auth/oauth/{name}/callback")),
        }
    }
}
