//! Turns of password attempts, from the first query to the last.
//!
//! Only a few attempts run at once, and clients take turns (`fair_queue`). The connection pool serves requests in order
//! of arrival, and SQLite's write lock has no order. Without turns, a flood of attempts would delay the attempts of all
//! other clients.
//!
//! An attempt that waits for something else gives its place to the next one, so that attempts for one account do not
//! delay others. Lock order: an attempt that waits for a place of its account or of its client holds no turn.

use std::sync::Arc;
use std::time::Duration;

use super::error::Error;
use super::fair_queue::{FairQueue, QueuePlace, QueueTooLong};
use crate::client_limits::ClientNetworks;

/// Concurrent attempts per hashing thread: while one is hashed, another one queries the database.
const FOR_EACH_THREAD: usize = 2;

/// Queue of the attempts in this process. Clones share it.
#[derive(Clone)]
pub(super) struct AttemptTurns {
    queue: Arc<FairQueue<()>>,
    /// Wait limit of one attempt.
    pub(super) patience: Duration,
}

/// Place of one attempt. The drop frees it.
pub(super) struct AttemptTurn {
    turns: AttemptTurns,
    client: ClientNetworks,
    place: Option<QueuePlace<()>>,
}

impl AttemptTurns {
    /// Creates the queue for a number of hashing threads. `mean` is the first estimate of the duration of an attempt.
    pub(super) fn new(threads: usize, mean: Duration, patience: Duration) -> Self {
        let places = vec![(); threads.saturating_mul(FOR_EACH_THREAD)];
        Self { queue: FairQueue::new(places, mean), patience }
    }

    /// Returns the number of attempts that wait for their turn.
    pub(super) fn waiting(&self) -> usize {
        self.queue.waiting()
    }

    /// Waits for the turn of this client.
    ///
    /// # Errors
    /// Returns [`Error::QueueFull`] at once if the estimated wait exceeds the limit.
    pub(super) async fn enter(&self, client: ClientNetworks) -> Result<AttemptTurn, Error> {
        let place = Some(take(&self.queue, client, self.patience).await?);
        Ok(AttemptTurn { turns: self.clone(), client, place })
    }
}

impl AttemptTurn {
    /// Returns the client that holds the turn.
    pub(super) fn client(&self) -> ClientNetworks {
        self.client
    }

    /// Returns the wait limit of one attempt.
    pub(super) fn patience(&self) -> Duration {
        self.turns.patience
    }

    /// Gives up the place, waits for a future, and then waits for a new turn.
    ///
    /// # Errors
    /// Returns [`Error::QueueFull`] if the estimated wait for the new turn exceeds the limit.
    pub(super) async fn pause<T>(&mut self, wait: impl Future<Output = T>) -> Result<T, Error> {
        self.place = None;
        let waited = wait.await;
        self.place = Some(take(&self.turns.queue, self.client, self.turns.patience).await?);
        Ok(waited)
    }
}

/// Waits for a place in a queue.
///
/// # Errors
/// Returns [`Error::QueueFull`] at once if the estimated wait exceeds `patience`.
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
