//! `/health` and `/health/detailed`: status 200, or 503 if the report is unhealthy.
//!
//! A request for `application/health+json` is answered in the form of that draft (`pass`, `warn`, `fail`).

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use serde_json::{Value, json};

use crate::clock;
use crate::health::{DetailedHealthReport, HealthCheck, HealthCollector, HealthReport, HealthStatus};

/// Content type of the health check draft.
const HEALTH_JSON: &str = "application/health+json";

/// Returns the route of the public listener. Its answer contains only the status and the database connection.
pub(super) fn public(collector: Arc<HealthCollector>) -> Router {
    Router::new().route("/health", get(short)).with_state(collector)
}

/// Returns the routes of both full reports, for the admin listener.
pub(super) fn admin(collector: Arc<HealthCollector>) -> Router {
    Router::new().route("/health", get(basic)).route("/health/detailed", get(detailed)).with_state(collector)
}

async fn short(State(collector): State<Arc<HealthCollector>>, headers: HeaderMap) -> Response {
    let Some(report) = collector.report().await else { return answer(HealthStatus::Unhealthy, &unknown()) };
    let database = &report.database;
    if wants_health_json(&headers) {
        let time = json!({"observedValue": database.response_time_ms, "observedUnit": "ms", "time": report.timestamp});
        let body = json!({"status": draft_status(report.status), "checks": {"database:responseTime": [time]}});
        return draft(report.status, &body);
    }
    let body = json!({
        "status": report.status,
        "timestamp": report.timestamp,
        "database": {"connected": database.connected, "response_time_ms": database.response_time_ms},
    });
    answer(report.status, &body)
}

async fn basic(State(collector): State<Arc<HealthCollector>>, headers: HeaderMap) -> Response {
    let Some(report) = collector.report().await else { return timed_out() };
    if wants_health_json(&headers) { draft(report.status, &draft_of(&report)) } else { answer(report.status, &report) }
}

async fn detailed(State(collector): State<Arc<HealthCollector>>, headers: HeaderMap) -> Response {
    let Some(reading) = collector.reading().await else { return timed_out() };
    let report = &reading.detailed;
    if wants_health_json(&headers) {
        return draft(report.overall_status, &draft_of_checks(report));
    }
    answer(report.overall_status, report)
}

fn code(status: HealthStatus) -> StatusCode {
    if status == HealthStatus::Unhealthy { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
}

fn answer<T: Serialize>(status: HealthStatus, body: &T) -> Response {
    let headers = [(header::CACHE_CONTROL, "no-store"), (header::VARY, "accept")];
    (code(status), headers, axum::Json(body)).into_response()
}

/// Builds the public answer for a process that could not collect a report in time.
fn unknown() -> Value {
    let database = json!({"connected": false, "response_time_ms": null});
    json!({"status": HealthStatus::Unhealthy, "timestamp": clock::now(), "database": database})
}

/// Builds the admin answer for a process that could not collect a report in time.
fn timed_out() -> Response {
    let mut body = unknown();
    body["errors"] = json!(["no report within the time limit of a probe: this process gets no processor time"]);
    answer(HealthStatus::Unhealthy, &body)
}

/// Returns true if `Accept` names `application/health+json` with a quality not below that of JSON.
///
/// A wildcard selects the form of the contract.
fn wants_health_json(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let kinds: Vec<(String, f32)> = accepted.flat_map(|value| value.split(',')).map(quality).collect();
    let best = |name: &str| kinds.iter().filter(|(kind, _)| kind == name).map(|(_, q)| *q).reduce(f32::max);
    best(HEALTH_JSON).is_some_and(|q| q > 0.0 && q >= best("application/json").unwrap_or(0.0))
}

/// Splits an entry of `Accept` into its media type and its quality.
fn quality(entry: &str) -> (String, f32) {
    let mut parts = entry.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
    let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
    (kind, weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0)))
}

fn draft(status: HealthStatus, body: &Value) -> Response {
    let headers = [(header::CACHE_CONTROL, "no-store"), (header::VARY, "accept"), (header::CONTENT_TYPE, HEALTH_JSON)];
    (code(status), headers, body.to_string()).into_response()
}

fn draft_status(status: HealthStatus) -> &'static str {
    match status {
        HealthStatus::Healthy => "pass",
        HealthStatus::Degraded => "warn",
        HealthStatus::Unhealthy => "fail",
    }
}

fn draft_of(report: &HealthReport) -> Value {
    let database = &report.database;
    let observed =
        |value: Value, unit: &str| json!([{"observedValue": value, "observedUnit": unit, "time": report.timestamp}]);
    json!({
        "status": draft_status(report.status),
        "releaseId": env!("CARGO_PKG_VERSION"),
        "output": report.errors.join("; "),
        "notes": report.warnings,
        "checks": {
            "database:responseTime": observed(json!(database.response_time_ms), "ms"),
            "pool:connections": observed(json!(database.open_connections), "connections"),
            "migrations:pending": observed(json!(report.migrations.pending), "migrations"),
        },
    })
}

fn draft_of_checks(report: &DetailedHealthReport) -> Value {
    let check = |check: &HealthCheck| {
        let output =
            if check.hint.is_empty() { check.message.clone() } else { format!("{}; {}", check.message, check.hint) };
        let body = json!([{"status": draft_status(check.status), "output": output, "time": report.timestamp}]);
        (format!("{}:status", check.name), body)
    };
    json!({
        "status": draft_status(report.overall_status),
        "releaseId": env!("CARGO_PKG_VERSION"),
        "output": report.errors.join("; "),
        "notes": report.warnings,
        "checks": report.checks.iter().map(check).collect::<serde_json::Map<_, _>>(),
    })
}
