//! Worker thread for background jobs, because reading whole backups must not delay requests.

use std::io;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use tokio_util::sync::{CancellationToken, DropGuard};

/// Background work that runs until it is stopped.
pub struct Worker {
    cancel: DropGuard,
    done: oneshot::Receiver<()>,
}

impl Worker {
    /// Starts the thread. The work ends soon after a stop is requested, with nothing left unfinished.
    pub(super) fn start<F: Future<Output = ()>>(
        thread: &str,
        work: impl FnOnce(CancellationToken) -> F + Send + 'static,
    ) -> io::Result<Self> {
        let stop = CancellationToken::new();
        let cancel = stop.clone().drop_guard();
        let (end, done) = oneshot::channel();
        let runtime = Handle::current();
        let work = move || {
            runtime.block_on(work(stop));
            // the receiver is closed if the stop has timed out
            let _ = end.send(());
        };
        std::thread::Builder::new().name(thread.to_owned()).spawn(work)?;
        Ok(Self { cancel, done })
    }

    /// Requests the stop and waits at most `patience`. Returns true if the work has ended by then.
    pub async fn stop(self, patience: Duration) -> bool {
        drop(self.cancel);
        tokio::time::timeout(patience, self.done).await.is_ok()
    }
}
