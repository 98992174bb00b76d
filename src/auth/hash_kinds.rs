//! Kinds of password hashes: each algorithm with its cost.
//!
//! A refused login takes the time of one check for each kind in use. This holds for every account and for an address
//! without an account. One of the checks is the check of the account's hash, the others are of dummies. The duration
//! thus reveals neither the existence of an account nor its kind of hash.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use entity::value::PasswordHash;

use super::Auth;
use super::error::Error;
use crate::password_hashes;

/// Maximum number of dummies per login. The ones with the highest cost are checked.
const MOST: usize = 4;

/// Prefix that identifies a kind, for example `$2b$12$` or `$argon2id$v=19$m=19456,t=2,p=1`.
type HashKind = String;

/// Kinds in use, with their cost and a dummy hash each. Clones share the content.
#[derive(Clone)]
pub(super) struct HashKinds(Arc<RwLock<BTreeMap<HashKind, (u64, PasswordHash)>>>);

impl HashKinds {
    /// Creates the kinds in use with only the kind of new hashes. `current` is a dummy of it.
    pub(super) fn new(current: &PasswordHash) -> Self {
        let kinds = kind(current.expose()).map(|(kind, cost)| (kind.to_owned(), (cost, current.clone())));
        Self(Arc::new(RwLock::new(kinds.into_iter().collect())))
    }

    /// Replaces all kinds with the kinds of `found` and the current one. Each text is the beginning of a hash.
    pub(super) fn replace<'a>(&self, found: impl Iterator<Item = &'a str>, current: &PasswordHash) {
        let kinds = found.filter_map(|text| dummy(text, current));
        let current = kind(current.expose()).map(|(kind, cost)| (kind.to_owned(), (cost, current.clone())));
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = kinds.chain(current).collect();
    }

    /// Returns the dummies to check besides a stored hash, or a dummy of each kind without one.
    ///
    /// A stored hash of an unknown kind adds its kind to the kinds in use.
    pub(super) fn dummies(&self, stored: Option<&PasswordHash>, current: &PasswordHash) -> Vec<PasswordHash> {
        let of_stored = stored.and_then(|stored| kind(stored.expose())).map(|(kind, _)| kind.to_owned());
        if let (Some(kind), Some(stored)) = (&of_stored, stored)
            && !self.0.read().unwrap_or_else(PoisonError::into_inner).contains_key(kind)
            && let Some((kind, dummy)) = dummy(stored.expose(), current)
        {
            self.0.write().unwrap_or_else(PoisonError::into_inner).insert(kind, dummy);
        }
        let kinds = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut dummies: Vec<_> = kinds.iter().collect();
        dummies.sort_by_key(|(_, (cost, _))| std::cmp::Reverse(*cost));
        dummies.truncate(MOST);
        let others = dummies.into_iter().filter(|(kind, _)| Some(*kind) != of_stored.as_ref());
        others.map(|(_, (_, dummy))| dummy.clone()).collect()
    }
}

/// Returns the kind of a hash and its relative cost; `None` for an unknown kind.
fn kind(hash: &str) -> Option<(&str, u64)> {
    if hash.starts_with("$2") {
        let kind = hash.get(..7).filter(|kind| kind.ends_with('$'))?;
        let cost: u32 = kind.get(4..6)?.parse().ok()?;
        return Some((kind, 55_u64.checked_shl(cost)?));
    }
    let lanes = hash.find(",p=")? + ",p=".len();
    let end = hash[lanes..].find(|digit: char| !digit.is_ascii_digit()).map_or(hash.len(), |at| lanes + at);
    let parameter = |name: &str| -> Option<u64> {
        let value = hash[..end].split(['$', ',']).find_map(|part| part.strip_prefix(name))?;
        value.parse().ok()
    };
    let cost = parameter("m=")?.checked_mul(parameter("t=")?)?;
    (hash.starts_with("$argon2") && parameter("p=")? > 0).then_some((&hash[..end], cost * 3 / 2))
}

/// Returns a hash of the same kind that matches no password.
///
/// The result is `None` for an unknown kind, and for a kind whose cost exceeds the limits.
fn dummy(hash: &str, current: &PasswordHash) -> Option<(HashKind, (u64, PasswordHash))> {
    let (kind, cost) = kind(hash).filter(|_| password_hashes::excess(hash).is_none())?;
    let dummy = if kind.starts_with("$2") {
        // salt and checksum of bcrypt: 53 characters of its alphabet
        format!("{kind}abcdefghijklmnopqrstuu0123456789ABCDEFGHIJKLMNOPQRSTO")
    } else {
        let (_, rest) = current.expose().split_once(",p=")?;
        format!("{kind}{}", rest.trim_start_matches(|digit: char| digit.is_ascii_digit()))
    };
    Some((kind.to_owned(), (cost, PasswordHash::new(dummy))))
}

impl Auth {
    /// Reads the kinds of hashes in use from the database. The query reads the whole table of accounts.
    ///
    /// # Errors
    /// Returns an error if the database does not answer.
    pub async fn read_hash_kinds(&self) -> Result<(), Error> {
        let kinds = self.pool.hash_kinds().await?;
        self.passwords.set_kinds(kinds.iter().map(String::as_str));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURRENT: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$08+b4+ukfDoFaKI7PMp/tA$hnB2PbDVTMsHeNICz1cSn77SYUVdlgl24Rqsn9Io0wU";
    const BCRYPT: &str = "$2b$05$abcdefghijklmnopqrstuu0123456789ABCDEFGHIJKLMNOPQRSTO";

    fn dummies(kinds: &HashKinds, stored: Option<&str>) -> Vec<String> {
        let stored = stored.map(|hash| PasswordHash::new(hash.to_owned()));
        let dummies = kinds.dummies(stored.as_ref(), &PasswordHash::new(CURRENT.to_owned()));
        dummies.iter().map(|dummy| dummy.expose().to_owned()).collect()
    }

    #[test]
    fn each_kind_in_use_is_checked_once_whatever_is_stored() {
        let current = PasswordHash::new(CURRENT.to_owned());
        let kinds = HashKinds::new(&current);
        assert_eq!(dummies(&kinds, None), [CURRENT]);
        assert!(dummies(&kinds, Some(CURRENT)).is_empty());
        // an account with an unknown kind adds the kind
        assert_eq!(dummies(&kinds, Some(BCRYPT)), [CURRENT]);
        assert_eq!(dummies(&kinds, None).len(), 2);
        assert_eq!(dummies(&kinds, Some(CURRENT)), [BCRYPT]);
        kinds.replace(["$argon2id$v=19$m=65536,t=3,p=4", "$2b$31$", "$2b$", "x", ""].into_iter(), &current);
        let all = dummies(&kinds, None);
        assert_eq!(all.len(), 2, "a kind that costs hours is not imitated: {all:?}");
        assert!(all[0].starts_with("$argon2id$v=19$m=65536,t=3,p=4$08+b4"), "{all:?}");
    }

    #[test]
    fn a_dummy_costs_what_its_kind_costs() {
        assert_eq!(bcrypt::verify("x", BCRYPT).ok(), Some(false));
        let current = PasswordHash::new(CURRENT.to_owned());
        let (_, (_, dummy)) = dummy("$argon2i$v=19$m=64,t=1,p=1$salt", &current).unwrap();
        assert!(argon2::PasswordHash::new(dummy.expose()).is_ok(), "{}", dummy.expose());
    }
}
