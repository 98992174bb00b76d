//! Stopping work that is under way.

use tokio::sync::watch;

/// Asks for a stop, once and for all; being dropped does, too.
pub struct Stopper(watch::Sender<()>);

/// Tells of it; everybody at work has one.
#[derive(Clone)]
pub struct Stop(watch::Receiver<()>);

impl Stop {
    /// Somebody who can stop, and what tells of it.
    pub fn pair() -> (Stopper, Self) {
        let (sender, receiver) = watch::channel(());
        (Stopper(sender), Self(receiver))
    }

    /// Does something unless a stop comes first; then it is dropped midway.
    pub(super) async fn or<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut receiver = self.0.clone();
        tokio::select! {
            biased;
            // nothing is ever sent: this ends when the sender is gone
            _ = receiver.changed() => None,
            done = work => Some(done),
        }
    }
}

impl Stopper {
    /// Asks for the stop.
    pub fn stop(self) {
        drop(self.0);
    }
}
