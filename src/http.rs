//! Two listeners: the public one, and the operators'. Both tell whether the process lives and whether it is ready.

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

/// Where to listen, and for whom.
#[derive(Debug, Clone)]
pub struct ListenSettings {
    /// Address of the public listener.
    pub public: SocketAddr,
    /// Address of the operators' listener.
    pub admin: SocketAddr,
    /// Names in `Host` under which operators' requests are answered, in lower case; addresses and `localhost` always are.
    pub admin_hosts: Vec<String>,
    /// Connections to the database that this process may have: files are left for them.
    pub database_connections: u32,
}

/// One of the two listeners, before it answers.
struct Listening {
    name: &'static str,
    listener: TcpListener,
    router: Router,
    most: u32,
    proxies: Vec<IpNet>,
}

impl Server {
    /// Raises the limit of open files, binds both listeners and starts to answer.
    ///
    /// # Errors
    /// An address that cannot be bound, with the address.
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

    /// Says that it is no longer ready, answers what is running, and stops; after `patience` whatever is left is cut
    /// off. Whether everything was answered.
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
        .map_err(|error| io::Error::new(error.kind(), format!("{address} cannot be bound: {error}")))
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

/// The status page. It is there in any state; where not even the deadline was kept, it says so by its status.
async fn show_page(State((collector, readiness)): State<(Arc<HealthCollector>, Arc<Readiness>)>) -> Response {
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

/// A problem document with a code for programs and a sentence for people.
fn problem_with(status: StatusCode, code: &str, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or("Error");
    let body = serde_json::json!({
        "type": "about:blank", "title": title, "status": status.as_u16(), "code": code, "detail": detail,
    });
    (status, [(CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}

/// An RFC 9457 problem document.
fn problem(status: StatusCode, title: &str) -> Response {
    let body = serde_json::json!({"type": "about:blank", "title": title, "status": status.as_u16()});
    (status, [("content-type", "application/problem+json")], body.to_string()).into_response()
}
