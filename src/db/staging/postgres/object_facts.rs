//! State of objects in the catalogue, and the transfer of the live objects' state to the objects that replace them.
//!
//! A fact is one property of one object: its value and, if they exist, the statements that set and unset it. Three
//! states are merged: the state that the migrations of the live version create (`base`), the live state (`live`), and
//! the staged state (`staged`). Changes that were made after the migrations are kept. All other properties are as the
//! newest migrations create them. A change that cannot be set is refused.
//!
//! Expressions are compared by meaning ([`canonical`]), because a server prints an expression differently after a dump
//! was loaded.

use std::collections::{BTreeMap, BTreeSet};

use crate::db::canonical_sql::canonical;
use crate::db::connection::Row;
use crate::db::staging::SchemaOrigin;

/// Property with the statement that creates an object, if it can be created again.
const DEFINITION: &str = "definition";
/// Property with the default value of a column.
const DEFAULT: &str = "default";
/// Property of a foreign key that states which of its triggers fire, and its value if all of them fire.
const KEY_TRIGGERS: &str = "triggers";
const TRIGGERS_ON: &str = "O";
/// Prefix of objects whose definition a server keeps as it was written, instead of printing a parse tree.
const KEPT_AS_WRITTEN: &str = "function ";
/// Maximum length of a value in a message, in characters.
const SHOWN: usize = 80;

/// Order of the first statement that may revoke rights of this role, because it changes privileges.
pub(in crate::db::staging) const PRIVILEGES: u8 = 15;

/// Properties of objects: object, property, fact.
#[derive(Debug, Clone, Default)]
pub(in crate::db::staging) struct ObjectFacts(BTreeMap<String, BTreeMap<String, Fact>>);

#[derive(Debug, Clone)]
struct Fact {
    rank: u8,
    value: String,
    /// Canonical value, equal for values that differ only in print.
    meaning: String,
    set: Option<String>,
    unset: Option<String>,
}

/// Statement that transfers one property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::db::staging) struct CarryStep {
    /// 0 means before the swap. Otherwise it is twice the rank of the fact, less one if the statement removes a
    /// property.
    pub(in crate::db::staging) order: u8,
    /// Property and object, such as `privileges of table users`.
    pub(in crate::db::staging) what: String,
    pub(in crate::db::staging) sql: String,
}

/// Plan that transfers the live state to the staged objects.
#[derive(Debug, Default)]
pub(in crate::db::staging) struct CarryOver {
    /// Statements in their order.
    pub(in crate::db::staging) steps: Vec<CarryStep>,
    /// Properties that cannot be transferred, each with a remedy.
    pub(in crate::db::staging) refused: Vec<String>,
    /// Properties that are not transferred, for a database that was adopted and may have different definitions.
    pub(in crate::db::staging) notes: Vec<String>,
    expected: BTreeMap<String, BTreeMap<String, String>>,
}

impl ObjectFacts {
    /// Builds facts from rows of rank, object, property, value, statement that sets it, and statement that unsets it.
    pub(in crate::db::staging) fn from_rows(rows: Vec<Row>) -> Self {
        let mut facts = Self::default();
        for row in rows {
            let mut columns = row.into_iter();
            let mut next = || columns.next().flatten();
            let (rank, object, property) = (next(), next(), next());
            let Some(((rank, object), (property, value))) = rank.zip(object).zip(property.zip(next())) else {
                continue;
            };
            let meaning = meaning(&object, &property, &value);
            let fact = Fact { rank: rank.parse().unwrap_or(u8::MAX), value, meaning, set: next(), unset: next() };
            facts.0.entry(object).or_default().insert(property, fact);
        }
        facts
    }

    /// Returns true if there is no object.
    pub(in crate::db::staging) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the value of one property for each object with this prefix: the rest of the object's name, and the
    /// value.
    pub(in crate::db::staging) fn values<'a>(
        &'a self,
        prefix: &'a str,
        property: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let named = self.0.iter().filter_map(move |(object, facts)| Some((object.strip_prefix(prefix)?, facts)));
        named.filter_map(move |(name, facts)| Some((name, facts.get(property)?.value.as_str())))
    }

    fn get(&self, object: &str, property: &str) -> Option<&Fact> {
        self.0.get(object)?.get(property)
    }

    fn properties(&self, object: &str) -> impl Iterator<Item = &String> {
        self.0.get(object).into_iter().flat_map(BTreeMap::keys)
    }
}

