//! Checks of stored password hashes: supported kinds, limits of their cost, and Argon2 with reused memory.
//!
//! A stored hash names its own cost, and a restored or adopted database may hold any text. An expensive hash would
//! occupy the threads that check passwords, so it is refused before the computation. The limits are far above common
//! costs: bcrypt 10 to 12, Argon2 with 19 to 64 MiB. `auth/hash_kinds.rs` can imitate every supported kind.

use argon2::password_hash::{self, Encoding, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use subtle::ConstantTimeEq;

/// Cost of new hashes: memory in KiB, passes, lanes. The values are OWASP's recommendation.
const COST: (u32, u32, u32) = (19_456, 2, 1);
/// Highest accepted bcrypt cost. A check at this cost takes about 1 second.
const MOST_BCRYPT: u64 = 14;
/// Highest accepted Argon2 memory, in KiB.
const MOST_MEMORY: u64 = 256 * 1024;
/// Highest accepted product of Argon2 memory in KiB and passes. A check at this cost takes about 1 second.
const MOST_WORK: u64 = 1_000_000;
/// Highest accepted number of Argon2 lanes. Lanes are computed one after the other.
const MOST_LANES: u64 = 64;
/// Length of a new salt and of a new hash, in bytes.
const SALT: usize = 16;
const OUTPUT: usize = 32;

/// Reason for which a stored hash is not checked. No message contains a part of the hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnusableHash {
    /// The hash needs more time or memory than a login may use.
    #[error("its cost exceeds the limit: {0}")]
    TooCostly(CostBound),
    /// The hash is damaged, or of an unknown kind.
    #[error("it is not a hash of Argon2 or bcrypt, or it is damaged")]
    Unreadable,
}

/// Cost limit that a hash exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CostBound {
    /// Cost of bcrypt, which is a power of two.
    #[error("bcrypt with cost {0}, and at most {MOST_BCRYPT} is accepted")]
    Bcrypt(u64),
    /// Memory and passes of Argon2.
    #[error("Argon2 with {memory} KiB and {passes} passes, above {MOST_MEMORY} KiB or a product of {MOST_WORK}")]
    Work {
        /// Memory, in KiB.
        memory: u64,
        /// Number of passes over the memory.
        passes: u64,
    },
    /// Parallel lanes of Argon2.
    #[error("Argon2 with {0} lanes, and at most {MOST_LANES} are accepted")]
    Lanes(u64),
}

/// Working memory of Argon2, reused for each hash.
#[derive(Default)]
pub(crate) struct HashMemory(Vec<Block>);

/// Stored hash of a supported kind, with a cost within the limits.
pub(crate) enum CheckableHash<'a> {
    Bcrypt(&'a str),
    Argon2 { argon2: Box<Argon2<'static>>, salt: Vec<u8>, expected: password_hash::Output, is_current: bool },
}

impl HashMemory {
    /// Returns `count` blocks of 1 KiB. [`Self::shrink`] frees the memory above the cost of new hashes.
    fn blocks(&mut self, count: usize) -> &mut [Block] {
        if self.0.len() < count {
            // the old content need not be copied
            self.0 = Vec::new();
            self.0.resize_with(count, Block::default);
        }
        &mut self.0[..count]
    }

    /// Frees the memory above the cost of new hashes.
    fn shrink(&mut self) {
        let usual = COST.0 as usize;
        if self.0.len() > usual {
            self.0 = Vec::new();
            self.0.resize_with(usual, Block::default);
        }
    }

    fn compute(&mut self, argon2: &Argon2<'_>, password: &[u8], salt: &[u8], output: &mut [u8]) -> argon2::Result<()> {
        let blocks = self.blocks(argon2.params().block_count());
        let computed = argon2.hash_password_into_with_memory(password, salt, output, blocks);
        self.shrink();
        computed
    }
}

/// Hashes a password with Argon2id at the current cost. Returns the PHC string to store.
///
/// # Errors
/// Returns an error if the salt cannot be encoded, which does not happen for a salt of this length.
pub(crate) fn hash(password: &[u8], salt: [u8; SALT], memory: &mut HashMemory) -> password_hash::Result<String> {
    let (kib, passes, lanes) = COST;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(kib, passes, lanes, None)?);
    let mut output = [0; OUTPUT];
    memory.compute(&argon2, password, &salt, &mut output)?;
    let mut text = [0; Salt::RECOMMENDED_LENGTH * 2];
    let salt = Salt::from_b64(Encoding::B64.encode(&salt, &mut text)?)?;
    let hash = PasswordHash {
        algorithm: argon2::ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: argon2.params().try_into()?,
        salt: Some(salt),
        hash: Some(password_hash::Output::new(&output)?),
    };
    Ok(hash.to_string())
}

