//! How often one client may ask, and how long an answer may take. Counted in this process; failed logins are counted in the database, for all replicas.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use super::{Api, caller};
use crate::clients::ClientRates;

/// So many requests in this time; twice as many may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: NonZeroU32,
    /// In which time.
    pub period: Duration,
}

/// A rate, and the clients that have made use of it.
#[derive(Clone)]
pub(super) struct Limit(Arc<ClientRates>);

impl Limit {
    pub(super) fn new(rate: Rate) -> Self {
        let burst = rate.count.saturating_mul(NonZeroU32::MIN.saturating_add(1));
        Self(Arc::new(ClientRates::new(rate.count, rate.period, burst)))
    }
}

/// What takes longer is given up: a database that is silent must not hold a client for ever.
pub(super) async fn in_time(State(timeout): State<Duration>, request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(timeout, next.run(request)).await;
    answer.unwrap_or_else(|_| Problem::closed("there was no answer in time").into_response())
}

pub(super) async fn check(State((api, limit)): State<(Api, Limit)>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let client = caller::address(&parts, &api.settings.trusted_proxies);
    match client.and_then(|client| limit.0.wait(client)) {
        Some(wait) => Problem::too_often(wait).into_response(),
        None => next.run(Request::from_parts(parts, body)).await,
    }
}
