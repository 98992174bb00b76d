//! Indexes, sequences, transaction ids, sessions: what the catalogue tells.

use super::facts::{Fact, Facts};
use super::report::{Indexes, Session};
use super::survey::{SequenceBehind, Survey};
use crate::db::Backend;

/// Fills in what the catalogue tells; nothing where it was not read to its end, because an empty list would say that all is well.
pub(super) fn read(facts: &Facts, backend: Backend, survey: &mut Survey) {
    let last = backend.pick("transaction_ids", "sequences");
    if !facts.one(last).is_there() {
        return;
    }
    survey.indexes = match backend {
        Backend::Postgres => of_server(facts),
        Backend::Sqlite => {
            survey.warnings.push("unused: SQLite does not count how often one is used".to_owned());
            of_file(facts)
        }
    };
    survey.database_bytes = facts.one("database_size").number(0);
    survey.sequence_used = facts.one("sequences").number(0);
    if survey.sequence_used.is_none() {
        survey.warnings.push("sequence_used_ratio: this role may not read every sequence".to_owned());
    }
    survey.transaction_id_age = facts.one("transaction_ids").number(0);
    if backend == Backend::Sqlite {
        survey
            .warnings
            .push("transaction_id_age, clock_skew_seconds, slowest, longest: SQLite has no such figure".to_owned());
        return;
    }
    if facts.one(last).text(1) == Some("off") {
        survey.indexes.unused = None;
        survey.warnings.push("unused, dead rows: the server counts nothing; set track_counts = on".to_owned());
    } else {
        let dead = facts.all("dead_rows").filter_map(|fact| Some((fact.string(0), fact.number(1)?)));
        survey.dead_rows = Some(dead.collect());
    }
    survey.queries.longest = Some(facts.all("session").filter_map(session).collect());
}

/// The sequences that are below the ids of their tables.
pub(super) fn sequences_behind(facts: &Facts) -> Vec<SequenceBehind> {
    let behind = |fact: Fact<'_>| SequenceBehind {
        table: fact.string(0),
        greatest_id: fact.string(1),
        correction: fact.string(2),
        fails: fact.text(3) == Some("fails"),
    };
    facts.all("behind").map(behind).collect()
}

fn of_server(facts: &Facts) -> Indexes {
    let named = |kind: &str| {
        let found = facts.all("index").filter(|fact| fact.text(0) == Some(kind));
        Some(found.map(name).collect())
    };
    Indexes { unused: named("unused"), duplicate: named("duplicate"), invalid: named("invalid") }
}

fn name(fact: Fact<'_>) -> String {
    match fact.text(2).filter(|other| !other.is_empty()) {
        Some(other) => format!("{} ({other} begins with the same columns)", fact.string(1)),
        None => fact.string(1),
    }
}

/// An index of SQLite: name, whether it is unique, its columns.
struct Columns<'a> {
    name: &'a str,
    is_unique: bool,
    columns: &'a str,
}

fn of_file(facts: &Facts) -> Indexes {
    // of an expression or a condition the catalogue tells only that there is one
    let plain = facts.all("columns").filter(|fact| fact.text(3) == Some("0"));
    let all: Vec<Columns<'_>> = plain
        .filter_map(|fact| {
            Some(Columns { name: fact.text(0)?, is_unique: fact.text(1) == Some("1"), columns: fact.text(2)? })
        })
        .collect();
    let duplicate = all.iter().enumerate().filter_map(|(at, one)| {
        let other = all.iter().enumerate().find(|(other_at, other)| makes_superfluous(other, one, *other_at < at))?.1;
        Some(format!("{} ({} begins with the same columns)", one.name, other.name))
    });
    Indexes { unused: None, duplicate: Some(duplicate.collect()), invalid: Some(Vec::new()) }
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

fn session(fact: Fact<'_>) -> Option<Session> {
    Some(Session {
        pid: fact.number(0)?,
        application: fact.string(1),
        state: fact.string(2),
        wait: fact.text(3).map(str::to_owned),
        seconds: fact.number(4)?,
        command: fact.string(5),
    })
}
