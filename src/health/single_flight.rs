//! One answer for everybody who asks meanwhile, and for a while after.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard, watch};

use super::report_connection::ReportConnection;

/// The last answer, and the right to make the next.
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
    /// The last answer, however old.
    pub(super) fn latest(&self) -> Option<Arc<T>> {
        self.latest.borrow().clone()
    }

    /// The last answer if it is fresh. Else one is begun by `begin`, unless that was done, and waited for as long as `patience`; an
    /// old one is better than none. What is begun goes on when nobody waits any more.
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
            // another one may have landed meanwhile
            if let Some(answer) = fresh(self.latest()) {
                return Some(answer);
            }
            begin(connection);
        }
        let _ = tokio::time::timeout(patience, answers.changed()).await;
        self.latest()
    }

    /// Waits for an answer that is being made, and gives up the connection.
    pub(super) async fn close(&self) {
        self.connection.lock().await.close().await;
    }

    /// Gives everybody the answer. The connection is held until then, so that nobody begins another one.
    pub(super) fn publish(&self, answer: T, connection: OwnedMutexGuard<ReportConnection>) {
        self.latest.send_replace(Some(Arc::new(answer)));
        drop(connection);
    }
}
