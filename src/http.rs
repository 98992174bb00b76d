//! HTTP server with two listeners: the public one, and the admin one for operators. Both answer probes.

mod api;
mod client_address;
mod edge;
mod forwarded;
mod headers;
mod health;
mod hosts;
mod listener;
mod metrics;
mod probes;
mod problem;
mod problem_code;
mod readiness;
mod status_page;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ipnet::IpNet;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;

pub use api::{Api, ApiSettings, Rate};
pub use metrics::{Build, Metrics};
pub use problem_code::ProblemCode;
pub use readiness::{BootStage, Readiness};

#[doc(hidden)]
pub use listener::{ListenerLimits, serve};
#[doc(hidden)]
pub use status_page::{render as render_status_page, response as status_page};

use crate::health::HealthCollector;
use edge::Edge;
use headers::Scheme;
use hosts::AcceptedHosts;
use problem::Problem;

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
        let admin_edge =
            Edge { scheme: Scheme::Http, hosts: AcceptedHosts::Admin(settings.admin_hosts), proxies: None };
        let listeners = [
            Listening {
                name: "public",
                listener: bind(settings.public).await?,
                router: guarded(public_router(collector, api, &readiness), api.edge(), api.cors()),
                most: files.public(settings.database_connections),
                proxies: api.trusted_proxies(),
            },
            Listening {
                name: "admin",
                listener: bind(settings.admin).await?,
                router: guarded(admin_router(collector, metrics, &readiness), admin_edge, None),
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

/// Adds the rules for every request of a listener, and the rules for pages of other origins inside them.
fn guarded(router: Router, edge: Edge, cors: Option<CorsLayer>) -> Router {
    let router = router.fallback(problem::not_found).method_not_allowed_fallback(problem::method_not_allowed);
    let router = router.layer(CatchPanicLayer::custom(problem::panicked));
    let router = match cors {
        Some(cors) => router.layer(cors),
        None => router,
    };
    router.layer(from_fn_with_state(Arc::new(edge), edge::apply))
}

fn public_router(collector: &Arc<HealthCollector>, api: &Api, readiness: &Arc<Readiness>) -> Router {
    health::public(collector.clone()).merge(api.router()).merge(probes::router(readiness.clone()))
}

fn admin_router(collector: &Arc<HealthCollector>, metrics: &Metrics, readiness: &Arc<Readiness>) -> Router {
    let page = Router::new().route("/", get(show_page)).with_state((collector.clone(), readiness.clone()));
    let scrape = Router::new().route("/metrics", get(scrape)).with_state((collector.clone(), metrics.clone()));
    health::admin(collector.clone()).merge(page).merge(scrape).merge(probes::router(readiness.clone()))
}

async fn scrape(State((collector, metrics)): State<(Arc<HealthCollector>, Metrics)>) -> Response {
    metrics.answer(collector.reading().await.as_ref())
}

/// Serves the status page in every state of the service. The status is 503 if no reading was available within the time
/// limit.
async fn show_page(State((collector, readiness)): State<(Arc<HealthCollector>, Arc<Readiness>)>) -> Response {
    match tokio::join!(collector.reading(), readiness.check()) {
        (Some(reading), stage) => status_page::response(&reading.detailed, &collector.samples(), &stage),
        (None, _) => Problem::closed("no report within the time limit of a probe").into_response(),
    }
}
