//! Rate limit per client, and time limit per request. This process counts requests. The database counts failed logins
//! for all replicas.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ipnet::IpNet;

use super::settings::{ApiSettings, Rate};
use crate::client_limits::ClientRates;
use crate::http::client_address;
use crate::http::problem::Problem;

/// Limits of a group of routes.
pub(super) struct Limits {
    rates: Option<ClientRates>,
    timeout: Duration,
    trusted_proxies: Vec<IpNet>,
}

impl Limits {
    pub(super) fn new(rate: Option<Rate>, settings: &ApiSettings) -> Arc<Self> {
        let rates = rate.map(|Rate { count, period }| {
            ClientRates::new(count, period, count.saturating_mul(NonZeroU32::MIN.saturating_add(1)))
        });
        Arc::new(Self { rates, timeout: settings.timeout, trusted_proxies: settings.trusted_proxies.clone() })
    }

    /// Returns the wait of a client that is above its rate limit.
    fn wait(&self, request: &Request) -> Option<Duration> {
        let rates = self.rates.as_ref()?;
        rates.wait(client_address::address(request.extensions(), request.headers(), &self.trusted_proxies)?)
    }
}

/// Answers 429 if the client is above its rate limit. Answers 503 if a handler exceeds the time limit, for example
/// because the database does not respond.
pub(super) async fn apply(State(limits): State<Arc<Limits>>, request: Request, next: Next) -> Response {
    if let Some(wait) = limits.wait(&request) {
        return Problem::too_often(wait).into_response();
    }
    let answer = tokio::time::timeout(limits.timeout, next.run(request)).await;
    answer.unwrap_or_else(|_| Problem::closed("the request timed out").into_response())
}
