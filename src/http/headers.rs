//! Headers that browsers heed, for every answer of both listeners (ASVS 5.0, V3.4 and V14.3). An answer that sets one itself keeps it.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// How clients reach a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

/// Adds what an answer does not say itself.
pub(super) fn secure(headers: &mut HeaderMap, scheme: Scheme) {
    let is_page = headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let mut set = |name, value| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(X_FRAME_OPTIONS, "DENY");
    set(REFERRER_POLICY, "no-referrer");
    set(CACHE_CONTROL, "no-store");
    set(CONTENT_SECURITY_POLICY, "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    set(RESOURCE_POLICY, "same-origin");
    if is_page {
        // an answer of a login in a window of its own must not lose the page that opened it
        set(OPENER_POLICY, "same-origin");
    }
    if scheme == Scheme::Https {
        set(STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains");
    }
}

/// The same for the operators' listener, which is reached by plain HTTP.
pub(super) async fn secure_plain(mut response: Response) -> Response {
    secure(response.headers_mut(), Scheme::Http);
    response
}
