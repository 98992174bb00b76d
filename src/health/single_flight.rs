//! Shares one report among all concurrent callers, and keeps it for a while.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard, watch};

use super::report_connection::ReportConnection;

/// The latest report, and the right to make the next one.
pub(super) struct SingleFlight<T> {
    latest: watch::Sender<Option<Arc<T>>>,
    connection: Arc<Mutex<ReportConnection>>,
}

impl<T> Default for SingleFlight<T> {
    fn default() -> Self {
        Self { latest: watch::Sender::new(None), connection: Arc::default() }
    }
}

impl<T> SingleFlight<T> {
    /// Latest report, however old.
    pub(super) fn latest(&self) -> Option<Arc<T>> {
        self.latest.borrow().clone()
    }

    /// Returns the latest report if it is fresh. Otherwise `begin` starts a new one, unless one is in progress, and the
    /// caller waits at most `patience`. If that times out, an old report is returned. A started report is completed
    /// even if no caller waits any more.
    pub(super) async fn get(
        &self,
        is_fresh: impl Fn(&T) -> bool,
        patience: Duration,
        begin: impl FnOnce(OwnedMutexGuard<ReportConnection>),
    ) -> Option<Arc<T>> {
        let mut answers = self.latest.subscribe();
        let fresh = |answer: Option<Arc<T>>| answer.filter(|answer| is_fresh(answer));
        if let Some(answer) = fresh(answers.borrow_and_update().clone()) {
            return Some(answer);
        }
        if let Ok(connection) = self.connection.clone().try_lock_owned() {
            // another task may have published a report meanwhile
            if let Some(answer) = fresh(self.latest()) {
                return Some(answer);
            }
            begin(connection);
        }
        let _ = tokio::time::timeout(patience, answers.changed()).await;
        self.latest()
    }

    /// Waits for a report in progress, then closes the connection.
    pub(super) async fn close(&self) {
        self.connection.lock().await.close().await;
    }

    /// Publishes a report to all callers. The connection is held until then, so that no second report begins.
    pub(super) fn publish(&self, answer: T, connection: OwnedMutexGuard<ReportConnection>) {
        self.latest.send_replace(Some(Arc::new(answer)));
        drop(connection);
    }
}
