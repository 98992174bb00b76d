//! `/metrics`: the metrics of a report, and the timing of requests.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use authsvc::db::PoolUsage;
use authsvc::health::{Counters, DetailedHealthReport, HealthReading, HealthStatus, SqliteFile};
use authsvc::http::{Build, Metrics};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

use crate::support::program::assert_no_secret;
use crate::support::promtool::promtool;
use crate::support::{CANARY, eventually, reports};

fn metrics() -> Metrics {
    Metrics::new(Build { version: "1.2.3", commit: "0123456789ab", migration: "010_sign_in" }).unwrap()
}

/// A report with a figure for every metric, and with secrets where no metric looks.
pub(crate) fn filled() -> DetailedHealthReport {
    let (mut detailed, _) = reports::healthy();
    let find =
        |detailed: &mut DetailedHealthReport, name, status| reports::find(detailed, name, status, CANARY, CANARY);
    find(&mut detailed, "backups", HealthStatus::Degraded);
    find(&mut detailed, "seed_accounts", HealthStatus::Unhealthy);
    let report = &mut detailed.basic_health;
    report.database.version = Some("PostgreSQL \"a\\b\"\nc".to_owned());
    report.tables[1].row_count = None;
    report.migrations.drift = Some(true);
    detailed.storage.clock_skew_seconds = Some(-0.125);
    detailed.storage.sqlite = Some(SqliteFile {
        page_count: 46,
        page_size: 4_096,
        freelist_count: 3,
        cache_bytes: 2_048_000,
        journal_mode: "wal".to_owned(),
        wal_bytes: 1_211_312,
        quick_check: None,
    });
    let runs = &mut detailed.maintenance.last_runs;
    (runs[1].outcome, runs[1].error) = (Some("failed".to_owned()), Some(CANARY.to_owned()));
    (runs[2].outcome, runs[2].finished_at) = (None, None);
    detailed
}

pub(crate) fn encode(metrics: &Metrics, detailed: DetailedHealthReport) -> String {
    let mut counters = Counters::default();
    counters.failed_logins = 33;
    counters.cleanup_deleted = [("refresh_tokens".to_owned(), 31), ("auth_events".to_owned(), 32)].into();
    let reading = HealthReading { detailed, counters, usage: PoolUsage { in_use: 2, open: 3, most: 10 } };
    let text = metrics.encode(Some(&reading)).unwrap();
    assert_no_secret(&text);
    text
}

/// Prometheus' own linter says nothing.
#[track_caller]
fn assert_clean(text: &str) {
    assert_eq!(promtool(std::path::Path::new("."), &["check", "metrics"], text), "", "{text}");
}

#[test]
fn every_figure_is_there_in_base_units_and_escaped() {
    let text = encode(&metrics(), filled());
    insta::assert_snapshot!("metrics", text);
    assert_clean(&text);
}

#[test]
fn what_cannot_be_had_is_absent() {
    let text = encode(&metrics(), reports::gone().0);
    insta::assert_snapshot!("metrics_of_a_silent_database", text);
    assert_clean(&text);
    let text = metrics().encode(None).unwrap();
    assert!(text.lines().all(|line| line.contains("authsvc_build_info")), "{text}");
    assert_clean(&text);
}

#[test]
fn a_figure_that_is_no_number_is_absent() {
    let mut detailed = filled();
    detailed.basic_health.performance.cache_hit_ratio = Some(f64::NAN);
    detailed.storage.clock_skew_seconds = Some(f64::INFINITY);
    let text = encode(&metrics(), detailed);
    assert!(!text.contains("authsvc_database_cache_hit") && !text.contains("authsvc_clock_skew"), "{text}");
}

#[test]
fn nothing_of_an_earlier_report_stays() {
    let metrics = metrics();
    encode(&metrics, filled());
    let mut later = filled();
    later.checks.truncate(1);
    later.basic_health.tables.clear();
    let text = encode(&metrics, later);
    assert!(!text.contains("authsvc_table_rows") && !text.contains("check=\"backups\""), "{text}");
    assert_eq!(encode(&metrics, filled()), encode(&metrics, filled()));
}

/// A server of the test's own process, whose requests are timed.
pub(crate) struct Timed {
    pub(crate) metrics: Metrics,
    /// Whether a request to `/never` is running.
    waits: Arc<AtomicBool>,
    address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl Timed {
    pub(crate) fn start() -> Self {
        let (metrics, runtime) = (metrics(), tokio::runtime::Runtime::new().unwrap());
        let waits = Arc::new(AtomicBool::new(false));
        let never = |State(waits): State<Arc<AtomicBool>>| async move {
            waits.store(true, Ordering::SeqCst);
            std::future::pending::<()>().await;
        };
        let router = Router::new()
            .route("/items/{id}", get(|| async { "item" }).post(|| async { StatusCode::INTERNAL_SERVER_ERROR }))
            .route("/never", get(never))
            .fallback(|| async { StatusCode::NOT_FOUND })
            .with_state(waits.clone());
        let router = metrics.measured(router, "public");
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { metrics, waits, address, _runtime: runtime }
    }

    /// Sends a request and does not wait.
    fn send(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(stream, "{request} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").unwrap();
        stream
    }

    pub(crate) fn ask(&self, request: &str) {
        self.send(request).read_to_string(&mut String::new()).unwrap();
    }

    /// How many requests were counted under these labels.
    fn counted(&self, labels: &str) -> Option<u32> {
        let start = format!("authsvc_http_request_duration_seconds_count{{listener=\"public\",{labels}}} ");
        let text = self.metrics.encode(None).unwrap();
        text.lines().find_map(|line| line.strip_prefix(&start)?.parse().ok())
    }
}

#[test]
fn requests_are_counted_by_route_and_status() {
    let timed = Timed::start();
    for request in ["GET /items/1", "GET /items/2?token=cAn4ry", "HEAD /items/3", "POST /items/4", "PUT /items/5"] {
        timed.ask(request);
    }
    let count =
        |method, status| timed.counted(&format!(r#"method="{method}",route="/items/{{id}}",status="{status}""#));
    assert_eq!(count("GET", 200), Some(2));
    assert_eq!(count("HEAD", 200), Some(1));
    assert_eq!(count("POST", 500), Some(1));
    assert_eq!(count("PUT", 405), Some(1));
    let text = timed.metrics.encode(None).unwrap();
    assert_no_secret(&text);
    assert_clean(&text);
}

#[test]
fn clients_cannot_make_labels() {
    let timed = Timed::start();
    for number in 0..20 {
        timed.ask(&format!("GET /cAn4ry/{number}"));
        timed.ask(&format!("CANARY{number} /"));
    }
    assert_eq!(timed.counted(r#"method="GET",route="unmatched",status="404""#), Some(20));
    assert_eq!(timed.counted(r#"method="other",route="unmatched",status="404""#), Some(20));
    let text = timed.metrics.encode(None).unwrap();
    assert_eq!(text.matches("seconds_count{").count(), 2, "{text}");
    assert_no_secret(&text);
}

#[test]
fn a_client_that_goes_away_is_counted() {
    let timed = Timed::start();
    let client = timed.send("GET /never");
    eventually("the request", || timed.waits.load(Ordering::SeqCst).then_some(()));
    drop(client);
    eventually("the count", || {
        timed.counted(r#"method="GET",route="/never",status="499""#).filter(|count| *count == 1)
    });
}
