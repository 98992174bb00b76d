//! Logging in through Google and GitHub: the authorization code flow with PKCE (RFC 6749, 7636, 9700).
//!
//! Three steps. [`Providers::begin`] makes a state and the address to send the browser to. [`Providers::check`] takes what the
//! browser comes back with, and proves without asking anybody that this browser began this login. The caller then records
//! [`VerifiedCallback::state_hash`] as used, and only if it was not used before does [`Providers::exchange`] talk to the provider.
//!
//! One more provider: a variant of `entity::value::Provider`, a file beside `github.rs`, a field of [`OauthSettings`],
//! an arm wherever `Service` is matched.

mod error;
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

pub use error::{Error, OauthErrorKind};
pub use flow::{FlowKey, LIFETIME};
pub use http::ProviderFailure;
pub use profile::{ProviderProfile, ProviderTokenSet};
pub use settings::{OauthClient, OauthSettings, RedirectMode};

use flow::Flow;
use github::Github;
use google::Google;
use http::ProviderHttp;

/// The providers that are set up.
pub struct Providers {
    settings: OauthSettings,
    key: FlowKey,
    http: ProviderHttp,
    google: Option<Google>,
    github: Option<Github>,
}

/// One that is set up.
enum Service<'a> {
    Google(&'a Google),
    Github(&'a Github),
}

/// A login that has begun.
#[derive(Clone)]
pub struct StartedLogin {
    /// Where to send the browser.
    pub url: String,
    /// What the provider will send back with it.
    pub state: String,
    /// The value of a cookie for this browser, `HttpOnly`, `SameSite=Lax`, for [`LIFETIME`].
    pub cookie: SecretString,
}

/// What the browser comes back with.
#[derive(Clone, Default)]
pub struct CallbackParams {
    /// `state` of the query or the body.
    pub state: Option<String>,
    /// `code` likewise.
    pub code: Option<SecretString>,
    /// `error` likewise: the provider's, if there is no code.
    pub error: Option<String>,
    /// The value of [`StartedLogin::cookie`].
    pub cookie: Option<SecretString>,
}

/// A login whose state is proven. It can be exchanged once.
pub struct VerifiedCallback {
    flow: Flow,
    code: SecretString,
}

impl Providers {
    /// Asks no provider yet.
    ///
    /// # Errors
    /// [`Error::Setup`]
    pub fn new(settings: OauthSettings, key: FlowKey) -> Result<Self, Error> {
        let google = settings.google.clone().map(|client| Google::new(client, settings.google_issuer.clone()));
        let github = settings
            .github
            .clone()
            .map(|client| Github::new(client, settings.github_url.clone(), settings.github_api_url.clone()));
        Ok(Self { http: ProviderHttp::new(&settings)?, settings, key, google, github })
    }

    /// Makes a state, and the address to send the browser to.
    ///
    /// # Errors
    /// A provider that is not set up, or whose endpoints cannot be discovered.
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

    /// Proves that the browser that comes back is the one that began this login, not long ago, at this provider.
    ///
    /// # Errors
    /// A state that does not belong here; what the provider says instead of giving a code.
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

    /// Exchanges the code for tokens, and asks who it is.
    ///
    /// # Errors
    /// A code that is refused, a provider that fails, an ID token that proves nothing.
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
    /// SHA-256 of the state in hex, to be recorded as used.
    pub fn state_hash(&self) -> String {
        self.flow.state_hash()
    }

    /// Until when that record is needed.
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
        f.debug_struct("Begun").finish_non_exhaustive()
    }
}

impl fmt::Debug for CallbackParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").finish_non_exhaustive()
    }
}

impl fmt::Debug for VerifiedCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checked").field("provider", &self.flow.provider).finish_non_exhaustive()
    }
}

/// A step has one deadline, of however many requests it is made.
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