impl CarryOver {
    /// Merges the three states into a plan.
    pub(in crate::db::staging) fn merge(
        base: &ObjectFacts,
        live: &ObjectFacts,
        staged: &ObjectFacts,
        origin: SchemaOrigin,
    ) -> Self {
        let mut merged = Self::default();
        let objects: BTreeSet<&String> = live.0.keys().chain(staged.0.keys()).collect();
        for object in objects {
            let is_known = base.0.contains_key(object) || staged.0.contains_key(object);
            let is_staged = staged.0.contains_key(object);
            if !live.0.contains_key(object) {
                // newer than the live state, or repaired
                merged.expect_all(object, staged);
            } else if !is_known {
                merged.add_extra(object, live);
            } else if is_staged {
                merged.merge_object(object, [base, live, staged], origin);
            }
        }
        merged.steps.sort_by_key(|step| step.order);
        merged
    }

    /// Lists each property in which a state differs from the merged one.
    pub(in crate::db::staging) fn differences(&self, found: &ObjectFacts) -> Vec<String> {
        let mut differences = Vec::new();
        let objects: BTreeSet<&String> = self.expected.keys().chain(found.0.keys()).collect();
        for object in objects {
            let expected = self.expected.get(object);
            let properties: BTreeSet<&String> =
                expected.into_iter().flat_map(BTreeMap::keys).chain(found.properties(object)).collect();
            for property in properties {
                let wanted = expected.and_then(|expected| expected.get(property)).map(String::as_str);
                let found = found.get(object, property);
                if wanted.map(|wanted| meaning(object, property, wanted)).as_ref() != found.map(|fact| &fact.meaning) {
                    let found = found.map(|fact| fact.value.as_str());
                    differences.push(difference(object, property, wanted, found));
                }
            }
        }
        differences
    }

    fn expect_all(&mut self, object: &str, facts: &ObjectFacts) {
        for (property, fact) in facts.0.get(object).into_iter().flatten() {
            self.expect(object, property, &fact.value);
        }
    }

    fn expect(&mut self, object: &str, property: &str, value: &str) {
        self.expected.entry(object.to_owned()).or_default().insert(property.to_owned(), value.to_owned());
    }

    /// Adds an object that no migration creates. It is recreated if one statement can do so.
    fn add_extra(&mut self, object: &str, live: &ObjectFacts) {
        if live.get(object, DEFINITION).is_none_or(|fact| fact.set.is_none()) {
            self.refused.push(format!("no migration makes the {object}: save what it holds, and drop it"));
            return;
        }
        if let Some(reason) = lost_by_making_again(live.get(object, DEFINITION), live.get(object, KEY_TRIGGERS)) {
            self.refused.push(format!("no migration makes the {object}, {reason}"));
            return;
        }
        self.expect_all(object, live);
        for (property, fact) in live.0.get(object).into_iter().flatten() {
            self.step(object, property, fact.rank * 2, fact.set.as_deref());
        }
    }

    fn merge_object(&mut self, object: &str, [base, live, staged]: [&ObjectFacts; 3], origin: SchemaOrigin) {
        let properties: BTreeSet<&String> =
            live.properties(object).chain(staged.properties(object)).chain(base.properties(object)).collect();
        for property in properties {
            let [base, live, staged] = [base, live, staged].map(|facts| facts.get(object, property));
            let [was, is, will_be] = [base, live, staged].map(|fact| fact.map(|fact| &fact.meaning));
            if is == was || is == will_be {
                if let Some(staged) = staged {
                    self.expect(object, property, &staged.value);
                }
                continue;
            }
            self.alter(object, property, live, staged, origin);
        }
    }

    /// Adds the statements that change a staged property to the live value.
    fn alter(
        &mut self,
        object: &str,
        property: &str,
        live: Option<&Fact>,
        staged: Option<&Fact>,
        origin: SchemaOrigin,
    ) {
        let unset = staged.and_then(|fact| fact.unset.as_deref());
        let set = live.and_then(|fact| fact.set.as_deref());
        let can_be_made = if live.is_some() { set.is_some() } else { unset.is_some() };
        let [live_value, staged_value] = [live, staged].map(|fact| fact.map(|fact| fact.value.as_str()));
        if !can_be_made || property == DEFINITION {
            let difference = difference(object, property, live_value, staged_value);
            match origin {
                SchemaOrigin::Migrated => self.refused.push(format!(
                    "a restore would change the {difference}: set it to the value of the migrations, restore, and change it again"
                )),
                SchemaOrigin::TakenOver => {
                    self.notes.push(format!("it now has the value of the migrations: the {difference}"));
                    if let Some(value) = staged_value {
                        self.expect(object, property, value);
                    }
                }
            }
            return;
        }
        if let Some(value) = live_value {
            self.expect(object, property, value);
        }
        // the owner of the staged object has rights that are granted to another owner, and others that must be revoked
        for fact in staged.into_iter().chain(live) {
            self.step(object, property, (fact.rank * 2).saturating_sub(1), fact.unset.as_deref());
        }
        if let Some(live) = live {
            self.step(object, property, live.rank * 2, set);
        }
    }

