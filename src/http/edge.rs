//! Rules for every request and answer of a listener: the host, an id, security headers, and the count of requests that
//! an untrusted peer forwarded.
//!
//! One layer has all of them. axum clones the inner layers once for each layer above them.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ipnet::IpNet;
use tracing::Instrument as _;

use super::headers::{self, Scheme};
use super::hosts::AcceptedHosts;
use super::{client_address, forwarded};
use crate::health::UntrustedForwarding;
use crate::random;

/// Header with the id of a request.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Maximum length of a request id, in characters. A longer id, or one with other characters, is replaced.
const LONGEST_ID: usize = 64;

/// Rules of a listener.
pub(super) struct Edge {
    /// Scheme by which clients reach the listener.
    pub(super) scheme: Scheme,
    pub(super) hosts: AcceptedHosts,
    /// Watch for proxies that are not trusted, if clients reach the listener through proxies.
    pub(super) proxies: Option<ProxyWatch>,
}

/// Watch for requests that an untrusted peer forwarded.
pub(super) struct ProxyWatch {
    /// Networks of trusted proxies.
    pub(super) trusted: Vec<IpNet>,
    /// Counter of the requests.
    pub(super) untrusted: Arc<UntrustedForwarding>,
}

impl ProxyWatch {
    fn note(&self, request: &Request) {
        let peer = client_address::peer(request.extensions()).filter(|_| forwarded::is_forwarded(request.headers()));
        if let Some(peer) = peer.filter(|peer| !forwarded::is_trusted(*peer, &self.trusted)) {
            self.untrusted.note(peer);
        }
    }
}

/// Applies the rules. The answer and all log lines of the request contain its id.
pub(super) async fn apply(State(edge): State<Arc<Edge>>, request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let span = tracing::info_span!("request", id, method = %request.method(), path = request.uri().path());
    if let Some(proxies) = &edge.proxies {
        proxies.note(&request);
    }
    let refusal = edge.hosts.refusal(&request);
    let answer = async move {
        match refusal {
            None => next.run(request).await,
            Some(problem) => problem.into_response(),
        }
    };
    let mut response = answer.instrument(span.clone()).await;
    span.in_scope(|| tracing::debug!(status = response.status().as_u16(), "answered"));
    headers::secure(response.headers_mut(), edge.scheme);
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// Returns the id that the client sent, or a new one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(|id| is_plain(id));
    given.map_or_else(|| random::id().unwrap_or_default(), str::to_owned)
}

fn is_plain(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= LONGEST_ID
        && id.chars().all(|sign| sign.is_ascii_alphanumeric() || "-_.".contains(sign))
}
