//! HTTP client for providers: TLS by rustls with ring, no redirects, short timeouts, answers of limited size.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::header::{HeaderMap, HeaderValue};
use rustls::{ClientConfig, RootCertStore};
use url::Url;

use super::failure::ProviderFailure;
use super::{Error, OauthSettings};
use crate::auth::base_url;

/// Maximum size of an answer, in bytes. Real answers are far smaller.
const MAX_BODY: usize = 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// `User-Agent` header. GitHub refuses requests without one.
const USER_AGENT: &str = concat!("authsvc/", env!("CARGO_PKG_VERSION"));

/// HTTP client for all providers.
#[derive(Clone, Debug)]
pub(super) struct ProviderHttp(reqwest::Client);

impl ProviderHttp {
    /// Creates the client. The CA certificates of the system are read only if a provider is called over TLS.
    pub(super) fn new(settings: &OauthSettings) -> Result<Self, Error> {
        let roots = if settings.uses_tls() { roots()? } else { RootCertStore::empty() };
        let builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(roots)?)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(settings.timeout)
            .user_agent(USER_AGENT)
            // only `config` reads the environment
            .no_proxy();
        builder.build().map(Self).map_err(|error| Error::Setup(causes(&error)))
    }

    /// Sends a GET request with an access token, and parses the answer as JSON.
    pub(super) async fn get<T: serde::de::DeserializeOwned>(
        &self,
        url: &str,
        token: &str,
        headers: HeaderMap,
    ) -> Result<T, ProviderFailure> {
        let url = Url::parse(url).map_err(|_| ProviderFailure::Insecure)?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| ProviderFailure::Unreadable)?;
        bearer.set_sensitive(true);
        let request = self.0.get(url).headers(headers).header("authorization", bearer).build();
        let answer = self.send(request.map_err(unreachable)?).await?;
        match answer.status().as_u16() {
            200 => serde_json::from_slice(answer.body()).map_err(|_| ProviderFailure::Unreadable),
            status => Err(ProviderFailure::Status(status)),
        }
    }

    /// Sends a request and reads the whole answer. A redirect or a server error is a failure.
    async fn send(&self, request: reqwest::Request) -> Result<HttpResponse, ProviderFailure> {
        if !base_url::is_private(request.url()) {
            return Err(ProviderFailure::Insecure);
        }
        let mut response = self.0.execute(request).await.map_err(unreachable)?;
        let status = response.status();
        if status.is_redirection() || status.is_server_error() {
            return Err(ProviderFailure::Status(status.as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > MAX_BODY {
                return Err(ProviderFailure::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        let mut answer = HttpResponse::new(body);
        *answer.status_mut() = status;
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        Ok(answer)
    }
}

impl<'c> AsyncHttpClient<'c> for ProviderHttp {
    type Error = ProviderFailure;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, ProviderFailure>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move { self.send(request.try_into().map_err(unreachable)?).await })
    }
}

fn roots() -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 { Err(Error::Setup("no CA certificate is installed".to_owned())) } else { Ok(roots) }
}

/// Builds the TLS settings. They name the crypto provider, so that no process-wide one must be installed.
fn tls(roots: RootCertStore) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Setup(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn unreachable(error: reqwest::Error) -> ProviderFailure {
    if error.is_timeout() { ProviderFailure::Late } else { ProviderFailure::Unreachable(causes(&error.without_url())) }
}

/// Returns the text of the innermost cause, which is the most precise one.
fn causes(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost.to_string()
}