/// Parses a stored hash and compares its cost with the limits, without computing a hash.
///
/// # Errors
/// Returns the reason if the hash cannot be checked.
pub(crate) fn read(stored: &str) -> Result<CheckableHash<'_>, UnusableHash> {
    match excess(stored) {
        Some(bound) => Err(UnusableHash::TooCostly(bound)),
        None if stored.starts_with("$2") => read_bcrypt(stored),
        None => read_argon2(stored),
    }
}

/// Returns the cost limit that a stored hash exceeds. Only the parameters of the cost must be readable.
pub(crate) fn excess(stored: &str) -> Option<CostBound> {
    let mut parts = stored.strip_prefix('$')?.split('$');
    let kind = parts.next()?;
    if kind.starts_with('2') {
        let cost = parts.next()?.parse().ok()?;
        return (cost > MOST_BCRYPT).then_some(CostBound::Bcrypt(cost));
    }
    let is_of_cost = |pair: &str| ["m=", "t=", "p="].iter().any(|name| pair.starts_with(name));
    let parameters = parts.find(|part| part.split(',').any(is_of_cost)).filter(|_| kind.starts_with("argon2"))?;
    // the highest value of a repeated parameter counts, and a missing parameter has its default
    let number = |name: &str, default: u32| {
        let values = parameters.split(',').filter_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        values.map(|digits| digits.parse().unwrap_or(u64::MAX)).max().unwrap_or(default.into())
    };
    let (memory, passes) = (number("m", Params::DEFAULT_M_COST), number("t", Params::DEFAULT_T_COST));
    let lanes = number("p", Params::DEFAULT_P_COST);
    if memory > MOST_MEMORY || memory.saturating_mul(passes) > MOST_WORK {
        return Some(CostBound::Work { memory, passes });
    }
    (lanes > MOST_LANES).then_some(CostBound::Lanes(lanes))
}

fn read_bcrypt(stored: &str) -> Result<CheckableHash<'_>, UnusableHash> {
    let parts: Result<bcrypt::HashParts, _> = stored.parse();
    parts.map(|_| CheckableHash::Bcrypt(stored)).map_err(|_| UnusableHash::Unreadable)
}

fn read_argon2(stored: &str) -> Result<CheckableHash<'_>, UnusableHash> {
    let unreadable = |_| UnusableHash::Unreadable;
    let parsed = PasswordHash::new(stored).map_err(unreadable)?;
    let algorithm = Algorithm::try_from(parsed.algorithm).map_err(unreadable)?;
    let version = parsed.version.map_or(Ok(Version::V0x10), Version::try_from);
    let version = version.map_err(|_| UnusableHash::Unreadable)?;
    let (Some(salt), Some(expected)) = (parsed.salt, parsed.hash) else { return Err(UnusableHash::Unreadable) };
    let params = Params::try_from(&parsed).map_err(unreadable)?;
    let is_current = (params.m_cost(), params.t_cost(), params.p_cost()) == COST && algorithm == Algorithm::Argon2id;
    let mut bytes = [0; Salt::MAX_LENGTH];
    let salt = salt.decode_b64(&mut bytes).map_err(unreadable)?.to_vec();
    if salt.len() < argon2::MIN_SALT_LEN {
        return Err(UnusableHash::Unreadable);
    }
    let argon2 = Box::new(Argon2::new(algorithm, version, params));
    Ok(CheckableHash::Argon2 { argon2, salt, expected, is_current })
}

