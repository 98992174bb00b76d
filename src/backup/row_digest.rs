//! Digests of rows that do not depend on their order.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

/// Rows of a table, and a digest of them that does not depend on their order: the sum of the 128-bit hashes of the rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableDigest {
    /// The table.
    pub name: String,
    /// How many rows.
    pub rows: u64,
    /// Hex.
    pub digest: String,
}

/// Adds up rows.
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
