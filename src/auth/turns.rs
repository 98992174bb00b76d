//! Turns of attempts with a password, from the first query to the last.
//!
//! Only a few attempts are under way at once, and clients take turns at them (`fair_queue`). The pool of connections serves in order of
//! arrival, and SQLite's write lock in no order: without turns before them, a flood of attempts delays the attempts of all other clients.
//! An attempt that waits for something else gives its place to the next one, so that attempts for one account do not delay others.
//! Lock order: an attempt that waits for a place of its account or of its client holds no turn.

use std::sync::Arc;
use std::time::Duration;

use super::error::Error;
use super::fair_queue::{FairQueue, QueuePlace, QueueTooLong};
use crate::clients::ClientNetworks;

/// Attempts under way for each thread that hashes: while one is hashed, another one queries the database.
const FOR_EACH_THREAD: usize = 2;

/// The attempts of this process. A clone shares them.
#[derive(Clone)]
pub(super) struct AttemptTurns {
    queue: Arc<FairQueue<()>>,
    /// Longest wait of one attempt.
    pub(super) patience: Duration,
}

/// The place of one attempt, until it is dropped.
pub(super) struct AttemptTurn {
    turns: AttemptTurns,
    client: ClientNetworks,
    place: Option<QueuePlace<()>>,
}

impl AttemptTurns {
    /// For so many threads that hash; `mean` is the first estimate of the time of one attempt.
    pub(super) fn new(threads: usize, mean: Duration, patience: Duration) -> Self {
        let places = vec![(); threads.saturating_mul(FOR_EACH_THREAD)];
        Self { queue: FairQueue::new(places, mean), patience }
    }

    /// How many attempts wait for their turn.
    pub(super) fn waiting(&self) -> usize {
        self.queue.waiting()
    }

    /// Waits for this client's turn.
    ///
    /// # Errors
    /// It would come too late.
    pub(super) async fn enter(&self, client: ClientNetworks) -> Result<AttemptTurn, Error> {
        let place = Some(take(&self.queue, client, self.patience).await?);
        Ok(AttemptTurn { turns: self.clone(), client, place })
    }
}

impl AttemptTurn {
    /// The client whose turn it is.
    pub(super) fn client(&self) -> ClientNetworks {
        self.client
    }

    /// Longest wait of one attempt.
    pub(super) fn patience(&self) -> Duration {
        self.turns.patience
    }

    /// Waits for something else without a place, and then for a new turn.
    ///
    /// # Errors
    /// The new turn would come too late.
    pub(super) async fn pause<T>(&mut self, wait: impl Future<Output = T>) -> Result<T, Error> {
        self.place = None;
        let waited = wait.await;
        self.place = Some(take(&self.turns.queue, self.client, self.turns.patience).await?);
        Ok(waited)
    }
}

/// Waits for a place.
///
/// # Errors
/// It would come too late.
pub(super) async fn take<T>(
    queue: &Arc<FairQueue<T>>,
    client: ClientNetworks,
    patience: Duration,
) -> Result<QueuePlace<T>, Error> {
    let place = queue.enter(client, patience).await;
    place.map_err(|QueueTooLong(wait)| Error::QueueFull { retry_after: wait })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_attempt_that_waits_for_something_else_lets_others_go_on() {
        let turns = AttemptTurns::new(1, Duration::from_millis(1), Duration::from_secs(60));
        let client = |address: &str| ClientNetworks::of(address.parse().unwrap());
        let mut one = turns.enter(client("192.0.2.1")).await.unwrap();
        let _two = turns.enter(client("192.0.2.1")).await.unwrap();
        let other = turns.clone();
        one.pause(async move { drop(other.enter(client("198.51.100.1")).await.unwrap()) }).await.unwrap();
        assert!(one.place.is_some());
        let full = AttemptTurns { patience: Duration::ZERO, ..turns }.enter(client("198.51.100.1")).await;
        assert!(matches!(full, Err(Error::QueueFull { .. })));
    }
}
