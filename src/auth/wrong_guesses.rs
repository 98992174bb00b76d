//! Memory of recent wrong passwords, so that a script that repeats one password is counted once for its client.
//!
//! A guess consists of a client, an address, the hash of the account, and a password. The process keeps only a keyed
//! digest of it, in memory. The key is random and never leaves the process, so no stored or backed-up data depends on a
//! tried password.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use hkdf::Hkdf;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use crate::random;

/// Length of a digest, in bytes.
const LENGTH: usize = 16;
/// Minimum time for which a guess is remembered. The maximum is twice as long.
const REMEMBERED: TimeDelta = TimeDelta::hours(1);
/// Capacity of one generation, in guesses of 16 bytes each.
const MOST: usize = 50_000;

/// Keyed digest of a guess.
pub(super) type GuessDigest = [u8; LENGTH];

/// Wrong guesses of the last one to two hours.
pub(super) struct WrongGuesses {
    /// Key of the digests; `None` if the system has no randomness. Each guess then counts as a new one.
    key: Option<Hkdf<Sha256>>,
    generations: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashSet<GuessDigest>,
    old: HashSet<GuessDigest>,
    since: Option<DateTime<Utc>>,
}

impl WrongGuesses {
    /// Creates an empty memory with a new key.
    pub(super) fn new() -> Self {
        let key = random::bytes::<32>().map(|secret| Hkdf::new(None, &secret)).ok();
        Self { key, generations: Mutex::default() }
    }

    /// Returns the digest of a guess; `None` without a key.
    pub(super) fn digest(&self, subject: &str, password: &SecretString) -> Option<GuessDigest> {
        let mut digest = GuessDigest::default();
        let parts = [subject.as_bytes(), b"\n", password.expose_secret().as_bytes()];
        self.key.as_ref()?.expand_multi_info(&parts, &mut digest).ok()?;
        Some(digest)
    }

    /// Returns true if the guess was wrong recently.
    pub(super) fn contains(&self, guess: Option<&GuessDigest>) -> bool {
        let Some(guess) = guess else { return false };
        let generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        generations.young.contains(guess) || generations.old.contains(guess)
    }

    /// Remembers a wrong guess. Returns false if it was already remembered.
    pub(super) fn insert(&self, guess: Option<GuessDigest>, now: DateTime<Utc>) -> bool {
        let Some(guess) = guess else { return true };
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = generations.since.is_none_or(|since| now - since >= REMEMBERED);
        if is_over || generations.young.len() >= MOST {
            generations.old = std::mem::take(&mut generations.young);
            generations.since = Some(now);
        }
        let is_old = generations.old.contains(&guess);
        // a repeated guess is kept in the young generation
        generations.young.insert(guess) && !is_old
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guess_is_forgotten_two_hours_after_it_was_made_last() {
        let guesses = WrongGuesses::new();
        let at = |hours: i64| DateTime::UNIX_EPOCH + TimeDelta::hours(hours);
        let guess = guesses.digest("client", &SecretString::from("wrong"));
        assert_ne!(guess, guesses.digest("client", &SecretString::from("other")));
        assert_ne!(guess, guesses.digest("another", &SecretString::from("wrong")));
        assert!(!guesses.contains(guess.as_ref()));
        assert!(guesses.insert(guess, at(0)));
        for hour in 1..5 {
            assert!(guesses.contains(guess.as_ref()));
            assert!(!guesses.insert(guess, at(hour)), "a script that continues is remembered");
        }
        for hour in 5..8 {
            guesses.insert(guesses.digest(&hour.to_string(), &SecretString::from("x")), at(hour));
        }
        assert!(!guesses.contains(guess.as_ref()));
    }

    #[test]
    fn memory_is_bounded() {
        let guesses = WrongGuesses::new();
        for number in 0..MOST * 3 {
            guesses.insert(guesses.digest(&number.to_string(), &SecretString::from("x")), DateTime::UNIX_EPOCH);
        }
        let generations = guesses.generations.lock().unwrap();
        assert!(generations.young.len() + generations.old.len() <= 2 * MOST);
    }
}
