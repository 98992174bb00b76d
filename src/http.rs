//! HTTP server with two listeners: the public one, and the admin one for operators. Both answer probes.

mod api;
mod headers;
mod health;
mod hosts;
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
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ipnet::IpNet;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tower_http::catch_panic::CatchPanicLayer;

pub use api::{Api, ApiSettings, Rate};
pub use metrics::{Build, Metrics};
pub use readiness::{BootStage, Readiness};

#[doc(hidden)]
pub use listener::{ListenerLimits, serve};
#[doc(hidden)]
pub use page::{render as render_status_page, response as status_page};

use crate::health::HealthCollector;

/// Both listeners, bound and answering.
pub struct Server {
    readiness: Arc<Readiness>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

/// Addresses and limits of both listeners.
#[derive(Debug, Clone)]
pub struct ListenSettings {
    /// Address of the public listener.
    pub public: SocketAddr,
    /// Address of the admin listener.
    pub admin: SocketAddr,
    /// Accepted values of `Host` on the admin listener, in lower case. IP addresses and `localhost` are always
    /// accepted.
    pub admin_hosts: Vec<String>,
    /// Maximum number of database connections of this process, for which open files are reserved.
    pub database_connections: u32,
}

/// Bound listener that does not answer yet.
struct Listening {
    name: &'static str,
    listener: TcpListener,
    router: Router,
    most: u32,
    proxies: Vec<IpNet>,
}

impl Server {
    /// Raises the limit of open files, binds both listeners, and starts to answer.
    ///
    /// # Errors
    /// Returns an error with the address if an address cannot be bound.
    pub async fn start(
        settings: ListenSettings,
        readiness: Arc<Readiness>,
        collector: &Arc<HealthCollector>,
        metrics: &Metrics,
        api: &Api,
    ) -> io::Result<Self> {
        metrics.watch(api);
        let files = listener::raise_limit();
        let hosts: hosts::AdminHosts = settings.admin_hosts.into();
        let public = public_router(collector, api).merge(probes(&readiness));
        let admin = admin_router(collector, metrics, &readiness).merge(probes(&readiness));
        let listeners = [
            Listening {
                name: "public",
                listener: bind(settings.public).await?,
                router: api.protected(public.layer(from_fn(hosts::require_one))),
                most: files.public(settings.database_connections),
                proxies: api.trusted_proxies(),
            },
            Listening {
                name: "admin",
                listener: bind(settings.admin).await?,
                router: admin
                    .layer(from_fn_with_state(hosts, hosts::require_admin))
                    .layer(map_response(headers::secure_plain)),
                most: files.admin(),
                proxies: Vec::new(),
            },
        ];
        let (stop, stopped) = watch::channel(false);
        let mut tasks = Vec::new();
        for Listening { name, listener, router, most, proxies } in listeners {
            tracing::info!(address = %listener.local_addr()?, most_connections = most, "{name} listener answers");
            let (router, counters) = (metrics.measured(router, name), metrics.connections(name));
            let serving =
                listener::serve_counted(listener, router, ListenerLimits::of(most), proxies, counters, stopped.clone());
            tasks.push(tokio::spawn(serving));
        }
        Ok(Self { readiness, stop, tasks })
    }

    /// Reports that the service is not ready, completes the running requests, and stops.
    ///
    /// After `patience` the remaining connections are closed. Returns true if all requests were completed.
    pub async fn stop(self, patience: Duration) -> bool {
        self.readiness.enter(BootStage::ShuttingDown);
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
        .map_err(|error| io::Error::new(error.kind(), format!("cannot bind {address}: {error}")))
}

fn public_router(collector: &Arc<HealthCollector>, api: &Api) -> Router {
    let health = health::public(collector.clone()).method_not_allowed_fallback(not_allowed);
    health.merge(api.router()).fallback(not_found).layer(CatchPanicLayer::custom(panicked))
}

fn probes(readiness: &Arc<Readiness>) -> Router {
    probes::router(readiness.clone()).method_not_allowed_fallback(not_allowed)
}

fn admin_router(collector: &Arc<HealthCollector>, metrics: &Metrics, readiness: &Arc<Readiness>) -> Router {
    let page = Router::new().route("/", get(show_page)).with_state((collector.clone(), readiness.clone()));
    let scrape = Router::new().route("/metrics", get(scrape)).with_state((collector.clone(), metrics.clone()));
    let router = health::admin(collector.clone()).merge(page).merge(scrape).fallback(not_found);
    router.method_not_allowed_fallback(not_allowed).layer(CatchPanicLayer::custom(panicked))
}

async fn scrape(State((collector, metrics)): State<(Arc<HealthCollector>, Metrics)>) -> Response {
    metrics.answer(collector.reading().await.as_ref())
}

/// Serves the status page in every state of the service. The status is 503 if no reading was available within the time
/// limit.
async fn show_page(State((collector, readiness)): State<(Arc<HealthCollector>, Arc<Readiness>)>) -> Response {
    match tokio::join!(collector.reading(), readiness.check()) {
        (Some(reading), stage) => page::response(&reading.detailed, &collector.samples(), &stage),
        (None, _) => problem(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
    }
}

/// Answers a request whose handler panicked. The hook of [`crate::telemetry`] has logged the place. The payload may
/// contain data of the request.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    let body = serde_json::json!({
        "type": "about:blank", "title": "Internal Server Error", "status": status.as_u16(), "code": "internal",
        "detail": "this request failed. The log contains the reason",
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

/// Builds a problem document with a code for programs and a sentence for people.
fn problem_with(status: StatusCode, code: &str, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or("Error");
    let body = serde_json::json!({
        "type": "about:blank", "title": title, "status": status.as_u16(), "code": code, "detail": detail,
    });
    (status, [(CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}

/// Builds a problem document (RFC 9457) without a code.
fn problem(status: StatusCode, title: &str) -> Response {
    let body = serde_json::json!({"type": "about:blank", "title": title, "status": status.as_u16()});
    (status, [("content-type", "application/problem+json")], body.to_string()).into_response()
}
