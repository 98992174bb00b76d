//! Google login by OpenID Connect.
//!
//! Endpoints and keys are discovered. The profile comes from an ID token that this module verifies (OpenID Connect
//! Core, 3.1.3.7).

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use entity::value::{Email, Provider};
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreIdToken, CoreIdTokenClaims, CoreIdTokenVerifier, CoreJwsSigningAlgorithm,
    CoreProviderMetadata,
};
use openidconnect::{
    AccessToken, AccessTokenHash, AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret,
    CsrfToken, DiscoveryError, EndpointMaybeSet, EndpointNotSet, EndpointSet, IssuerUrl, Nonce, OAuth2TokenResponse,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, SignatureVerificationError, TokenResponse,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::RwLock;
use url::Url;

use super::error::at;
use super::failure::ProviderFailure;
use super::flow::Flow;
use super::http::ProviderHttp;
use super::profile::{self, ProviderProfile, ProviderTokenSet};
use super::settings::OauthClient;
use super::{Error, token_error};
use crate::auth::{BaseUrl, base_url};

/// Lifetime of the discovered endpoints and keys. Google publishes a new key days before it signs with it.
const METADATA_LIFETIME: TimeDelta = TimeDelta::hours(1);
/// Accepted lead of Google's clock.
const CLOCK_SKEW: TimeDelta = TimeDelta::minutes(5);
/// Maximum length of a subject, the width of `users.provider_id` and `oauth_providers.provider_id`.
const MAX_SUBJECT: usize = 255;
const PROVIDER: Provider = Provider::Google;

type OidcClient =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

pub(super) struct Google {
    client: OauthClient,
    issuer: BaseUrl,
    metadata: RwLock<Option<Arc<Discovered>>>,
}

struct Discovered {
    metadata: CoreProviderMetadata,
    at: DateTime<Utc>,
}

impl Google {
    pub(super) fn new(client: OauthClient, issuer: BaseUrl) -> Self {
        Self { client, issuer, metadata: RwLock::default() }
    }

    /// Returns the URL to which the browser is redirected.
    pub(super) async fn authorize_url(
        &self,
        http: &ProviderHttp,
        flow: &Flow,
        now: DateTime<Utc>,
    ) -> Result<Url, Error> {
        let discovered = self.discovered(http, now - METADATA_LIFETIME, now).await?;
        let client = self.client(&discovered.metadata, flow)?;
        if !base_url::is_private(client.auth_uri().url()) {
            return Err(at(PROVIDER, "discovery")(ProviderFailure::Insecure));
        }
        let (state, nonce) = (CsrfToken::new(flow.state.clone()), Nonce::new(flow.nonce.clone()));
        let verifier = PkceCodeVerifier::new(flow.verifier.clone());
        let request = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, move || state, move || nonce)
            .add_scopes(["email", "profile"].map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        Ok(request.url().0)
    }

    /// Exchanges the code for tokens, and verifies the ID token.
    pub(super) async fn profile(
        &self,
        http: &ProviderHttp,
        flow: &Flow,
        code: &SecretString,
        now: DateTime<Utc>,
    ) -> Result<ProviderProfile, Error> {
        let discovered = self.discovered(http, now - METADATA_LIFETIME, now).await?;
        let client = self.client(&discovered.metadata, flow)?;
        let request = client
            .exchange_code(AuthorizationCode::new(code.expose_secret().to_owned()))
            .map_err(|_| at(PROVIDER, "discovery")(ProviderFailure::Unreadable))?
            .set_pkce_verifier(PkceCodeVerifier::new(flow.verifier.clone()));
        let response = request.request_async(http).await.map_err(token_error::of(PROVIDER))?;
        let token = response.id_token().ok_or(refused("it is missing"))?;
        let nonce = Nonce::new(flow.nonce.clone());
        let checked = match check(&client, token, &nonce, response.access_token(), now) {
            // the token may be signed with a key that is newer than the cached keys
            Err(Refusal::UnknownKey) if discovered.at < now => {
                let discovered = self.discovered(http, now, now).await?;
                check(&self.client(&discovered.metadata, flow)?, token, &nonce, response.access_token(), now)
            }
            checked => checked,
        };
        profile_of(checked?, ProviderTokenSet::of(&response, now))
    }

    /// Returns the endpoints and keys of the provider. A copy from before `since` is discovered again.
    async fn discovered(
        &self,
        http: &ProviderHttp,
        since: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Arc<Discovered>, Error> {
        let known = self.metadata.read().await.clone();
        if let Some(known) = known.filter(|known| known.at >= since) {
            return Ok(known);
        }
        let discovering = at(PROVIDER, "discovery");
        let Ok(issuer) = IssuerUrl::new(self.issuer.as_str().to_owned()) else {
            return Err(discovering(ProviderFailure::Unreadable));
        };
        // concurrent requests discover concurrently, so that none waits for the request of another
        let metadata = CoreProviderMetadata::discover_async(issuer, http)
            .await
            .map_err(|error| discovering(discovery_failure(error)))?;
        let found = Arc::new(Discovered { metadata, at: now });
        *self.metadata.write().await = Some(found.clone());
        Ok(found)
    }

    fn client(&self, metadata: &CoreProviderMetadata, flow: &Flow) -> Result<OidcClient, Error> {
        let secret = ClientSecret::new(self.client.secret.expose_secret().to_owned());
        let redirect = RedirectUrl::new(flow.redirect_uri.clone()).map_err(|_| Error::StateMismatch)?;
        let client =
            CoreClient::from_provider_metadata(metadata.clone(), ClientId::new(self.client.id.clone()), Some(secret));
        // as Google documents it; servers disagree about the encoding of the secret in the other method
        Ok(client.set_auth_type(AuthType::RequestBody).set_redirect_uri(redirect))
    }
}

enum Refusal {
    /// No known key has the id of the token, so newer keys must be read.
    UnknownKey,
    Because(&'static str),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::UnknownKey => refused("it is signed with an unknown key"),
            Refusal::Because(why) => refused(why),
        }
    }
}

fn refused(why: &'static str) -> Error {
    Error::IdToken { provider: PROVIDER, why }
}

/// Verifies signature, issuer, audience, times and nonce of an ID token, and the hash of the access token if present.
fn check(
    client: &OidcClient,
    token: &CoreIdToken,
    nonce: &Nonce,
    access_token: &AccessToken,
    now: DateTime<Utc>,
) -> Result<CoreIdTokenClaims, Refusal> {
    let verifier = client
        .id_token_verifier()
        // this client is registered for one algorithm, whatever the token or the metadata say
        .set_allowed_algs([CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256])
        .set_time_fn(move || now)
        .set_issue_time_verifier_fn(move |issued| {
            if issued > now + CLOCK_SKEW { Err("issued in the future".to_owned()) } else { Ok(()) }
        });
    let claims = token.claims(&verifier, nonce).map_err(|error| refusal(&error))?;
    if let Some(expected) = claims.access_token_hash() {
        let found = access_token_hash(token, &verifier, access_token);
        if found.as_ref() != Some(expected) {
            return Err(Refusal::Because("it belongs to another access token"));
        }
    }
    Ok(claims.clone())
}

fn access_token_hash(
    token: &CoreIdToken,
    verifier: &CoreIdTokenVerifier<'_>,
    access_token: &AccessToken,
) -> Option<AccessTokenHash> {
    let (algorithm, key) = (token.signing_alg().ok()?, token.signing_key(verifier).ok()?);
    AccessTokenHash::from_token(access_token, algorithm, key).ok()
}

/// Words the error without the library's text, which repeats parts of the token.
fn refusal(error: &ClaimsVerificationError) -> Refusal {
    Refusal::Because(match error {
        ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey) => {
            return Refusal::UnknownKey;
        }
        ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoSignature) => "it is not signed",
        ClaimsVerificationError::SignatureVerification(SignatureVerificationError::DisallowedAlg(_)) => {
            "it is signed with another algorithm than RS256"
        }
        ClaimsVerificationError::SignatureVerification(_) => "its signature is not valid",
        ClaimsVerificationError::Expired(_) => "it has expired, or is not valid yet",
        ClaimsVerificationError::InvalidAudience(_) => "it was issued for another client",
        ClaimsVerificationError::InvalidIssuer(_) => "another issuer issued it",
        ClaimsVerificationError::InvalidNonce(_) => "it was issued for another login",
        _ => "its format is not valid",
    })
}

