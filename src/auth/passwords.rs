//! Password hashing with Argon2id on separate threads, one per processor.
//!
//! The parameters are OWASP's (19 MiB, two passes). A hash with other parameters, or a bcrypt hash of the legacy
//! service, is accepted and replaced at the next login. A refusal takes the same time for each kind of hash and without
//! an account (`auth/hash_kinds.rs`). A stored hash that is not checked (`password_hashes`) counts as no hash. Each
//! thread reuses its memory, and clients take turns (`fair_queue`).

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use entity::user;
use entity::value::PasswordHash;
use secrecy::{ExposeSecret, SecretString};

use super::attempt_turns::{self, AttemptTurn, AttemptTurns};
use super::error::Error;
use super::fair_queue::FairQueue;
use super::hash_kinds::HashKinds;
use crate::client_limits::ClientNetworks;
use crate::clock::Stopwatch;
use crate::db::Client;
use crate::health::{HashingProbe, HashingState};
use crate::password_hashes::{self, HashMemory, UnusableHash};
use crate::random;

/// Default wait limit of a request for its turn.
const PATIENCE: Duration = Duration::from_secs(10);
/// Maximum number of accounts with an unusable hash that the log names, once each.
const MOST_NAMED: usize = 1000;

/// Result of a password check.
pub(super) struct PasswordCheck {
    /// True if the password matches.
    pub(super) matches: bool,
    /// New hash that should replace the stored one.
    pub(super) rehashed: Option<PasswordHash>,
}

/// Threads that hash and check passwords. Clones share them.
#[derive(Clone)]
pub struct Passwords {
    queue: Arc<FairQueue<HashMemory>>,
    turns: AttemptTurns,
    dummy_hash: PasswordHash,
    kinds: HashKinds,
    refused: Arc<RefusedHashes>,
}

/// Counter of logins to accounts whose stored hash is not checked.
#[derive(Default)]
struct RefusedHashes {
    logins: AtomicU64,
    named: Mutex<BTreeSet<i64>>,
}

impl Passwords {
    /// Creates the queue for a number of threads.
    ///
    /// # Errors
    /// Returns an error if the system has no randomness.
    pub fn new(threads: usize) -> std::io::Result<Self> {
        let (password, watch) = (random::bytes::<32>()?, Stopwatch::start());
        let mut memory = HashMemory::default();
        let dummy_hash = hash(&password, &mut memory).map_err(|error| std::io::Error::other(error.to_string()))?;
        let (mut memories, mean) = (vec![memory], watch.elapsed());
        memories.resize_with(threads.max(1), HashMemory::default);
        let turns = AttemptTurns::new(memories.len(), mean, PATIENCE);
        let queue = FairQueue::new(memories, mean);
        let kinds = HashKinds::new(&dummy_hash);
        Ok(Self { kinds, queue, turns, dummy_hash, refused: Arc::default() })
    }

