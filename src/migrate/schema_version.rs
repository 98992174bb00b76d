//! Tables of one schema version, known without a database. A backup's rows belong to such a version.

use std::collections::BTreeSet;

use super::catalogue::Catalogue;
use super::embedded::{self, Migration};
use super::error::Error;
use super::ledger::AppliedMigration;
use super::plan;
use super::schema::{self, SchemaTable};
use crate::db::{Backend, SchemaObjects};

/// Number of the newest migration in databases of the legacy manager.
const LEGACY_NUMBER: u32 = 4;

/// One version of the schema.
#[derive(Debug, Clone)]
pub struct SchemaVersion {
    /// Number of the newest migration. 0 before the first one.
    pub number: u32,
    /// Name of the newest migration. Empty before the first one.
    pub migration: String,
    /// All tables: the ledger first, then parents before children.
    pub tables: Vec<SchemaTable>,
    /// Names of the tables, functions and sequences.
    pub objects: SchemaObjects,
}

/// Schema version that a ledger describes.
///
/// # Errors
/// Returns an error if the ledger has unknown or changed migrations, or gaps.
pub fn version_of_ledger(applied: &[AppliedMigration], backend: Backend) -> Result<SchemaVersion, Error> {
    let unknown = plan::check(applied, embedded::migrations(), backend)?;
    if !unknown.is_empty() {
        return Err(Error::Newer { names: unknown });
    }
    let newest = newest_of(applied);
    let number = newest.map_or(0, |newest| newest.number);
    let has = |migration: &&Migration| applied.iter().any(|applied| applied.version == migration.name);
    let below = embedded::migrations().iter().filter(|migration| migration.number <= number);
    match below.clone().find(|migration| !has(migration)) {
        Some(gap) => Err(Error::OutOfOrder {
            pending: gap.name.to_owned(),
            applied: newest.map_or_else(String::new, |newest| newest.name.to_owned()),
        }),
        None => Ok(version_after(number, backend)),
    }
}

/// Schema version of the legacy manager's databases.
pub fn legacy_version(backend: Backend) -> SchemaVersion {
    version_after(LEGACY_NUMBER, backend)
}

/// Schema version after the migration with this number.
pub fn version_after(number: u32, backend: Backend) -> SchemaVersion {
    let newest = embedded::migrations().iter().rfind(|migration| migration.number <= number);
    let catalogue = newest.map(|newest| Catalogue::after(newest, backend)).unwrap_or_default();
    let tables = schema::tables(&catalogue);
    let names = |kind: &str| catalogue.names_of(kind).into_iter().map(str::to_owned).collect();
    let objects = SchemaObjects {
        tables: tables.iter().map(|table| table.name.clone()).collect(),
        functions: names("function"),
        sequences: names("sequence"),
    };
    let migration = newest.map_or_else(String::new, |newest| newest.name.to_owned());
    SchemaVersion { number: newest.map_or(0, |newest| newest.number), migration, tables, objects }
}

/// Schema version after all migrations of this program.
pub fn newest_version(backend: Backend) -> SchemaVersion {
    version_after(u32::MAX, backend)
}

/// Schema version after the newest of these migrations that this program knows.
pub fn version_of_newest(applied: &[AppliedMigration], backend: Backend) -> SchemaVersion {
    version_after(newest_of(applied).map_or(0, |known| known.number), backend)
}

/// Catalogue after the newest of these migrations that this program knows.
pub(crate) fn catalogue_of_newest(applied: &[AppliedMigration], backend: Backend) -> Catalogue {
    newest_of(applied).map(|known| Catalogue::after(known, backend)).unwrap_or_default()
}

fn newest_of(applied: &[AppliedMigration]) -> Option<&'static Migration> {
    applied.iter().filter_map(|applied| embedded::find(&applied.version)).max_by_key(|known| known.number)
}

/// Newest schema version up to a number in which no copy of tables is half done. Rows of the other engine are loaded
/// into it, because the engines copy tables at different steps.
pub fn settled_version(number: u32, backend: Backend) -> SchemaVersion {
    let states = embedded::migrations().iter().rev().filter(|known| known.number <= number);
    let mut states = states.map(|known| version_after(known.number, backend));
    let is_final =
        |table: &SchemaTable| entity::TABLES.contains(&table.name.as_str()) || schema::is_ledger(&table.name);
    states.find(|state| state.tables.iter().all(is_final)).unwrap_or_else(|| version_after(0, backend))
}

/// Names of the migrations in a ledger that this program does not know.
pub fn unknown_migrations(applied: &[AppliedMigration]) -> Vec<String> {
    let unknown = applied.iter().filter(|applied| embedded::find(&applied.version).is_none());
    unknown.map(|applied| applied.version.clone()).collect()
}

/// Names of all tables that any migration makes.
pub fn all_tables() -> BTreeSet<String> {
    let states = embedded::migrations().iter().map(|migration| version_after(migration.number, Backend::Postgres));
    states.flat_map(|state| state.objects.tables).collect()
}

/// Returns true if any migration makes a table of this name.
pub fn makes_table(name: &str) -> bool {
    all_tables().contains(name)
}
