//! The live schema as a backup holds it: SQL that recreates it, and tables with their columns.

use super::catalogue::{self, Catalogue};
use super::embedded;
use super::error::Error;
use super::ledger::{self, LedgerState};
use super::plan;
use crate::db::{Column, ColumnType, Connection, Row};

/// Table that holds the random id of the database.
pub const IDENTITY_TABLE: &str = "database_identity";

/// Schema after a migration.
#[derive(Debug)]
pub struct Schema {
    /// Name of the newest applied migration.
    pub migration: String,
    /// Statements that create ledger and schema in an empty database.
    pub sql: String,
    /// All tables: the ledger first, then parents before children.
    pub tables: Vec<SchemaTable>,
    /// Tables and columns of the database that no migration makes.
    pub not_included: Vec<String>,
}

/// A table and its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaTable {
    /// Name of the table.
    pub name: String,
    /// Columns in alphabetical order. Ledger columns are in the order of their definition.
    pub columns: Vec<Column>,
}

/// Tables of the ledger. They are not in the catalogue, because they exist before and after every migration.
const LEDGER_TABLES: [(&str, &[(&str, ColumnType)]); 2] = [
    ("seaql_migrations", &[("version", ColumnType::Text), ("applied_at", ColumnType::Bigint)]),
    (
        "authsvc_migrations",
        &[
            ("version", ColumnType::Text),
            ("checksum", ColumnType::Text),
            ("kind", ColumnType::Text),
            ("compatible", ColumnType::Boolean),
            ("applied_at", ColumnType::Bigint),
            ("duration_ms", ColumnType::Bigint),
            ("app_version", ColumnType::Text),
        ],
    ),
];

/// Schema of a live database, from its ledger.
///
/// # Errors
/// Returns an error if the ledger is not this program's, or if the schema lacks objects that the migrations made.
pub async fn schema_of(connection: &mut Connection) -> Result<Schema, Error> {
    let backend = connection.backend();
    let state = ledger::read(connection).await?;
    let applied = match &state {
        LedgerState::Ledger(applied) => applied,
        LedgerState::Empty => return Err(Error::Empty),
        LedgerState::Legacy(_) => return Err(Error::Legacy),
        LedgerState::Unknown(tables) => return Err(Error::UnknownTables { tables: tables.clone() }),
    };
    let unknown = plan::check(applied, embedded::migrations(), backend)?;
    if !unknown.is_empty() {
        return Err(Error::Newer { names: unknown });
    }
    let newest = applied.last().and_then(|applied| embedded::find(&applied.version));
    let expected = newest.map(|newest| Catalogue::after(newest, backend)).unwrap_or_default();
    let live = catalogue::read(connection).await?;
    let tables = tables(&expected);
    missing(&live, &expected, newest.map_or("", |newest| newest.name))?;
    let mut sql = backend.create_ledger().to_owned();
    for migration in
        embedded::migrations().iter().filter(|migration| applied.iter().any(|a| a.version == migration.name))
    {
        sql.push_str(migration.pair(backend).up.batch);
    }
    let not_included = extras(&live, &expected);
    Ok(Schema {
        migration: newest.map_or_else(String::new, |newest| newest.name.to_owned()),
        sql,
        tables,
        not_included,
    })
}

impl Schema {
    /// Returns true if the ledger, read later, still describes this schema.
    pub(crate) fn is_that_of(&self, ledger: &[Row]) -> bool {
        LedgerState::from_rows(ledger).newest().unwrap_or_default() == self.migration
    }
}

/// Returns an error if a table or column is missing, or a column has another type. Such a schema cannot be backed up.
fn missing(live: &Catalogue, expected: &Catalogue, name: &str) -> Result<(), Error> {
    let mut differences = live.shape_differs_from(expected);
    differences.retain(|difference| difference.is_obstacle(""));
    if differences.is_empty() { Ok(()) } else { Err(Error::Drift { name: name.to_owned(), differences }) }
}

fn extras(live: &Catalogue, expected: &Catalogue) -> Vec<String> {
    let mut extras = Vec::new();
    for kind in ["table", "column"] {
        let known = expected.names_of(kind);
        extras.extend(live.names_of(kind).into_iter().filter(|name| !known.contains(name)).map(str::to_owned));
    }
    // skip the columns of a table that is already listed
    let tables: Vec<String> = extras.iter().filter(|name| !name.contains('.')).map(|name| format!("{name}.")).collect();
    extras.retain(|name| !tables.iter().any(|table| name.starts_with(table)));
    extras
}

pub(crate) fn tables(expected: &Catalogue) -> Vec<SchemaTable> {
    let ledger = LEDGER_TABLES.map(|(name, columns)| {
        let columns = columns.iter().map(|(name, kind)| Column { name: (*name).to_owned(), kind: *kind }).collect();
        SchemaTable { name: name.to_owned(), columns }
    });
    let mut names = expected.names_of("table");
    names.sort_by_key(|name| entity::TABLES.iter().position(|known| known == name).unwrap_or(entity::TABLES.len()));
    let made = names.into_iter().map(|name| SchemaTable { name: name.to_owned(), columns: expected.columns_of(name) });
    ledger.into_iter().chain(made).collect()
}

/// Returns true if the table belongs to the ledger.
pub fn is_ledger(table: &str) -> bool {
    LEDGER_TABLES.iter().any(|(name, _)| *name == table)
}

impl SchemaTable {
    /// Column names, separated by commas: `a, b, c`.
    pub fn column_list(&self) -> String {
        self.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")
    }
}
