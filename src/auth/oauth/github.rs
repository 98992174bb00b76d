//! GitHub login by OAuth 2. GitHub issues no ID token, so the profile is read with the access token.

use chrono::{DateTime, Utc};
use entity::value::{Email, Provider};
use oauth2::basic::BasicClient;
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenUrl,
};
use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::error::at;
use super::failure::ProviderFailure;
use super::flow::Flow;
use super::http::ProviderHttp;
use super::profile::{self, ProviderProfile, ProviderTokenSet};
use super::settings::OauthClient;
use super::{Error, token_error};
use crate::auth::BaseUrl;

const PROVIDER: Provider = Provider::Github;

type Oauth2Client = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

pub(super) struct Github {
    client: OauthClient,
    url: BaseUrl,
    api: BaseUrl,
}

/// Answer of `GET /user`.
#[derive(Deserialize)]
struct GithubUser {
    /// Permanent id of the user. The login name can change and can pass to another user.
    id: u64,
    login: String,
    name: Option<String>,
    avatar_url: Option<String>,
}

/// Item of the answer of `GET /user/emails`.
#[derive(Deserialize)]
struct GithubAddress {
    email: String,
    primary: bool,
    verified: bool,
}

impl Github {
    pub(super) fn new(client: OauthClient, url: BaseUrl, api: BaseUrl) -> Self {
        Self { client, url, api }
    }

    /// Returns the URL to which the browser is redirected.
    pub(super) fn authorize_url(&self, flow: &Flow) -> Result<Url, Error> {
        let state = CsrfToken::new(flow.state.clone());
        let verifier = PkceCodeVerifier::new(flow.verifier.clone());
        let client = self.client(flow)?;
        let request = client
            .authorize_url(move || state)
            .add_scopes(["read:user", "user:email"].map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        Ok(request.url().0)
    }

    /// Exchanges the code for tokens, and reads the profile of the user.
    pub(super) async fn profile(
        &self,
        http: &ProviderHttp,
        flow: &Flow,
        code: &SecretString,
        now: DateTime<Utc>,
    ) -> Result<ProviderProfile, Error> {
        let client = self.client(flow)?;
        let request = client
            .exchange_code(AuthorizationCode::new(code.expose_secret().to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(flow.verifier.clone()));
        let response = request.request_async(http).await.map_err(token_error::of(PROVIDER))?;
        let tokens = ProviderTokenSet::of(&response, now);
        let token = tokens.access.expose_secret();
        let user: GithubUser =
            http.get(&self.api.at("/user"), token, headers()).await.map_err(at(PROVIDER, "reading the account"))?;
        let addresses: Vec<GithubAddress> = http
            .get(&self.api.at("/user/emails?per_page=100"), token, headers())
            .await
            .map_err(at(PROVIDER, "reading its addresses"))?;
        Ok(profile_of(user, addresses, tokens))
    }

    fn client(&self, flow: &Flow) -> Result<Oauth2Client, Error> {
        let unusable = |_| at(PROVIDER, "its address")(ProviderFailure::Unreadable);
        let redirect = RedirectUrl::new(flow.redirect_uri.clone()).map_err(|_| Error::StateMismatch)?;
        Ok(BasicClient::new(ClientId::new(self.client.id.clone()))
            .set_client_secret(ClientSecret::new(self.client.secret.expose_secret().to_owned()))
            .set_auth_type(AuthType::RequestBody)
            .set_auth_uri(AuthUrl::new(self.url.at("/login/oauth/authorize")).map_err(unusable)?)
            .set_token_uri(TokenUrl::new(self.url.at("/login/oauth/access_token")).map_err(unusable)?)
            .set_redirect_uri(redirect))
    }
}

fn headers() -> HeaderMap {
    HeaderMap::from_iter([
        (ACCEPT, HeaderValue::from_static("application/vnd.github+json")),
        (HeaderName::from_static("x-github-api-version"), HeaderValue::from_static("2022-11-28")),
    ])
}

/// Builds the profile. Only the primary address counts, because another person may own an older address by now.
fn profile_of(user: GithubUser, addresses: Vec<GithubAddress>, tokens: ProviderTokenSet) -> ProviderProfile {
    let primary = addresses.into_iter().find(|address| address.primary);
    ProviderProfile {
        provider: PROVIDER,
        provider_id: user.id.to_string(),
        email_verified: primary.as_ref().is_some_and(|address| address.verified),
        email: primary.and_then(|address| Email::parse(&address.email).ok()),
        name: user.name.as_deref().and_then(profile::name).or_else(|| profile::name(&user.login)),
        avatar_url: user.avatar_url.as_deref().and_then(profile::picture),
        tokens,
    }
}
