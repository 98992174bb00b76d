//! Figures from the catalogue: indexes, sequences, transaction ids and sessions.

use super::extended::{ExtendedFigures, SequenceBehind};
use super::report::{IndexHealth, ServerSession};
use super::tagged_rows::{TaggedRow, TaggedRows};
use crate::db::Backend;

/// Reads the figures from the catalogue rows. If the catalogue was not read to its end, nothing is set, because empty
/// lists would look healthy.
pub(super) fn read(rows: &TaggedRows, backend: Backend, extended: &mut ExtendedFigures) {
    let last = backend.pick("transaction_ids", "sequences");
    if !rows.first(last).exists() {
        return;
    }
    extended.indexes = match backend {
        Backend::Postgres => of_server(rows),
        Backend::Sqlite => {
            extended.warnings.push("unused: SQLite does not count index scans".to_owned());
            of_file(rows)
        }
    };
    extended.database_bytes = rows.first("database_size").number(0);
    extended.sequence_used = rows.first("sequences").number(0);
    if extended.sequence_used.is_none() {
        extended.warnings.push("sequence_used_ratio: this role may not read every sequence".to_owned());
    }
    extended.transaction_id_age = rows.first("transaction_ids").number(0);
    if backend == Backend::Sqlite {
        extended
            .warnings
            .push("transaction_id_age, clock_skew_seconds, slowest, longest: SQLite has no such figure".to_owned());
        return;
    }
    if rows.first(last).text(1) == Some("off") {
        extended.indexes.unused = None;
        extended.warnings.push("unused, dead rows: the server counts nothing; set track_counts = on".to_owned());
    } else {
        let dead = rows.all("dead_rows").filter_map(|row| Some((row.string(0), row.number(1)?)));
        extended.dead_rows = Some(dead.collect());
    }
    extended.queries.longest = Some(rows.all("session").filter_map(session).collect());
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

fn of_server(rows: &TaggedRows) -> IndexHealth {
    let named = |kind: &str| {
        let found = rows.all("index").filter(|row| row.text(0) == Some(kind));
        Some(found.map(name).collect())
    };
    IndexHealth { unused: named("unused"), duplicate: named("duplicate"), invalid: named("invalid") }
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

fn of_file(rows: &TaggedRows) -> IndexHealth {
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
