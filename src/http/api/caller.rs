//! Client of a request, and the account for which it acts.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use secrecy::SecretString;

use super::device_cookie;
use super::state::Api;
use crate::auth::{self, Bearer};
use crate::clock;
use crate::db::Client;
use crate::http::client_address;
use crate::http::problem::Problem;

/// Client that sent the request.
pub(super) struct Caller(pub(super) Client);

impl FromRequestParts<Api> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Infallible> {
        let agent = parts.headers.get(header::USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let address = client_address::address(&parts.extensions, &parts.headers, &api.settings().trusted_proxies);
        let client = Client::new(address, agent.as_deref());
        let client = client.with_device(device_cookie::read(api.settings(), &parts.headers));
        Ok(Self(client.within(api.events())))
    }
}

/// Account and session of the access token. A request without a valid token is refused.
pub(super) struct Authenticated(pub(super) Bearer);

impl FromRequestParts<Api> for Authenticated {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let auth = api.auth()?;
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token =
            header.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let Some((_, token)) = token else {
            return Err(auth::Error::AccessToken("an access token is required").into());
        };
        Ok(Self(auth.bearer(&SecretString::from(token.trim()), clock::now())?))
    }
}

/// Account and session of the access token, if the request has one. An invalid token is refused.
pub(super) struct MaybeAuthenticated(pub(super) Option<Bearer>);

impl FromRequestParts<Api> for MaybeAuthenticated {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        if !parts.headers.contains_key(header::AUTHORIZATION) {
            return Ok(Self(None));
        }
        let Authenticated(bearer) = Authenticated::from_request_parts(parts, api).await?;
        Ok(Self(Some(bearer)))
    }
}
