//! Password attempts in progress in this process.
//!
//! An attempt counts as a failure until its password was verified, so many valid attempts at once could lock their own
//! account. They wait for each other here instead. Clients take turns at an account, so that the owner's attempt does
//! not wait for all earlier attempts of other clients.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use super::attempt_turns::{self, AttemptTurn};
use super::error::Error;
use super::fair_queue::{FairQueue, QueuePlace};

/// Number of subjects above which subjects without an attempt are removed.
const SUBJECTS: usize = 1024;
/// First estimate of the duration of an attempt.
const MEAN: Duration = Duration::from_millis(50);

/// Queue of attempts for each subject, which is an e-mail address or a client.
#[derive(Default)]
pub(super) struct Attempts {
    subjects: Mutex<HashMap<String, Weak<FairQueue<()>>>>,
}

impl Attempts {
    /// Waits until fewer than `most` attempts of the subject are in progress. The attempt counts until the place is
    /// dropped.
    ///
    /// Other attempts use the turn during the wait.
    ///
    /// # Errors
    /// Returns an error if the place, or the turn after it, would come after the time limit of the attempt.
    pub(super) async fn enter(
        &self,
        subject: &str,
        most: usize,
        turn: &mut AttemptTurn,
    ) -> Result<QueuePlace<()>, Error> {
        let places = self.places(subject, most);
        match places.free_place() {
            Some(place) => Ok(place),
            None => turn.pause(attempt_turns::take(&places, turn.client(), turn.patience())).await?,
        }
    }

    fn places(&self, subject: &str, most: usize) -> Arc<FairQueue<()>> {
        let mut subjects = self.subjects.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = subjects.get(subject).and_then(Weak::upgrade) {
            return places;
        }
        if subjects.len() >= SUBJECTS {
            subjects.retain(|_, places| places.strong_count() > 0);
        }
        let places = FairQueue::new(vec![(); most], MEAN);
        subjects.insert(subject.to_owned(), Arc::downgrade(&places));
        places
    }
}

#[cfg(test)]
mod tests {
    use super::super::attempt_turns::AttemptTurns;
    use super::*;
    use crate::client_limits::ClientNetworks;

    /// 160 attempts from eight networks wait for one account; a ninth network gets its turn after one attempt of each
    #[tokio::test]
    async fn clients_take_turns_at_an_account() {
        let attempts = Arc::new(Attempts::default());
        let turns = AttemptTurns::new(200, Duration::ZERO, Duration::from_secs(60));
        let client = |address: &str| ClientNetworks::of(address.parse().unwrap());
        let done = Arc::new(Mutex::new(Vec::new()));
        let mut first = turns.enter(client("192.0.2.1")).await.unwrap();
        let held = attempts.enter("account:1", 1, &mut first).await.unwrap();
        let enter = |address: String| {
            let (attempts, turns, done) = (attempts.clone(), turns.clone(), done.clone());
            tokio::spawn(async move {
                let mut turn = turns.enter(client(&address)).await.unwrap();
                let _place = attempts.enter("account:1", 1, &mut turn).await.unwrap();
                done.lock().unwrap().push(address);
            })
        };
        let mut all: Vec<_> = (0..160).map(|n| enter(format!("2001:db8:{:x}:{n:x}::1", n % 8))).collect();
        let queue = attempts.places("account:1", 1);
        while queue.waiting() < 160 {
            tokio::task::yield_now().await;
        }
        all.push(enter("203.0.113.9".to_owned()));
        while queue.waiting() < 161 {
            tokio::task::yield_now().await;
        }
        drop(held);
        for one in all {
            one.await.unwrap();
        }
        let done = done.lock().unwrap();
        assert_eq!(done.iter().position(|address| address == "203.0.113.9"), Some(8), "{done:?}");
    }
}
