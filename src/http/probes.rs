//! `/livez` and `/readyz`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use super::readiness::Readiness;

pub(super) fn router(readiness: Arc<Readiness>) -> Router {
    Router::new().route("/livez", get(livez)).route("/readyz", get(readyz)).with_state(readiness)
}

/// 200 while the process runs, whatever the database does.
async fn livez() -> Response {
    Json(serde_json::json!({"status": "alive"})).into_response()
}

/// 200 when requests can be served, else 503 with the stage as JSON.
async fn readyz(State(readiness): State<Arc<Readiness>>) -> Response {
    let stage = readiness.check().await;
    let status = if stage.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [("cache-control", "no-store")], Json(stage)).into_response()
}
