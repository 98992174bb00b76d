//! Rate limit per client, and time limit per request. This process counts requests. The database counts failed logins
//! for all replicas.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use super::{Api, caller};
use crate::clients::ClientRates;

/// Number of requests per period. Twice the number may arrive at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Number of requests per period.
    pub count: NonZeroU32,
    /// Period for this number of requests.
    pub period: Duration,
}

/// Rate limiter of a group of routes.
#[derive(Clone)]
pub(super) struct Limit(Arc<ClientRates>);

impl Limit {
    pub(super) fn new(rate: Rate) -> Self {
        let burst = rate.count.saturating_mul(NonZeroU32::MIN.saturating_add(1));
        Self(Arc::new(ClientRates::new(rate.count, rate.period, burst)))
    }
}

/// Answers 503 if a handler exceeds the time limit, for example because the database does not respond.
pub(super) async fn in_time(State(timeout): State<Duration>, request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(timeout, next.run(request)).await;
    answer.unwrap_or_else(|_| Problem::closed("the request timed out").into_response())
}

pub(super) async fn check(State((api, limit)): State<(Api, Limit)>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let client = caller::address(&parts, &api.settings.trusted_proxies);
    match client.and_then(|client| limit.0.wait(client)) {
        Some(wait) => Problem::too_often(wait).into_response(),
        None => next.run(Request::from_parts(parts, body)).await,
    }
}
