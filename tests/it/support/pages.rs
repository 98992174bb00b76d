//! The status page behind a listener of the test, with its real headers.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use authsvc::health::{DetailedHealthReport, HealthSample};
use authsvc::http::{BootStage, status_page};
use axum::Router;
use axum::routing::get;

type Shown = (DetailedHealthReport, Vec<HealthSample>);

pub(crate) struct Pages {
    pub(crate) url: String,
    address: SocketAddr,
    shown: Arc<Mutex<Shown>>,
    answered: Arc<AtomicUsize>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Pages {
    pub(crate) fn serve(shown: Shown) -> Self {
        let (shown, answered) = (Arc::new(Mutex::new(shown)), Arc::default());
        let mut pages =
            Self { url: String::new(), address: (Ipv4Addr::LOCALHOST, 0).into(), shown, answered, runtime: None };
        pages.start();
        pages
    }

    /// Listens (again).
    pub(crate) fn start(&mut self) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (current, count) = (self.shown.clone(), self.answered.clone());
        let page = move || async move {
            count.fetch_add(1, Ordering::SeqCst);
            let shown = current.lock().unwrap().clone();
            status_page(&shown.0, &shown.1, &BootStage::Ready)
        };
        let listener = runtime.block_on(tokio::net::TcpListener::bind(self.address)).unwrap();
        self.address = listener.local_addr().unwrap();
        self.url = format!("http://{}/", self.address);
        runtime.spawn(async move { axum::serve(listener, Router::new().route("/", get(page))).await });
        self.runtime = Some(runtime);
    }

    /// From now on it is this.
    pub(crate) fn show(&self, shown: Shown) {
        *self.shown.lock().unwrap() = shown;
    }

    /// How often it was asked for.
    pub(crate) fn answered(&self) -> usize {
        self.answered.load(Ordering::SeqCst)
    }

    /// Ends the listener and its connections, as the end of the process does.
    pub(crate) fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(std::time::Duration::from_secs(5));
        }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        self.stop();
    }
}
