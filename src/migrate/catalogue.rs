//! The schema as a set of facts, and the differences between two such sets.
//!
//! A fact is one object of the live catalogue: a key (`column users.email`), its shape, and details. Two schemas are
//! equal if their facts are equal. Adoption ignores the details: databases of the legacy manager have the same objects,
//! but their predicates and function bodies may be phrased differently.
//!
//! Texts are compared by meaning ([`canonical`]), because a server's output of an expression depends on its version and
//! on dumps. A difference is an *obstacle* only if the program or the pending SQL can fail because of it
//! ([`Difference::is_obstacle`]). An obstacle refuses the boot; every other difference is reported.
//!
//! `migration/catalogue/` holds one file per migration with the facts that it leaves. A test builds every state on a
//! real database and compares.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::embedded::Migration;
use crate::db::{Backend, Column, ColumnType, Connection, Error, Row, canonical};

/// All facts of a schema, by key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Catalogue(BTreeMap<String, Fact>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Fact {
    shape: String,
    detail: String,
}

/// One object that differs from the expected schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The object, for example `index users.idx_users_last_login`.
    pub object: String,
    /// Kind of the difference.
    #[serde(flatten)]
    pub change: CatalogueChange,
}

/// Kind of a difference, with the expected and the found form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum CatalogueChange {
    /// The migrations make the object, but it does not exist.
    Missing {
        /// Form that the migrations make.
        expected: String,
    },
    /// The object exists in another form.
    Changed {
        /// Form that the migrations make.
        expected: String,
        /// Form in the live database.
        found: String,
    },
    /// The object exists, but no migration makes it.
    Unexpected {
        /// Form in the live database.
        found: String,
    },
}

impl Difference {
    /// Returns true if no migration makes the object.
    pub fn is_extra(&self) -> bool {
        matches!(self.change, CatalogueChange::Unexpected { .. })
    }

    /// Returns true if the program or the pending SQL can fail because of the difference. That is a missing table or
    /// column, an incompatible column type, or a missing object that the SQL names.
    pub(crate) fn is_obstacle(&self, pending: &str) -> bool {
        let (kind, name) = self.object.split_once(' ').unwrap_or_default();
        match &self.change {
            CatalogueChange::Missing { .. } => matches!(kind, "table" | "column") || names(pending, name),
            CatalogueChange::Changed { expected, found } => {
                kind == "column" && ColumnType::parse(expected) != ColumnType::parse(found)
            }
            CatalogueChange::Unexpected { .. } => false,
        }
    }
}

/// Returns true if the SQL contains the name of an object as a word. Objects are `users.idx_users_email` or
/// `cleanup(integer)`.
fn names(sql: &str, object: &str) -> bool {
    let object = object.split('(').next().unwrap_or_default();
    let name = object.rsplit('.').next().unwrap_or_default();
    sql.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == name)
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let object = &self.object;
        match &self.change {
            CatalogueChange::Missing { expected } => write!(f, "missing: {object} {expected}"),
            CatalogueChange::Changed { expected, found } => {
                write!(f, "changed: {object} is {found}, should be {expected}")
            }
            CatalogueChange::Unexpected { found } => write!(f, "unexpected: {object} {found}"),
        }
    }
}

/// Reads the live schema.
///
/// # Errors
/// Returns an error if the database does not answer.
pub async fn read(connection: &mut Connection) -> Result<Catalogue, Error> {
    let sql = connection.backend().read_catalogue();
    Ok(Catalogue::from_rows(&connection.query(sql).await?))
}

impl Catalogue {
    /// Builds a catalogue from rows of `fact`, key, shape and detail. Other rows are skipped.
    pub(crate) fn from_rows(rows: &[Row]) -> Self {
        let column = |row: &Row, at: usize| one_line(row.get(at).and_then(Option::as_deref).unwrap_or_default());
        let facts = rows.iter().filter(|row| column(row, 0) == "fact");
        Self(facts.map(|row| (column(row, 1), Fact { shape: column(row, 2), detail: column(row, 3) })).collect())
    }

