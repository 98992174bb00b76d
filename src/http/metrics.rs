//! `GET /metrics`: the detailed report, and the requests of this process, as Prometheus text.
//!
//! Each scrape has its own registry, so a figure that is not available is absent, and no figure of an earlier report is
//! repeated. Only the requests are counted across scrapes. All metrics use base units and ratios from 0 to 1, and
//! counters end in `_total`. A label holds a name from a fixed set (tables, checks, kinds, routes, versions), never
//! text from a client or an error.
//!
//! To add a metric, add an entry in the file of its subject and a row in `docs/MONITORING.md`. `tests/it/metrics.rs`
//! compares both.

mod accounts;
mod database;
mod families;
mod operations;
mod requests;
mod service;

use std::sync::Arc;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use prometheus::{Result, TEXT_FORMAT};

use super::Api;
use super::listener::ConnectionCounters;
use super::problem::Problem;
use crate::health::HealthReading;
use families::Families;
pub use operations::Build;
use requests::Requests;
use service::ServiceFigures;

/// Metrics of one process. Clones share the counters.
#[derive(Clone)]
pub struct Metrics {
    build: Build,
    requests: Requests,
    service: Arc<ServiceFigures>,
}

impl Metrics {
    /// Creates metrics with all counters at zero.
    ///
    /// # Errors
    /// Returns an error if Prometheus rejects a metric name, which a test excludes.
    pub fn new(build: Build) -> Result<Self> {
        Ok(Self { build, requests: Requests::new()?, service: Arc::default() })
    }

    /// Measures the duration of the requests of a router. Routes that are added afterwards are not measured.
    pub fn measured(&self, router: Router, listener: &'static str) -> Router {
        self.requests.measured(router, listener)
    }

    /// Sets the API whose figures are shown.
    pub(super) fn watch(&self, api: &Api) {
        self.service.watch(api);
    }

    /// Returns the connection counters of a listener.
    pub(super) fn connections(&self, listener: &'static str) -> Arc<ConnectionCounters> {
        self.service.connections(listener)
    }

    /// Answers a scrape. Without a reading, which is missing before the first report, it contains only figures of the
    /// process.
    pub fn answer(&self, reading: Option<&HealthReading>) -> Response {
        match self.encode(reading) {
            Ok(text) => ([(CONTENT_TYPE, TEXT_FORMAT)], text).into_response(),
            Err(error) => {
                tracing::error!("cannot encode the metrics: {error}");
                Problem::internal().into_response()
            }
        }
    }

    /// Encodes the metrics as Prometheus text.
    ///
    /// # Errors
    /// Returns an error if Prometheus rejects a metric name, which a test excludes.
    pub fn encode(&self, reading: Option<&HealthReading>) -> Result<String> {
        let families = Families::default();
        operations::describe_build(&families, self.build)?;
        self.requests.describe(&families)?;
        if reading.is_some() || self.service.is_watched() {
            self.service.describe(&families)?;
        }
        if let Some(reading) = reading {
            operations::describe(&families, reading)?;
            database::describe(&families, reading)?;
            accounts::describe(&families, reading)?;
        }
        families.encode()
    }
}