    fn step(&mut self, object: &str, property: &str, order: u8, sql: Option<&str>) {
        let Some(sql) = sql.filter(|sql| *sql != "SELECT 1") else { return };
        let step = CarryStep { order, what: format!("{property} of {object}"), sql: sql.to_owned() };
        if !self.steps.iter().any(|other| other.sql == step.sql) {
            self.steps.push(step);
        }
    }
}

/// Returns why the definition alone cannot recreate an object, with a remedy.
fn lost_by_making_again(definition: Option<&Fact>, triggers: Option<&Fact>) -> Option<&'static str> {
    if definition.is_some_and(|fact| fact.value.starts_with("PRIMARY KEY")) {
        return Some("and a table can have only one primary key: rename it to the name that the migrations use");
    }
    let are_altered = triggers.is_some_and(|fact| fact.value != TRIGGERS_ON);
    are_altered.then_some("and its triggers are disabled: enable them (ALTER TABLE ... ENABLE TRIGGER ALL), restore, and disable them again")
}

/// Returns the value in a form that does not depend on the server's version or on how the value was loaded.
fn meaning(object: &str, property: &str, value: &str) -> String {
    let is_expression = property == DEFAULT || (property == DEFINITION && !object.starts_with(KEPT_AS_WRITTEN));
    if is_expression { canonical(value) } else { value.to_owned() }
}

/// Formats a difference, such as `privileges of table users (app has SELECT, after it: none)`.
fn difference(object: &str, property: &str, before: Option<&str>, after: Option<&str>) -> String {
    let shown = |value: Option<&str>| {
        let value =
            value.map_or_else(|| "none".to_owned(), |value| value.split_whitespace().collect::<Vec<_>>().join(" "));
        if value.chars().count() <= SHOWN { value } else { value.chars().take(SHOWN).collect::<String>() + "..." }
    };
    format!("{property} of the {object} (it is {}, and would be {})", shown(before), shown(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row of a fact: object, property, value, and the statements that set and unset it.
    type FactRow<'a> = (&'a str, &'a str, &'a str, Option<&'a str>, Option<&'a str>);

    fn facts(rows: &[FactRow<'_>]) -> ObjectFacts {
        let text = |text: &str| Some(text.to_owned());
        let row = |(object, property, value, set, unset): &FactRow<'_>| {
            vec![text("5"), text(object), text(property), text(value), set.and_then(text), unset.and_then(text)]
        };
        ObjectFacts::from_rows(rows.iter().map(row).collect())
    }

    #[test]
    fn what_was_altered_is_kept_and_the_rest_is_as_the_migrations_make_it() {
        let base = facts(&[("table a", "comment", "old", None, None), ("table a", "owner", "app", None, None)]);
        let live = facts(&[
            ("table a", "comment", "old", Some("set old"), None),
            ("table a", "owner", "me", Some("own"), None),
        ]);
        let staged = facts(&[
            ("table a", "comment", "new", None, Some("unset")),
            ("table a", "owner", "app", None, None),
            ("table b", "owner", "app", None, None),
        ]);
        let merged = CarryOver::merge(&base, &live, &staged, SchemaOrigin::Migrated);
        assert_eq!(merged.refused, Vec::<String>::new());
        assert_eq!(merged.steps.iter().map(|step| step.sql.as_str()).collect::<Vec<_>>(), ["own"]);
        let after = facts(&[
            ("table a", "comment", "new", None, None),
            ("table a", "owner", "me", None, None),
            ("table b", "owner", "app", None, None),
        ]);
        assert_eq!(merged.differences(&after), Vec::<String>::new());
        assert_eq!(merged.differences(&staged).len(), 1);
    }

    #[test]
    fn what_cannot_be_set_is_refused_unless_the_database_was_taken_over() {
        let base = facts(&[("column a.b", "type", "text", None, None)]);
        let live = facts(&[("column a.b", "type", "int", None, None), ("column a.c", "type", "int", None, None)]);
        let merged = CarryOver::merge(&base, &live, &base, SchemaOrigin::Migrated);
        assert_eq!(merged.refused.len(), 2, "{:?}", merged.refused);
        let merged = CarryOver::merge(&base, &live, &base, SchemaOrigin::TakenOver);
        assert_eq!((merged.refused.len(), merged.notes.len()), (1, 1), "{merged:?}");
    }
}
