//! Rules for every answer of the public listener: security headers, CORS, and an id for each request.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tracing::Instrument as _;

use super::ApiSettings;
use crate::http::headers::{self, Scheme};
use crate::random;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Maximum length of a request id, in characters. A longer id, or one with other characters, is replaced.
const LONGEST_ID: usize = 64;

pub(super) fn apply(router: Router, settings: &ApiSettings) -> Router {
    let scheme = if settings.is_https { Scheme::Https } else { Scheme::Http };
    let router = router.layer(from_fn_with_state(scheme, secured)).layer(from_fn(identified));
    if settings.origins.is_empty() { router } else { router.layer(cors(settings)) }
}

fn cors(settings: &ApiSettings) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(settings.origins.clone()))
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE, REQUEST_ID])
        .expose_headers([REQUEST_ID, RETRY_AFTER, WWW_AUTHENTICATE])
        .max_age(std::time::Duration::from_secs(600))
}

async fn secured(State(scheme): State<Scheme>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    headers::secure(response.headers_mut(), scheme);
    response
}

/// Assigns an id to each request. The answer and all log lines of the request contain it.
async fn identified(request: Request, next: Next) -> Response {
    let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(|id| is_plain(id));
    let id = given.map_or_else(|| random::id().unwrap_or_default(), str::to_owned);
    let span = tracing::info_span!("request", id, method = %request.method(), path = request.uri().path());
    let mut response = next.run(request).instrument(span.clone()).await;
    span.in_scope(|| tracing::debug!(status = response.status().as_u16(), "answered"));
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

fn is_plain(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= LONGEST_ID
        && id.chars().all(|sign| sign.is_ascii_alphanumeric() || "-_.".contains(sign))
}
