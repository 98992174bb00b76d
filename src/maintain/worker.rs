//! A thread beside the ones that answer: reading backups through is work that must not hold up an answer.

use std::io;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use tokio_util::sync::{CancellationToken, DropGuard};

/// Work that goes on until it is stopped.
pub struct Worker {
    cancel: DropGuard,
    done: oneshot::Receiver<()>,
}

impl Worker {
    /// Starts it. The work ends soon after its stop is asked for, with nothing left unfinished.
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
            // nobody listens any more where the patience was over
            let _ = end.send(());
        };
        std::thread::Builder::new().name(thread.to_owned()).spawn(work)?;
        Ok(Self { cancel, done })
    }

    /// Asks for the stop and waits until the work has ended, for as long as `patience`; whether it came to that.
    pub async fn stop(self, patience: Duration) -> bool {
        drop(self.cancel);
        tokio::time::timeout(patience, self.done).await.is_ok()
    }
}
