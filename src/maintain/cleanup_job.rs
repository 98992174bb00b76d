//! Cleanup in `serve`: one replica at a time, when the last successful cleanup is older than the interval.
//!
//! Each replica checks once per interval, and at least once a minute, with jitter. If a replica is killed midway,
//! another one continues the cleanup.

use std::io;
use std::time::Duration;

use super::cleanup::{Cleanup, CleanupError};
use super::service_runs;
use super::worker::Worker;
use crate::clock;
use crate::migrate::with_jitter;
use tokio_util::sync::CancellationToken;

/// Longest time between two checks whether a cleanup is due.
const LOOK: Duration = Duration::from_secs(60);

/// Starts a thread that cleans up whenever it is due. A stop ends it after the current batch.
///
/// # Errors
/// Returns an error if the system cannot create a thread.
pub fn schedule_cleanups(interval: Duration, cleanup: Cleanup) -> io::Result<Worker> {
    Worker::start("cleanup", move |stop| async move { run(interval, &cleanup, &stop).await })
}

async fn run(interval: Duration, cleanup: &Cleanup, stop: &CancellationToken) {
    let mut told = false;
    while stop.run_until_cancelled(tokio::time::sleep(with_jitter(interval.min(LOOK)))).await.is_some() {
        match attempt(interval, cleanup, stop).await {
            Ok(()) => told = false,
            Err(CleanupError::Busy) => {}
            // a repeated failure is logged as an error once, but every failure is recorded
            Err(error) if told => tracing::debug!("the cleanup failed again: {error}"),
            Err(error) => {
                told = true;
                tracing::error!(hint = error.hint(), "the cleanup failed: {error}");
            }
        }
    }
}

async fn attempt(interval: Duration, cleanup: &Cleanup, stop: &CancellationToken) -> Result<(), CleanupError> {
    if service_runs::is_cleaned_within(&cleanup.pool, interval).await? {
        return Ok(());
    }
    let cleaned = cleanup.run(clock::now(), stop, &()).await?;
    let removed = cleaned.expired_tokens + cleaned.revoked_tokens + cleaned.oauth_tokens + cleaned.auth_events;
    tracing::info!(removed, milliseconds = cleaned.duration_ms, "cleaned up");
    Ok(())
}
