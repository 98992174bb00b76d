//! The schema as a set of facts, and how two of them differ.
//!
//! A fact is one object of the live catalogue: a key (`column users.email`), its shape, and details. Two schemas are the
//! same if their facts are. For adoption the details are left out: the earlier manager's databases have the same
//! objects, but nobody knows how their predicates and function bodies were phrased.
//!
//! Texts are compared by meaning ([`canonical`]): how a server prints an expression depends on its version and on whether
//! the database went through a dump. A difference is an *obstacle*, for which a boot is refused, only if the program or
//! the pending SQL can fail for it ([`Difference::is_obstacle`]); every other one is reported.
//!
//! What the migrations produce is written down, one file per migration, in `migration/catalogue/`; a test makes every
//! state on a real database and compares.

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

/// One object that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The object, such as `index users.idx_users_last_login`.
    pub object: String,
    /// How it differs.
    #[serde(flatten)]
    pub change: CatalogueChange,
}

/// How an object differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum CatalogueChange {
    /// The migrations make it; it is not there.
    Missing {
        /// As the migrations make it.
        expected: String,
    },
    /// It is there in another form.
    Changed {
        /// As the migrations make it.
        expected: String,
        /// As it is.
        found: String,
    },
    /// It is there; no migration makes it.
    Unexpected {
        /// As it is.
        found: String,
    },
}

impl Difference {
    /// Whether no migration makes the object.
    pub fn is_extra(&self) -> bool {
        matches!(self.change, CatalogueChange::Unexpected { .. })
    }

    /// Whether the program or this pending SQL can fail for it: a table or column is missing, a column has a type that is
    /// read in another way, or an object is missing that the SQL names.
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

/// Whether SQL holds the name of an object, `users.idx_users_email` or `cleanup(integer)`, as a word.
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
/// What the database said.
pub async fn read(connection: &mut Connection) -> Result<Catalogue, Error> {
    let sql = connection.backend().read_catalogue();
    Ok(Catalogue::from_rows(&connection.query(sql).await?))
}

impl Catalogue {
    /// From rows of `fact`, key, shape, detail; other rows are passed over.
    pub(crate) fn from_rows(rows: &[Row]) -> Self {
        let column = |row: &Row, at: usize| one_line(row.get(at).and_then(Option::as_deref).unwrap_or_default());
        let facts = rows.iter().filter(|row| column(row, 0) == "fact");
        Self(facts.map(|row| (column(row, 1), Fact { shape: column(row, 2), detail: column(row, 3) })).collect())
    }

    /// What a migration leaves behind.
    pub(crate) fn after(migration: &Migration, backend: Backend) -> Self {
        Self::parse(migration.pair(backend).catalogue)
    }

    /// Reads the lines that `Display` writes.
    pub(crate) fn parse(text: &str) -> Self {
        let line = |line: &str| {
            let mut parts = line.split('\t').map(str::to_owned);
            let key = parts.next()?;
            Some((key, Fact { shape: parts.next().unwrap_or_default(), detail: parts.next().unwrap_or_default() }))
        };
        Self(text.lines().filter(|text| !text.is_empty()).filter_map(line).collect())
    }

    /// The keys of one kind of object, without the kind: `users` of `table users`.
    pub(crate) fn names_of(&self, kind: &str) -> Vec<&str> {
        let prefix = format!("{kind} ");
        self.0.keys().filter_map(|key| key.strip_prefix(&prefix)).collect()
    }

    /// The columns of a table, by name.
    pub(crate) fn columns_of(&self, table: &str) -> Vec<Column> {
        let prefix = format!("column {table}.");
        let columns = self.0.iter().filter_map(|(key, fact)| Some((key.strip_prefix(&prefix)?, fact)));
        columns.map(|(name, fact)| Column { name: name.to_owned(), kind: ColumnType::parse(&fact.shape) }).collect()
    }

    /// How this live schema differs from the one the migrations make, in every fact. Tables that no migration makes
    /// belong to somebody else and are left out with all that is on them. Where the database was taken over, the details
    /// of what no migration has touched since are its own.
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

    /// The same without the details, for adoption.
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

    /// Whether an object sits on one of these tables: `column users.x` does, `table other` does not.
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

/// White space as single spaces, so that a fact is one line.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