    /// Catalogue that a migration leaves.
    pub(crate) fn after(migration: &Migration, backend: Backend) -> Self {
        Self::parse(migration.pair(backend).catalogue)
    }

    /// Parses the lines that `Display` writes.
    pub(crate) fn parse(text: &str) -> Self {
        let line = |line: &str| {
            let mut parts = line.split('\t').map(str::to_owned);
            let key = parts.next()?;
            Some((key, Fact { shape: parts.next().unwrap_or_default(), detail: parts.next().unwrap_or_default() }))
        };
        Self(text.lines().filter(|text| !text.is_empty()).filter_map(line).collect())
    }

    /// Names of all objects of one kind, for example `users` for `table users`.
    pub(crate) fn names_of(&self, kind: &str) -> Vec<&str> {
        let prefix = format!("{kind} ");
        self.0.keys().filter_map(|key| key.strip_prefix(&prefix)).collect()
    }

    /// Columns of a table, by name.
    pub(crate) fn columns_of(&self, table: &str) -> Vec<Column> {
        let prefix = format!("column {table}.");
        let columns = self.0.iter().filter_map(|(key, fact)| Some((key.strip_prefix(&prefix)?, fact)));
        columns.map(|(name, fact)| Column { name: name.to_owned(), kind: ColumnType::parse(&fact.shape) }).collect()
    }

    /// Differences of this live schema from the one the migrations make, in every fact. Tables that no migration makes,
    /// and objects on them, are ignored. In an adopted database, details may differ on objects that no later migration
    /// has changed.
    pub(crate) fn drift_from(&self, expected: &Self, taken_over: Option<&Self>) -> Vec<Difference> {
        let mut differences =
            self.compare(expected, |fact| format!("{} {}", fact.shape, fact.detail).trim().to_owned());
        if let Some(base) = taken_over {
            let shape = |catalogue: &Self, object: &str| catalogue.0.get(object).map(|fact| canonical(&fact.shape));
            differences.retain(|difference| {
                let object = difference.object.as_str();
                let untouched = base.0.get(object) == expected.0.get(object);
                !(untouched && shape(self, object) == shape(expected, object))
            });
        }
        differences
    }

    /// Differences in shape only, for adoption.
    pub(crate) fn shape_differs_from(&self, expected: &Self) -> Vec<Difference> {
        self.compare(expected, |fact| fact.shape.clone())
    }

    fn compare(&self, expected: &Self, form: impl Fn(&Fact) -> String) -> Vec<Difference> {
        let mut differences = Vec::new();
        for (object, wanted) in &expected.0 {
            let expected = form(wanted);
            let change = match self.0.get(object).map(&form) {
                None => CatalogueChange::Missing { expected },
                Some(found) if canonical(&found) != canonical(&expected) => {
                    CatalogueChange::Changed { expected, found }
                }
                Some(_) => continue,
            };
            differences.push(Difference { object: object.clone(), change });
        }
        for (object, extra) in self.0.iter().filter(|(object, _)| !expected.0.contains_key(*object)) {
            if expected.owns(object) {
                let change = CatalogueChange::Unexpected { found: form(extra) };
                differences.push(Difference { object: object.clone(), change });
            }
        }
        differences
    }

    /// Returns true if the object belongs to one of these tables, as `column users.x` does.
    fn owns(&self, object: &str) -> bool {
        let table = object.split_once(' ').and_then(|(_, name)| name.split_once('.')).map(|(table, _)| table);
        table.is_some_and(|table| self.0.contains_key(&format!("table {table}")))
    }
}

impl fmt::Display for Catalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, Fact { shape, detail }) in &self.0 {
            writeln!(f, "{}", format!("{key}\t{shape}\t{detail}").trim_end())?;
        }
        Ok(())
    }
}

/// Joins all white space into single spaces, so that a fact fits on one line.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
