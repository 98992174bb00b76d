//! Attempts with a password that are under way in this process. An attempt is counted as a failure until its password was found right,
//! so that too many right ones at once would lock their own account: they wait for each other here instead.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::Error;

/// Attempts for one subject that may wait.
const WAITING: usize = 256;
/// Above so many subjects those without an attempt are removed.
const SUBJECTS: usize = 1024;

/// A place for each attempt of a subject: an address, or a client.
#[derive(Default)]
pub(super) struct Attempts {
    subjects: Mutex<HashMap<String, Weak<Semaphore>>>,
}

impl Attempts {
    /// Waits until fewer than `most` attempts of the subject are under way, and counts as one until the permit is dropped.
    pub(super) async fn enter(&self, subject: &str, most: usize) -> Result<OwnedSemaphorePermit, Error> {
        let places = self.places(subject, most);
        if Arc::strong_count(&places) > most + WAITING {
            return Err(Error::Busy);
        }
        places.acquire_owned().await.map_err(Error::internal)
    }

    fn places(&self, subject: &str, most: usize) -> Arc<Semaphore> {
        let mut subjects = self.subjects.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = subjects.get(subject).and_then(Weak::upgrade) {
            return places;
        }
        if subjects.len() >= SUBJECTS {
            subjects.retain(|_, places| places.strong_count() > 0);
        }
        let places = Arc::new(Semaphore::new(most));
        subjects.insert(subject.to_owned(), Arc::downgrade(&places));
        places
    }
}
