//! Passwords: hashed with Argon2id, on threads of their own, so many at a time as there are processors.
//!
//! The parameters are OWASP's (19 MiB, two passes). A hash with others, and one of bcrypt from the earlier service, still counts, and is
//! replaced at the next login. A refusal takes as long for every kind of hash and without an account (`auth/hash_kinds.rs`).

use std::sync::Arc;

use argon2::password_hash::{self, Salt};
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use entity::value::PasswordHash;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use super::error::Error;
use super::hash_kinds::HashKinds;
use crate::random;

/// KiB, passes, lanes.
const COST: (u32, u32, u32) = (19_456, 2, 1);
/// So many may wait for each that is being checked.
const WAITING: usize = 64;

/// What came of a check.
pub(super) struct Verdict {
    /// Whether the password is the one.
    pub(super) matches: bool,
    /// The hash that should be stored instead.
    pub(super) rehashed: Option<PasswordHash>,
}

/// The threads that check passwords. A clone shares them.
#[derive(Clone)]
pub struct Passwords {
    working: Arc<Semaphore>,
    present: Arc<Semaphore>,
    nobodys: PasswordHash,
    kinds: HashKinds,
}

impl Passwords {
    /// With so many threads.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn new(threads: usize) -> std::io::Result<Self> {
        let password = random::bytes::<32>()?;
        let nobodys = hash(&password).map_err(|error| std::io::Error::other(error.to_string()))?;
        let kinds = HashKinds::new(&nobodys);
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        Ok(Self {
            working: semaphore(threads.max(1)),
            present: semaphore(threads.max(1) * (WAITING + 1)),
            nobodys,
            kinds,
        })
    }

    /// What is stored of a password.
    pub(super) async fn hash(&self, password: &SecretString) -> Result<PasswordHash, Error> {
        let password = password.clone();
        self.run(move || hash(password.expose_secret().as_bytes())).await?.map_err(Error::internal)
    }

    /// Sets the kinds of hashes that are in use, by how such hashes begin.
    pub(super) fn set_kinds<'a>(&self, found: impl Iterator<Item = &'a str>) {
        self.kinds.replace(found, &self.nobodys);
    }

    /// Whether a password is the one that was stored; against `None` it is not. A refusal takes one check of each kind of hash in use.
    pub(super) async fn verify(
        &self,
        password: &SecretString,
        stored: Option<&PasswordHash>,
    ) -> Result<Verdict, Error> {
        let stored = stored.filter(|stored| !stored.expose().is_empty());
        let (password, hash, dummies) = (password.clone(), stored.cloned(), self.kinds.dummies(stored, &self.nobodys));
        self.run(move || {
            let password = password.expose_secret().as_bytes();
            let verdict = hash.map_or(Verdict { matches: false, rehashed: None }, |hash| verify(password, &hash));
            if !verdict.matches {
                dummies.iter().for_each(|dummy| drop(verify(password, dummy)));
            }
            verdict
        })
        .await
    }

    /// Runs work on a thread; a client that goes away meanwhile does not make room for another one before the work is done.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let place = self.present.clone().try_acquire_owned().map_err(|_| Error::Busy)?;
        let turn = self.working.clone().acquire_owned().await.map_err(Error::internal)?;
        let work = move || {
            let done = work();
            drop((turn, place));
            done
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)
    }
}

fn argon2() -> Result<Argon2<'static>, argon2::Error> {
    let (memory, passes, lanes) = COST;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(memory, passes, lanes, None)?))
}

fn hash(password: &[u8]) -> Result<PasswordHash, password_hash::Error> {
    let bytes = random::bytes::<16>().map_err(|_| password_hash::Error::Crypto)?;
    let mut text = [0; Salt::RECOMMENDED_LENGTH * 2];
    let salt = Salt::from_b64(password_hash::Encoding::B64.encode(&bytes, &mut text)?)?;
    Ok(PasswordHash::new(argon2()?.hash_password(password, salt)?.to_string()))
}

fn verify(password: &[u8], stored: &PasswordHash) -> Verdict {
    let text = stored.expose();
    let (matches, is_current) = if text.starts_with("$2") {
        (bcrypt::verify(password, text).unwrap_or(false), false)
    } else {
        match password_hash::PasswordHash::new(text) {
            Ok(parsed) => (Argon2::default().verify_password(password, &parsed).is_ok(), is_current(&parsed)),
            // a dummy of each kind is checked then
            Err(_) => (false, true),
        }
    };
    let rehashed = (matches && !is_current).then(|| hash(password).ok()).flatten();
    Verdict { matches, rehashed }
}

fn is_current(parsed: &password_hash::PasswordHash<'_>) -> bool {
    let (memory, passes, lanes) = COST;
    let of = |params: Params| (params.m_cost(), params.t_cost(), params.p_cost());
    parsed.algorithm == argon2::ARGON2ID_IDENT
        && Params::try_from(parsed).is_ok_and(|params| of(params) == (memory, passes, lanes))
}
