//! `/livez` and `/readyz`. `/readyz?verbose` lists the boot steps as text, in the format of the probes of Kubernetes.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use serde::Deserialize;

use super::readiness::{BootStage, Readiness};

pub(super) fn router(readiness: Arc<Readiness>) -> Router {
    Router::new().route("/livez", get(livez)).route("/readyz", get(readyz)).with_state(readiness)
}

/// Answers 200 while the process runs, in any state of the database.
async fn livez() -> Response {
    Json(serde_json::json!({"status": "alive"})).into_response()
}

/// Answers 200 if requests can be served, else 503 with the stage as JSON.
async fn readyz(State(readiness): State<Arc<Readiness>>, Query(query): Query<Verbosity>) -> Response {
    let stage = readiness.check().await;
    let status = if stage.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let headers = [("cache-control", "no-store")];
    match query.verbose {
        Some(_) => (status, headers, steps(&stage)).into_response(),
        None => (status, headers, Json(stage)).into_response(),
    }
}

#[derive(Deserialize)]
struct Verbosity {
    verbose: Option<String>,
}

/// Returns one line per boot step, with its result.
fn steps(stage: &BootStage) -> String {
    let (failing, reason) = match stage {
        BootStage::Ready => (None, String::new()),
        BootStage::Starting => (Some("database"), "not checked yet".to_owned()),
        BootStage::WaitingForDatabase { reason } | BootStage::DatabaseGone { reason } => {
            (Some("database"), reason.clone())
        }
        BootStage::Migrating { current, target } => {
            (Some("migrations"), format!("at {}, target {target}", current.as_deref().unwrap_or("none")))
        }
        BootStage::Seeding => (Some("seed"), "development data is being inserted".to_owned()),
        BootStage::ShuttingDown => (Some("shutdown"), "the service is stopping".to_owned()),
    };
    let mut text = String::new();
    let mut is_past = false;
    for step in ["database", "migrations", "seed", "shutdown"] {
        let line = match failing {
            Some(name) if name == step => format!("[-]{step} failed: {reason}\n"),
            Some(_) if is_past => format!("[ ]{step} not reached\n"),
            _ => format!("[+]{step} ok\n"),
        };
        is_past |= failing == Some(step);
        text.push_str(&line);
    }
    text.push_str(if failing.is_none() { "readyz check passed\n" } else { "readyz check failed\n" });
    text
}