fn discovery_failure(error: DiscoveryError<ProviderFailure>) -> ProviderFailure {
    match error {
        DiscoveryError::Request(failure) => failure,
        DiscoveryError::Response(status, ..) if status.as_u16() != 200 => ProviderFailure::Status(status.as_u16()),
        _ => ProviderFailure::Unreadable,
    }
}

fn profile_of(claims: CoreIdTokenClaims, tokens: ProviderTokenSet) -> Result<ProviderProfile, Error> {
    let subject = claims.subject().as_str();
    if subject.is_empty() || subject.len() > MAX_SUBJECT || subject.contains(char::is_control) {
        return Err(refused("its subject is empty, too long or has control characters"));
    }
    let text = |claim: Option<&str>, read: fn(&str) -> Option<String>| claim.and_then(read);
    Ok(ProviderProfile {
        provider: PROVIDER,
        provider_id: subject.to_owned(),
        email: claims.email().and_then(|email| Email::parse(email).ok()),
        email_verified: claims.email_verified().unwrap_or(false),
        name: text(claims.name().and_then(|name| name.get(None)).map(|name| name.as_str()), profile::name),
        avatar_url: text(claims.picture().and_then(|url| url.get(None)).map(|url| url.as_str()), profile::picture),
        tokens,
    })
}
