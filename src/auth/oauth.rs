//! Login through Google and GitHub: the authorization code flow with PKCE (RFC 6749, 7636, 9700).
//!
//! A login has three steps. [`Providers::begin`] creates a state and the URL to which the browser is redirected.
//! [`Providers::check`] verifies, without a request to the provider, that the returning browser began this login. The
//! caller then records [`VerifiedCallback::state_hash`] as used. Only if the state was unused does the caller call
//! [`Providers::exchange`], which sends requests to the provider.
//!
//! To add a provider, add a variant of `entity::value::Provider`, a file beside `github.rs`, a field of
//! [`OauthSettings`], and an arm wherever `Service` is matched.

mod callback;
mod error;
mod failure;
mod flow;
mod github;
mod google;
mod http;
mod profile;
mod settings;
mod token_error;

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use entity::value::Provider;
use secrecy::SecretString;

pub use callback::CallbackParams;
pub use error::{Error, OauthErrorKind};
pub use failure::ProviderFailure;
pub use flow::{FlowKey, LIFETIME};
pub use profile::{ProviderProfile, ProviderTokenSet};
pub use settings::{OauthClient, OauthSettings, RedirectMode};

use flow::Flow;
use github::Github;
use google::Google;
use http::ProviderHttp;

/// Clients of all configured OAuth providers.
pub struct Providers {
    settings: OauthSettings,
    key: FlowKey,
    http: ProviderHttp,
    google: Option<Google>,
    github: Option<Github>,
}

/// Client of one configured provider.
enum Service<'a> {
    Google(&'a Google),
    Github(&'a Github),
}

/// Data of a login that has begun, for the browser.
#[derive(Clone)]
pub struct StartedLogin {
    /// URL of the provider to which the browser is redirected.
    pub url: String,
    /// State that the provider returns unchanged.
    pub state: String,
    /// Value of a cookie for this browser, with `HttpOnly`, `SameSite=Lax` and the lifetime [`LIFETIME`].
    pub cookie: SecretString,
}

/// Login with a verified state. Its code can be exchanged once.
pub struct VerifiedCallback {
    flow: Flow,
    code: SecretString,
}

impl Providers {
    /// Creates the client of the configured providers, without a request to them.
    ///
    /// # Errors
    /// Returns [`Error::Setup`] if the HTTP client cannot be created.
    pub fn new(settings: OauthSettings, key: FlowKey) -> Result<Self, Error> {
        let google = settings.google.clone().map(|client| Google::new(client, settings.google_issuer.clone()));
        let github = settings
            .github
            .clone()
            .map(|client| Github::new(client, settings.github_url.clone(), settings.github_api_url.clone()));
        Ok(Self { http: ProviderHttp::new(&settings)?, settings, key, google, github })
    }

    /// Begins a login: creates a state, and the URL to which the browser is redirected.
    ///
    /// # Errors
    /// Returns an error if the provider is not configured, or if its endpoints cannot be discovered.
    pub async fn begin(&self, provider: Provider, to: RedirectMode, now: DateTime<Utc>) -> Result<StartedLogin, Error> {
        let flow = Flow::begin(provider, self.settings.redirect_uri(provider, to), now)?;
        let url = match self.service(provider)? {
            Service::Google(google) => {
                let asked = google.authorize_url(&self.http, &flow, now);
                within(self.settings.timeout, provider, asked).await?
            }
            Service::Github(github) => github.authorize_url(&flow)?,
        };
        Ok(StartedLogin { url: url.into(), cookie: flow.seal(&self.key)?.into(), state: flow.state })
    }

    /// Verifies that the returning browser began this login at this provider, within [`LIFETIME`].
    ///
    /// # Errors
    /// Returns an error if the state is not valid, or if the provider returned an error in place of a code.
    pub fn check(
        &self,
        provider: Provider,
        answer: CallbackParams,
        now: DateTime<Utc>,
    ) -> Result<VerifiedCallback, Error> {
        self.service(provider)?;
        let flow = Flow::resume(&self.key, provider, &answer, now)?;
        match (answer.code, answer.error.as_deref()) {
            (_, Some("access_denied")) => Err(Error::Denied(provider)),
            (_, Some(error)) => Err(token_error::at_authorization(provider, error)),
            (Some(code), None) => Ok(VerifiedCallback { flow, code }),
            (None, None) => Err(Error::CodeMissing),
        }
    }

    /// Exchanges the code for tokens, and reads the profile of the user at the provider.
    ///
    /// # Errors
    /// Returns an error if the code is refused, if the provider fails, or if the ID token is not valid.
    pub async fn exchange(&self, checked: VerifiedCallback, now: DateTime<Utc>) -> Result<ProviderProfile, Error> {
        let VerifiedCallback { flow, code } = checked;
        let profile = async {
            match self.service(flow.provider)? {
                Service::Google(google) => google.profile(&self.http, &flow, &code, now).await,
                Service::Github(github) => github.profile(&self.http, &flow, &code, now).await,
            }
        };
        within(self.settings.timeout, flow.provider, profile).await
    }

    fn service(&self, provider: Provider) -> Result<Service<'_>, Error> {
        let service = match provider {
            Provider::Google => self.google.as_ref().map(Service::Google),
            Provider::Github => self.github.as_ref().map(Service::Github),
            Provider::Email => None,
        };
        service.ok_or(Error::NotConfigured(provider))
    }
}

impl VerifiedCallback {
    /// Returns the SHA-256 of the state in hex, which must be recorded as used.
    pub fn state_hash(&self) -> String {
        self.flow.state_hash()
    }

    /// Returns the time until which the record of the used state is needed.
    pub fn state_expires_at(&self) -> DateTime<Utc> {
        self.flow.expires_at
    }
}

impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Providers").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl fmt::Debug for StartedLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartedLogin").finish_non_exhaustive()
    }
}

impl fmt::Debug for CallbackParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackParams").finish_non_exhaustive()
    }
}

impl fmt::Debug for VerifiedCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedCallback").field("provider", &self.flow.provider).finish_non_exhaustive()
    }
}

/// Runs one step of a login with a time limit for all its requests together.
async fn within<T>(
    timeout: Duration,
    provider: Provider,
    step: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(timeout, step).await {
        Ok(result) => result,
        Err(_) => Err(error::at(provider, "logging in")(ProviderFailure::Late)),
    }
}
