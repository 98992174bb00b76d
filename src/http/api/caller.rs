//! Who asks: the client, and the account it acts for.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use ipnet::IpNet;
use secrecy::SecretString;

use super::Api;
use super::problem::Problem;
use crate::auth::{self, Bearer};
use crate::clock;
use crate::db::Client;

/// The client.
pub(super) struct Caller(pub(super) Client);

impl FromRequestParts<Api> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Infallible> {
        let agent = parts.headers.get(header::USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let client = Client::new(address(parts, &api.settings.trusted_proxies), agent.as_deref());
        Ok(Self(client.within(&api.events)))
    }
}

/// The address of a request's client: of the connection, or what the proxies that are trusted say, the last one first.
pub(super) fn address(parts: &Parts, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip().to_canonical();
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|network| network.contains(ip));
    if !is_trusted(&peer) {
        return Some(peer);
    }
    let mut last = peer;
    for ip in forwarded(&parts.headers).rev() {
        // what cannot be read was not written by a proxy of ours
        let Some(ip) = ip else { break };
        last = ip;
        if !is_trusted(&ip) {
            break;
        }
    }
    Some(last)
}

fn forwarded(headers: &HeaderMap) -> impl DoubleEndedIterator<Item = Option<IpAddr>> {
    let values: Vec<_> = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
    let words: Vec<_> = values.iter().flat_map(|value| value.split(',')).map(|word| word.trim().parse().ok()).collect();
    words.into_iter()
}

/// The account a request acts for, by its access token.
pub(super) struct Authenticated(pub(super) Bearer);

impl FromRequestParts<Api> for Authenticated {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let auth = api.auth()?;
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token =
            header.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let Some((_, token)) = token else {
            return Err(auth::Error::AccessToken("an access token is needed").into());
        };
        Ok(Self(auth.bearer(&SecretString::from(token.trim()), clock::now())?))
    }
}