    /// Sets the wait limit. A request with a longer estimated wait is refused at once.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.turns.patience = patience;
        self
    }

    /// Returns the number of passwords that wait for a turn or for a thread.
    pub(super) fn waiting(&self) -> usize {
        self.turns.waiting() + self.queue.waiting()
    }

    /// Waits for the turn of a client to begin a password attempt. The caller holds the turn during the attempt.
    pub(super) async fn turn(&self, client: &Client) -> Result<AttemptTurn, Error> {
        self.turns.enter(networks(client)).await
    }

    /// Hashes a new password. Returns the PHC string to store.
    pub(super) async fn hash(&self, password: &SecretString, client: &Client) -> Result<PasswordHash, Error> {
        let password = password.clone();
        let work = move |memory: &mut HashMemory| hash(password.expose_secret().as_bytes(), memory);
        self.run(networks(client), work).await?.map_err(Error::internal)
    }

    /// Sets the kinds of hashes in use. Each item is the beginning of a stored hash.
    pub(super) fn set_kinds<'a>(&self, found: impl Iterator<Item = &'a str>) {
        self.kinds.replace(found, &self.dummy_hash);
    }

    /// Checks a password against the stored hash of an account. Without an account, no password matches.
    ///
    /// A refusal takes the time of one check for each kind of hash in use.
    pub(super) async fn verify(
        &self,
        password: &SecretString,
        account: Option<&user::Model>,
        client: &Client,
    ) -> Result<PasswordCheck, Error> {
        let stored = account.filter(|account| self.is_checked(account)).map(|account| &account.password_hash);
        let (password, hash, dummies) =
            (password.clone(), stored.cloned(), self.kinds.dummies(stored, &self.dummy_hash));
        let work = move |memory: &mut HashMemory| {
            let password = password.expose_secret().as_bytes();
            let none = PasswordCheck { matches: false, rehashed: None };
            let check = hash.map_or(none, |hash| verify(password, &hash, memory));
            if !check.matches {
                dummies.iter().for_each(|dummy| drop(verify(password, dummy, memory)));
            }
            check
        };
        self.run(networks(client), work).await
    }

    /// Returns true if the stored hash of an account can be checked. The log names each account with an unusable hash
    /// once.
    fn is_checked(&self, account: &user::Model) -> bool {
        let stored = account.password_hash.expose();
        // an account of a provider has no hash
        let Some(why) = password_hashes::read(stored).err().filter(|_| !stored.is_empty()) else {
            return !stored.is_empty();
        };
        self.refused.logins.fetch_add(1, Ordering::Relaxed);
        self.refused.name(account.id, why);
        false
    }

    /// Runs work on a thread. If the request is cancelled, the place is in use until the work is done.
    async fn run<T: Send + 'static>(
        &self,
        client: ClientNetworks,
        work: impl FnOnce(&mut HashMemory) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let mut place = attempt_turns::take(&self.queue, client, self.turns.patience).await?;
        let work = move || {
            let done = place.tool().map(work);
            drop(place);
            done
        };
        let done = tokio::task::spawn_blocking(work).await.map_err(Error::internal)?;
        done.ok_or_else(|| Error::internal("a place without memory"))
    }
}

#[async_trait::async_trait]
impl HashingProbe for Passwords {
    async fn hash_once(&self, patience: Duration) -> HashingState {
        let watch = Stopwatch::start();
        // no client has this address, so the probe has its own turns
        let probe =
            ClientNetworks { narrow: IpAddr::V6(Ipv6Addr::UNSPECIFIED), wide: IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
        let hashed = self.run(probe, |memory| hash(b"health", memory).is_ok());
        let is_hashed = matches!(tokio::time::timeout(patience, hashed).await, Ok(Ok(true)));
        HashingState {
            took: is_hashed.then(|| watch.elapsed()),
            waiting: self.waiting(),
            refused_hashes: HashingProbe::refused_hashes(self),
        }
    }

    fn refused_hashes(&self) -> u64 {
        self.refused.logins.load(Ordering::Relaxed)
    }
}

impl RefusedHashes {
    fn name(&self, user_id: i64, why: UnusableHash) {
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        if named.len() < MOST_NAMED && named.insert(user_id) {
            tracing::warn!(
                user_id,
                "the stored password hash of an account is not checked, so every password is refused: {why}. Set a new \
                 password"
            );
        }
    }
}

fn networks(client: &Client) -> ClientNetworks {
    ClientNetworks::of(client.ip().unwrap_or(IpAddr::V6(Ipv6Addr::LOCALHOST)))
}

fn hash(password: &[u8], memory: &mut HashMemory) -> Result<PasswordHash, String> {
    let salt = random::bytes::<16>().map_err(|error| error.to_string())?;
    password_hashes::hash(password, salt, memory).map(PasswordHash::new).map_err(|error| error.to_string())
}

fn verify(password: &[u8], stored: &PasswordHash, memory: &mut HashMemory) -> PasswordCheck {
    let Ok(checked) = password_hashes::read(stored.expose()) else {
        return PasswordCheck { matches: false, rehashed: None };
    };
    let matches = checked.matches(password, memory);
    let rehashed = (matches && !checked.is_current()).then(|| hash(password, memory).ok()).flatten();
    PasswordCheck { matches, rehashed }
}
