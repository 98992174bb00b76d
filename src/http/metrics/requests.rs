//! Durations of HTTP requests.

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::Response;
use prometheus::{HistogramOpts, HistogramVec, Result};

use super::families::Families;
use crate::clock::Stopwatch;

/// Upper bounds of the buckets in seconds, from the duration of a probe to the time limit of most clients.
const BUCKETS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Status label of a request whose client disconnected before the answer. Without it, the slowest requests would not be
/// counted.
const CLIENT_GONE: &str = "499";

/// Histogram of request durations. Clones share the counters.
#[derive(Clone)]
pub(super) struct Requests(HistogramVec);

impl Requests {
    pub(super) fn new() -> Result<Self> {
        let options = HistogramOpts::new(
            "authsvc_http_request_duration_seconds",
            "Seconds from a request's head to its answer's head, by this process. Route is the matched pattern, or \
             unmatched; status 499 is a client that disconnected before the answer.",
        );
        let labels = ["listener", "method", "route", "status"];
        Ok(Self(HistogramVec::new(options.buckets(BUCKETS.to_vec()), &labels)?))
    }

    pub(super) fn measured(&self, router: Router, listener: &'static str) -> Router {
        router.layer(middleware::from_fn_with_state((self.0.clone(), listener), measure))
    }

    pub(super) fn describe(&self, families: &Families) -> Result<()> {
        families.add(self.0.clone())
    }
}

async fn measure(
    State((durations, listener)): State<(HistogramVec, &'static str)>,
    request: Request,
    next: Next,
) -> Response {
    let mut sample = Sample {
        durations,
        watch: Stopwatch::start(),
        listener,
        method: method(request.method()),
        route: request.extensions().get().cloned(),
        status: None,
    };
    let response = next.run(request).await;
    sample.status = Some(response.status());
    response
}

/// Request in progress. Its drop counts it, also after the client has disconnected.
struct Sample {
    durations: HistogramVec,
    watch: Stopwatch,
    listener: &'static str,
    method: &'static str,
    route: Option<MatchedPath>,
    status: Option<StatusCode>,
}

impl Drop for Sample {
    fn drop(&mut self) {
        let route = self.route.as_ref().map_or("unmatched", MatchedPath::as_str);
        let status = self.status.as_ref().map_or(CLIENT_GONE, StatusCode::as_str);
        if let Ok(duration) = self.durations.get_metric_with_label_values(&[self.listener, self.method, route, status])
        {
            duration.observe(self.watch.elapsed().as_secs_f64());
        }
    }
}

/// Returns the method as a label from a fixed set, because a client may send any word.
fn method(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}
