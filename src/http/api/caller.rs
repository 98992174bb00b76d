//! Client of a request, and the account for which it acts.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use ipnet::IpNet;
use secrecy::SecretString;

use super::problem::Problem;
use super::{Api, device_cookie, forwarded};
use crate::auth::{self, Bearer};
use crate::clock;
use crate::db::Client;

/// Client that sent the request.
pub(super) struct Caller(pub(super) Client);

impl FromRequestParts<Api> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Infallible> {
        let agent = parts.headers.get(header::USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let client = Client::new(address(parts, &api.settings.trusted_proxies), agent.as_deref());
        let client = client.with_device(device_cookie::read(&api.settings, &parts.headers));
        Ok(Self(client.within(&api.events)))
    }
}

/// Returns the client's address: the peer of the connection, or the address that a trusted proxy reports.
pub(super) fn address(parts: &Parts, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip().to_canonical();
    let is_trusted = forwarded::is_trusted(peer, trusted);
    Some(if is_trusted { forwarded::client(peer, &parts.headers, trusted) } else { peer })
}

/// Counts a request that an untrusted peer forwards.
pub(super) async fn note_forwarded(State(api): State<Api>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip().to_canonical());
    let is_trusted = |peer| forwarded::is_trusted(peer, &api.settings.trusted_proxies);
    if let Some(peer) = peer.filter(|peer| forwarded::is_forwarded(request.headers()) && !is_trusted(*peer)) {
        api.forwarding.note(peer);
    }
    next.run(request).await
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