impl CheckableHash<'_> {
    /// Returns true if the hash has the kind and the cost of new hashes.
    pub(crate) fn is_current(&self) -> bool {
        matches!(self, Self::Argon2 { is_current: true, .. })
    }

    /// Returns true if the password matches the hash.
    pub(crate) fn matches(&self, password: &[u8], memory: &mut HashMemory) -> bool {
        match self {
            Self::Bcrypt(stored) => bcrypt::verify(password, stored).unwrap_or(false),
            Self::Argon2 { argon2, salt, expected, .. } => {
                let mut output = vec![0; expected.len()];
                let computed = memory.compute(argon2, password, salt, &mut output);
                computed.is_ok() && bool::from(output.ct_eq(expected.as_bytes()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT_AND_HASH: &str = "c29tZXNhbHRzb21lc2FsdA$rDNm1FQJ8TLrNuwPCbOZ7zHIhDtv2cWMgjMYYrzTcUk";

    fn memory_of_test() -> HashMemory {
        HashMemory::default()
    }

    fn excess_of(parameters: &str) -> Option<CostBound> {
        excess(&format!("$argon2id$v=19$m={parameters}${SALT_AND_HASH}"))
    }

    #[test]
    fn costs_above_a_bound_are_refused_before_anything_is_computed() {
        let bcrypt = |cost: u64| format!("$2b${cost:02}$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234");
        assert_eq!(excess(&bcrypt(MOST_BCRYPT)), None);
        for cost in MOST_BCRYPT + 1..=31 {
            assert_eq!(excess(&bcrypt(cost)), Some(CostBound::Bcrypt(cost)));
        }
        for usual in ["19456,t=2,p=1", "65536,t=3,p=4", "262144,t=3,p=1", "47104,t=1,p=1", "4096,t=3,p=1"] {
            assert_eq!(excess_of(usual), None, "{usual}");
        }
        for costly in [
            "262145,t=1,p=1",
            "1048576,t=1,p=1",
            "2097152,t=1,p=4",
            "65536,t=17,p=1",
            "8,t=1000000,p=1",
            "99999999999,t=1,p=1",
            "99999999999999999999999,t=1,p=1",
            "-1,t=1,p=1",
            "65536,p=1,t=99",
            "8,m=1048576,t=1,p=1",
            "1048576,m=8,t=1,p=1",
            "19456,t=1,t=200,p=1",
        ] {
            assert!(matches!(excess_of(costly), Some(CostBound::Work { .. })), "{costly}");
        }
        assert_eq!(excess_of("65536,t=1,p=65"), Some(CostBound::Lanes(65)));
        for costly in ["t=4294967295,p=1", "p=1,t=99", "keyid=bT0x,t=99"] {
            let stored = format!("$argon2id$v=19${costly}${SALT_AND_HASH}");
            assert!(matches!(excess(&stored), Some(CostBound::Work { .. })), "{costly}");
        }
    }

    #[test]
    fn what_is_no_hash_is_unreadable_and_costs_nothing() {
        for text in [
            "x",
            "!",
            "*",
            "plain text",
            "$",
            "$$",
            "$2b$",
            "$2b$12$short",
            "$1$abc$def",
            "$5$a$b",
            "$6$a$b",
            "$argon2id$",
            "$argon2id$v=19$m=19456,t=2,p=1",
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ",
            "$argon2xx$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAA",
            "$argon2id$v=7$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=1,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAA",
            "$pbkdf2-sha256$i=10000$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAA",
        ] {
            assert!(matches!(read(text), Err(UnusableHash::Unreadable)), "{text}");
        }
    }

    #[test]
    fn memory_is_used_again_and_never_kept_above_the_usual() {
        let mut memory = HashMemory::default();
        let stored = hash(b"correct horse", [7; SALT], &mut memory).unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let first = memory.0.as_ptr();
        let checked = read(&stored).unwrap();
        assert!(checked.is_current() && checked.matches(b"correct horse", &mut memory));
        assert!(!checked.matches(b"wrong horse", &mut memory));
        assert_eq!(memory.0.as_ptr(), first, "no other memory");
        let large = Argon2::new(Algorithm::Argon2i, Version::V0x10, Params::new(40_000, 1, 2, Some(16)).unwrap());
        memory.compute(&large, b"password", &[1; 8], &mut [0; 16]).unwrap();
        assert_eq!(memory.0.len(), COST.0 as usize);
        assert!(checked.matches(b"correct horse", &mut memory), "what was computed before leaves no trace");
    }

    #[test]
    fn hashes_of_other_programs_are_checked() {
        let mut memory = HashMemory::default();
        for stored in [
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "$argon2i$m=256,t=2,p=1$c29tZXNhbHQ$/U3YPXYsSb3q9XxHvc0MLxur+GP960kN9j7emXX8zwY",
        ] {
            assert!(read(stored).unwrap().matches(b"password", &mut memory), "{stored}");
            assert!(!read(stored).unwrap().matches(b"passwore", &mut memory), "{stored}");
        }
        for (algorithm, memory, passes, lanes) in
            [(Algorithm::Argon2d, 64, 1, 1), (Algorithm::Argon2i, 512, 3, 4), (Algorithm::Argon2id, 4096, 3, 2)]
        {
            let argon2 = Argon2::new(algorithm, Version::V0x13, Params::new(memory, passes, lanes, Some(24)).unwrap());
            let salt = Salt::from_b64("c29tZXNhbHRzb21lc2FsdA").unwrap();
            let stored = argon2::PasswordHasher::hash_password(&argon2, b"password", salt).unwrap().to_string();
            assert!(read(&stored).unwrap().matches(b"password", &mut memory_of_test()), "{stored}");
            assert!(!read(&stored).unwrap().is_current());
        }
        let bcrypt = bcrypt::hash("password", 4).unwrap();
        assert!(read(&bcrypt).unwrap().matches(b"password", &mut memory));
        assert!(!read(&bcrypt).unwrap().matches(b"passwore", &mut memory));
    }
}
