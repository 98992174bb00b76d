//! Figures from the catalogue: indexes, sequences, transaction ids and sessions.

use super::report::{IndexHealth, ServerSession};
use super::section::Section;
use super::tagged_rows::{TaggedRow, TaggedRows};
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
    pub(super) dead_rows: Option<Vec<(String, u64)>>,
    /// Longest-running sessions.
    pub(super) longest: Option<Vec<ServerSession>>,
}

/// A sequence whose value is below the ids of its table.
#[derive(Debug, Clone, PartialEq, Eq)]
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

fn of_server(rows: &TaggedRows) -> Option<Section<CatalogueFigures>> {
    let last = Some(rows.first("transaction_ids")).filter(|row| row.exists())?;
    let is_counting = last.text(1) != Some("off");
    let sequence_used = rows.first("sequences").number(0);
    let named = |kind: &str| rows.all("index").filter(|row| row.text(0) == Some(kind)).map(name).collect();
    let dead = |row: TaggedRow<'_>| Some((row.string(0), row.number(1)?));
    let figures = CatalogueFigures {
        database_bytes: rows.first("database_size").number(0),
        indexes: IndexHealth {
            unused: is_counting.then(|| named("unused")),
            duplicate: Some(named("duplicate")),
            invalid: Some(named("invalid")),
        },
        sequence_used,
        transaction_id_age: last.number(0),
        dead_rows: is_counting.then(|| rows.all("dead_rows").filter_map(dead).collect()),
        longest: Some(rows.all("session").filter_map(session).collect()),
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
    let last = Some(rows.first("sequences")).filter(|row| row.exists())?;
    let figures = CatalogueFigures {
        indexes: indexes_of_file(rows),
        sequence_used: last.number(0),
        ..CatalogueFigures::default()
    };
    let warnings = vec![
        "unused: SQLite does not count index scans".to_owned(),
        "transaction_id_age, clock_skew_seconds, slowest, longest: SQLite has no such figure".to_owned(),
    ];
    Some(Section { figures, warnings })
}

/// Sequences whose value is below the ids of their tables.
pub(super) fn sequences_behind(rows: &TaggedRows) -> Vec<SequenceBehind> {
    let behind = |row: TaggedRow<'_>| SequenceBehind {
        table: row.string(0),
        greatest_id: row.string(1),
        correction: row.string(2),
        fails: row.text(3) == Some("fails"),
    };
    rows.all("behind").map(behind).collect()
}

fn name(row: TaggedRow<'_>) -> String {
    match row.text(2).filter(|other| !other.is_empty()) {
        Some(other) => format!("{} ({other} begins with the same columns)", row.string(1)),
        None => row.string(1),
    }
}

/// An index in SQLite: name, uniqueness and columns.
struct Columns<'a> {
    name: &'a str,
    is_unique: bool,
    columns: &'a str,
}

fn indexes_of_file(rows: &TaggedRows) -> IndexHealth {
    // for an expression or a condition, the catalogue only shows that one exists
    let plain = rows.all("columns").filter(|row| row.text(3) == Some("0"));
    let all: Vec<Columns<'_>> = plain
        .filter_map(|row| {
            Some(Columns { name: row.text(0)?, is_unique: row.text(1) == Some("1"), columns: row.text(2)? })
        })
        .collect();
    let duplicate = all.iter().enumerate().filter_map(|(at, one)| {
        let other = all.iter().enumerate().find(|(other_at, other)| makes_superfluous(other, one, *other_at < at))?.1;
        Some(format!("{} ({} begins with the same columns)", one.name, other.name))
    });
    IndexHealth { unused: None, duplicate: Some(duplicate.collect()), invalid: Some(Vec::new()) }
}

fn makes_superfluous(other: &Columns<'_>, one: &Columns<'_>, comes_first: bool) -> bool {
    let table = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    if one.name == other.name || table(one.name) != table(other.name) {
        return false;
    }
    if one.columns == other.columns {
        return (other.is_unique && !one.is_unique) || (other.is_unique == one.is_unique && comes_first);
    }
    !one.is_unique && other.columns.starts_with(&format!("{},", one.columns))
}

fn session(row: TaggedRow<'_>) -> Option<ServerSession> {
    Some(ServerSession {
        pid: row.number(0)?,
        application: row.string(1),
        state: row.string(2),
        wait: row.text(3).map(str::to_owned),
        seconds: row.number(4)?,
        command: row.string(5),
    })
}
