//! Two listeners: the public one, and the operators'. Both tell whether the process lives and whether it is ready.

mod api;
mod health;
mod listener;
mod metrics;
mod page;
mod probes;
mod readiness;

use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tower_http::catch_panic::CatchPanicLayer;

pub use api::{Api, ApiSettings, Rate};
pub use metrics::{Build, Metrics};
pub use readiness::{Readiness, Stage};

#[doc(hidden)]
pub use listener::{Limits, serve};
#[doc(hidden)]
pub use page::{render as render_status_page, response as status_page};

use crate::health::Collector;

/// Both listeners, bound and answering.
pub struct Server {
    readiness: Arc<Readiness>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Server {
    /// Binds both listeners and starts to answer.
    ///
    /// # Errors
    /// An address that cannot be bound, with the address.
    pub async fn start(
        public: SocketAddr,
        admin: SocketAddr,
        readiness: Arc<Readiness>,
        collector: &Arc<Collector>,
        metrics: &Metrics,
        api: &Api,
    ) -> io::Result<Self> {
        let listeners = [
            // what is left is for the database, backups and whatever else opens a file
            ("public", bind(public).await?, public_router(collector, api), Limits::of_descriptors(2)),
            ("admin", bind(admin).await?, admin_router(collector, metrics, &readiness), Limits::of_descriptors(8)),
        ];
        let (stop, stopped) = watch::channel(false);
        let mut tasks = Vec::new();
        for (name, listener, router, limits) in listeners {
            tracing::info!(address = %listener.local_addr()?, "{name} listener answers");
            let probes = probes::router(readiness.clone()).method_not_allowed_fallback(not_allowed);
            let router = metrics.measured(router.merge(probes.layer(map_response(guarded))), name);
            tasks.push(tokio::spawn(listener::serve(listener, router, limits, stopped.clone())));
        }
        Ok(Self { readiness, stop, tasks })
    }

    /// Says that it is no longer ready, answers what is running, and stops; after `patience` whatever is left is cut
    /// off. Whether everything was answered.
    pub async fn stop(self, patience: Duration) -> bool {
        self.readiness.enter(Stage::ShuttingDown);
        let _ = self.stop.send(true);
        let drained = async {
            for task in self.tasks {
                let _ = task.await;
            }
        };
        tokio::time::timeout(patience, drained).await.is_ok()
    }
}

async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("{address} cannot be bound: {error}")))
}

fn public_router(collector: &Arc<Collector>, api: &Api) -> Router {
    let health = health::public(collector.clone()).method_not_allowed_fallback(not_allowed);
    api.protected(health.merge(api.router()).fallback(not_found).layer(CatchPanicLayer::custom(panicked)))
}

fn admin_router(collector: &Arc<Collector>, metrics: &Metrics, readiness: &Arc<Readiness>) -> Router {
    let page = Router::new().route("/", get(show_page)).with_state((collector.clone(), readiness.clone()));
    let scrape = Router::new().route("/metrics", get(scrape)).with_state((collector.clone(), metrics.clone()));
    let router = health::admin(collector.clone()).merge(page).merge(scrape).fallback(not_found);
    let router = router.method_not_allowed_fallback(not_allowed).layer(CatchPanicLayer::custom(panicked));
    router.layer(map_response(guarded))
}

async fn scrape(State((collector, metrics)): State<(Arc<Collector>, Metrics)>) -> Response {
    metrics.answer(collector.reading().await.as_ref())
}

/// The status page. It is there in any state; where not even the deadline was kept, it says so by its status.
async fn show_page(State((collector, readiness)): State<(Arc<Collector>, Arc<Readiness>)>) -> Response {
    match tokio::join!(collector.reading(), readiness.check()) {
        (Some(reading), stage) => page::response(&reading.detailed, &collector.samples(), &stage),
        (None, _) => problem(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
    }
}

/// A handler that panics fails one request; the hook of [`crate::telemetry`] has logged where. The payload may hold data.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    let body = serde_json::json!({
        "type": "about:blank", "title": "Internal Server Error", "status": status.as_u16(), "code": "internal",
        "detail": "this request failed; the log says why",
    });
    let headers = [(CONTENT_TYPE, "application/problem+json"), (CACHE_CONTROL, "no-store")];
    (status, headers, body.to_string()).into_response()
}

async fn not_found() -> Response {
    problem(StatusCode::NOT_FOUND, "Not Found")
}

async fn not_allowed() -> Response {
    problem(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
}

/// What a browser may do with an answer that does not say: neither guess its type nor keep it.
async fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.entry(X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// An RFC 9457 problem document.
fn problem(status: StatusCode, title: &str) -> Response {
    let body = serde_json::json!({"type": "about:blank", "title": title, "status": status.as_u16()});
    (status, [("content-type", "application/problem+json")], body.to_string()).into_response()
}
