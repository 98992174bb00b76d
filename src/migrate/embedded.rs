//! The migrations in this program: a static table that `build.rs` generates.

use crate::db::Backend;

/// One migration with its SQL for both engines.
#[derive(Debug)]
pub struct Migration {
    /// The three digits of its name, as a number.
    pub number: u32,
    /// Name of the form `NNN_name`, which is its version in the ledger.
    pub name: &'static str,
    /// True if a program that does not know this migration works with a database that has it.
    pub compatible: bool,
    postgres: Pair,
    sqlite: Pair,
}

/// Scripts of one migration for one engine.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) up: Script,
    /// Script that undoes the migration. `None` if it is irreversible.
    pub(crate) down: Option<Script>,
    /// SHA-256 of the up script's canonical text, in hex.
    pub(crate) checksum: &'static str,
    /// Schema after this migration, in the line format of [`super::catalogue`].
    pub(crate) catalogue: &'static str,
}

/// One SQL file of a migration.
#[derive(Debug)]
pub(crate) struct Script {
    /// Path in the repository, for error messages.
    pub(crate) file: &'static str,
    pub(crate) transactional: bool,
    pub(crate) lock_timeout_ms: Option<u64>,
    /// All statements as one text, sent in one round trip inside a transaction.
    pub(crate) batch: &'static str,
    pub(crate) statements: &'static [MigrationStatement],
}

/// A statement and the line of the file on which it starts.
#[derive(Debug)]
pub(crate) struct MigrationStatement {
    pub(crate) line: usize,
    pub(crate) sql: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

/// All migrations, oldest first.
pub fn migrations() -> &'static [Migration] {
    MIGRATIONS
}

/// Name of the newest migration.
pub fn newest() -> &'static str {
    MIGRATIONS.last().map_or("", |migration| migration.name)
}

/// Finds the migration with this name.
pub(crate) fn find(name: &str) -> Option<&'static Migration> {
    MIGRATIONS.iter().find(|migration| migration.name == name)
}

impl Migration {
    pub(crate) fn pair(&self, backend: Backend) -> &Pair {
        backend.pick(&self.postgres, &self.sqlite)
    }

    /// SHA-256 of the up script for this engine, in hex.
    pub fn checksum(&self, backend: Backend) -> &'static str {
        self.pair(backend).checksum
    }

    /// SQL that applies the migration, as in its file.
    pub fn sql(&self, backend: Backend) -> String {
        self.pair(backend).up.sql()
    }

    /// SQL that undoes the migration. `None` if it is irreversible.
    pub fn down_sql(&self, backend: Backend) -> Option<String> {
        self.pair(backend).down.as_ref().map(Script::sql)
    }
}

impl Script {
    fn sql(&self) -> String {
        self.statements.iter().map(|statement| format!("{};\n", statement.sql)).collect()
    }
}
