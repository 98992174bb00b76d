//! The harness: a private PostgreSQL cluster, SQLite files, the program as a process, and a look into the databases.

pub(crate) mod cluster;
pub(crate) mod database;
pub(crate) mod program;
pub(crate) mod proxy;

pub(crate) use cluster::Cluster;
pub(crate) use database::{Database, Engine};
pub(crate) use program::Program;

use std::time::{Duration, Instant};

/// The password of the role `app`, in every URL of the suite: no output may ever hold it.
pub(crate) const CANARY: &str = "cAn4ry/Pass?w#rd@x";
/// The same, percent-encoded.
pub(crate) const CANARY_ENCODED: &str = "cAn4ry%2FPass%3Fw%23rd%40x";

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
