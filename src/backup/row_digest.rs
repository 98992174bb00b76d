//! Digests of rows that do not depend on their order.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

/// Row count and digest of a table. The digest is the sum of the rows' 128-bit hashes, so their order does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableDigest {
    /// Name of the table.
    pub name: String,
    /// Number of rows in the table.
    pub rows: u64,
    /// Digest as 32 hex digits.
    pub digest: String,
}

/// Running row count and digest sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RowDigest {
    rows: u64,
    sum: u128,
}

impl RowDigest {
    pub(super) fn add(&mut self, row: &[u8]) {
        self.rows += 1;
        self.sum = self.sum.wrapping_add(xxh3_128(row));
    }

    pub(super) fn rows(self) -> u64 {
        self.rows
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.rows += other.rows;
        self.sum = self.sum.wrapping_add(other.sum);
    }

    pub(super) fn of_table(self, name: &str) -> TableDigest {
        TableDigest { name: name.to_owned(), rows: self.rows, digest: format!("{:032x}", self.sum) }
    }
}
