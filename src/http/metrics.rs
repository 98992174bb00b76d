//! `GET /metrics`: the detailed report, and the requests of this process, as Prometheus text.
//!
//! Every scrape has a registry of its own, so that a figure that cannot be had is absent and nothing of an earlier report
//! stays; only the requests are counted on. Invariants: base units, ratios from 0 to 1, `_total` on what only grows. A label holds
//! a name out of a fixed set (tables, checks, kinds, routes, versions), never what a client sent or an error said.
//! To add a metric: an entry in the file of its subject, and a row in `docs/MONITORING.md`; `tests/it/metrics.rs` compares the two.

mod accounts;
mod database;
mod families;
mod operations;
mod requests;
mod service;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use prometheus::{Result, TEXT_FORMAT};

use super::Api;
use super::listener::ConnectionCounters;
use crate::health::HealthReading;
use families::Families;
use requests::Requests;
use service::ServiceFigures;

/// What this program is.
#[derive(Debug, Clone, Copy)]
pub struct Build {
    /// Of the package.
    pub version: &'static str,
    /// It was built from.
    pub commit: &'static str,
    /// The newest one inside.
    pub migration: &'static str,
}

/// The metrics of one process. A clone counts with the original.
#[derive(Clone)]
pub struct Metrics {
    build: Build,
    requests: Requests,
    service: Arc<ServiceFigures>,
}

impl Metrics {
    /// Nothing is counted yet.
    ///
    /// # Errors
    /// A name that Prometheus does not take, which a test excludes.
    pub fn new(build: Build) -> Result<Self> {
        Ok(Self { build, requests: Requests::new()?, service: Arc::default() })
    }

    /// Times the requests of a router. Routes that are added to it afterwards are not timed.
    pub fn measured(&self, router: Router, listener: &'static str) -> Router {
        self.requests.measured(router, listener)
    }

    /// The API whose figures are shown.
    pub(super) fn watch(&self, api: &Api) {
        self.service.watch(api);
    }

    /// Where the listener of this name counts its connections.
    pub(super) fn connections(&self, listener: &'static str) -> Arc<ConnectionCounters> {
        self.service.connections(listener)
    }

    /// The answer to a scrape. Without a report (none was made yet) it holds what the process knows of itself.
    pub fn answer(&self, reading: Option<&HealthReading>) -> Response {
        match self.encode(reading) {
            Ok(text) => ([(CONTENT_TYPE, TEXT_FORMAT)], text).into_response(),
            Err(error) => {
                tracing::error!("the metrics could not be written: {error}");
                super::problem(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
            }
        }
    }

    /// The text of [`Self::answer`].
    ///
    /// # Errors
    /// A name that Prometheus does not take, which a test excludes.
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
