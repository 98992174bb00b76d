//! How often one client may ask, and how long an answer may take. Counted in this process; failed logins are counted in the database, for all replicas.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};

use super::problem::Problem;
use super::{Api, caller};
use crate::auth;

/// After so many requests the clients that were not seen lately are forgotten.
const SWEEP: u32 = 4096;

/// So many requests in this time; twice as many may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: NonZeroU32,
    /// In which time.
    pub period: Duration,
}

/// A rate, and who has made use of it.
#[derive(Clone)]
pub(super) struct Limit {
    clients: Arc<DefaultKeyedRateLimiter<IpAddr>>,
    requests: Arc<AtomicU32>,
}

impl Limit {
    pub(super) fn new(rate: Rate) -> Self {
        let each = rate.period / rate.count.get();
        let burst = rate.count.saturating_mul(NonZeroU32::MIN.saturating_add(1));
        let quota = Quota::with_period(each).unwrap_or(Quota::per_second(rate.count)).allow_burst(burst);
        Self { clients: Arc::new(DefaultKeyedRateLimiter::keyed(quota)), requests: Arc::default() }
    }

    /// How long a client has to wait; `None`: not at all.
    fn wait(&self, client: IpAddr) -> Option<Duration> {
        if self.requests.fetch_add(1, Ordering::Relaxed) % SWEEP == SWEEP - 1 {
            self.clients.retain_recent();
        }
        let refused = self.clients.check_key(&auth::network(client)).err()?;
        Some(refused.wait_time_from(DefaultClock::default().now()))
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
    match client.and_then(|client| limit.wait(client)) {
        Some(wait) => Problem::too_often(wait).into_response(),
        None => next.run(Request::from_parts(parts, body)).await,
    }
}
