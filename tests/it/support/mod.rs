//! Test harness: a private PostgreSQL cluster, SQLite files, the program as a process, and queries on the databases.

pub(crate) mod api;
pub(crate) mod browser;
pub(crate) mod catalogue_dump;
pub(crate) mod clients;
pub(crate) mod cluster;
pub(crate) mod columns;
pub(crate) mod contents;
pub(crate) mod database;
pub(crate) mod installation;
pub(crate) mod logins;
pub(crate) mod pages;
pub(crate) mod pgbouncer;
pub(crate) mod program;
pub(crate) mod promtool;
pub(crate) mod providers;
pub(crate) mod proxy;
pub(crate) mod reports;
pub(crate) mod tools;
pub(crate) mod visitor;

pub(crate) use cluster::Cluster;
pub(crate) use database::{Database, Engine};
pub(crate) use program::Program;

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// The password of the role `app`, in every URL of the suite: no output may ever hold it.
pub(crate) const CANARY: &str = "cAn4ry/Pass?w#rd@x";
/// The same, percent-encoded.
pub(crate) const CANARY_ENCODED: &str = "cAn4ry%2FPass%3Fw%23rd%40x";

/// A port without a listener. It is below the range of ports that the system uses for outgoing connections, so
/// that no other process uses it before it is bound.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 10_000 + u16::try_from(std::process::id() % 180).unwrap() * 100;
    loop {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed) % 2_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Waits until something holds, for ten seconds at most.
pub(crate) fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(done) = attempt() {
            return done;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Sets a flag when it is dropped, so that a thread that waits for the flag ends when an assertion fails, too.
pub(crate) struct SetOnDrop<'a>(pub(crate) &'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
