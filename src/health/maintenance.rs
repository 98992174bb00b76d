//! Figures from the catalogue: indexes, sequences, transaction ids and sessions.

use serde::Deserialize;

use super::report::{IndexHealth, ServerSession};
use super::section::Section;
use super::tagged_rows::TaggedRows;
use crate::db::Backend;

/// Figures from the catalogue.
#[derive(Debug, Default)]
pub(super) struct CatalogueFigures {
    /// Size of the database in bytes (PostgreSQL). The server reads the size of every file for it.
    pub(super) database_bytes: Option<u64>,
    pub(super) indexes: IndexHealth,
    /// Part of its numbers that the fullest sequence has given out, from 0 to 1.
    pub(super) sequence_used: Option<f64>,
    pub(super) transaction_id_age: Option<u64>,
    /// Tables with more dead rows than live ones. `None` if the server does not count them.
    pub(super) dead_rows: Option<Vec<DeadRows>>,
    /// Longest-running sessions.
    pub(super) longest: Option<Vec<ServerSession>>,
}

/// A table with more dead rows than live ones.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeadRows {
    pub(super) table: String,
    /// Number of dead rows.
    pub(super) dead: u64,
}

/// A sequence whose value is below the ids of its table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SequenceBehind {
    pub(super) table: String,
    pub(super) greatest_id: String,
    /// SQL statement that corrects the sequence.
    pub(super) correction: String,
    /// True if inserts fail, as they do on PostgreSQL.
    pub(super) fails: bool,
}

/// Reads the figures from the rows of `maintenance.sql`. If the catalogue was not read to its end, all figures are
/// missing, because empty lists would look healthy.
pub(super) fn read(rows: &TaggedRows, backend: Backend) -> Section<CatalogueFigures> {
    match backend {
        Backend::Postgres => of_server(rows),
        Backend::Sqlite => of_file(rows),
    }
    .unwrap_or_default()
}

/// Row of the last statement on PostgreSQL.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LastOfServer {
    transaction_id_age: u64,
    /// True if the server counts scans and rows (`track_counts`).
    is_counting: bool,
}

/// An index whose columns begin another index.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DuplicateIndex {
    name: String,
    other: String,
}

fn of_server(rows: &TaggedRows) -> Option<Section<CatalogueFigures>> {
    let LastOfServer { transaction_id_age, is_counting } = rows.first("last")?;
    let sequence_used = rows.first("sequence_used");
    let figures = CatalogueFigures {
        database_bytes: rows.first("database_size"),
        indexes: IndexHealth {
            unused: is_counting.then(|| rows.all("unused_index").collect()),
            duplicate: Some(rows.all("duplicate_index").map(DuplicateIndex::text).collect()),
            invalid: Some(rows.all("invalid_index").collect()),
        },
        sequence_used,
        transaction_id_age: Some(transaction_id_age),
        dead_rows: is_counting.then(|| rows.all("dead_rows").collect()),
        longest: Some(rows.all("session").collect()),
    };
    let mut warnings = Vec::new();
    if sequence_used.is_none() {
        warnings.push("sequence_used_ratio: this role may not read every sequence".to_owned());
    }
    if !is_counting {
        warnings.push("unused, dead rows: the server counts nothing; set track_counts = on".to_owned());
    }
    Some(Section { figures, warnings })
}

fn of_file(rows: &TaggedRows) -> Option<Section<CatalogueFigures>> {
    let sequence_used = Some(rows.first("sequence_used")?);
    let figures = CatalogueFigures { indexes: indexes_of_file(rows), sequence_used, ..CatalogueFigures::default() };
    let warnings = vec![
        "unused: SQLite does not count index scans".to_owned(),
        "transaction_id_age, clock_skew_seconds, slowest, longest: SQLite has no such figure".to_owned(),
    ];
    Some(Section { figures, warnings })
}

/// Reads the sequences whose value is below the ids of their tables, from the rows of `sequences.sql`.
pub(super) fn sequences_behind(rows: &TaggedRows) -> Vec<SequenceBehind> {
    rows.all("behind").collect()
}

impl DuplicateIndex {
    fn text(self) -> String {
        format!("{} ({} begins with the same columns)", self.name, self.other)
    }
}

/// An index in SQLite: name, uniqueness and columns.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileIndex {
    name: String,
    is_unique: bool,
    columns: String,
}

fn indexes_of_file(rows: &TaggedRows) -> IndexHealth {
    let all: Vec<FileIndex> = rows.all("index").collect();
    let duplicate = all.iter().enumerate().filter_map(|(at, one)| {
        let other = all.iter().enumerate().find(|(other_at, other)| makes_superfluous(other, one, *other_at < at))?.1;
        Some(DuplicateIndex { name: one.name.clone(), other: other.name.clone() }.text())
    });
    IndexHealth { unused: None, duplicate: Some(duplicate.collect()), invalid: Some(Vec::new()) }
}

fn makes_superfluous(other: &FileIndex, one: &FileIndex, comes_first: bool) -> bool {
    let table = |index: &FileIndex| index.name.split('.').next().map(str::to_owned);
    if one.name == other.name || table(one) != table(other) {
        return false;
    }
    if one.columns == other.columns {
        return (other.is_unique && !one.is_unique) || (other.is_unique == one.is_unique && comes_first);
    }
    !one.is_unique && other.columns.starts_with(&format!("{},", one.columns))
}
