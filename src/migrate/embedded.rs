//! The migrations inside this program: a static table that `build.rs` writes.

use crate::db::Backend;

/// One migration in both dialects.
#[derive(Debug)]
pub struct Migration {
    /// The three digits of its name.
    pub number: u32,
    /// `NNN_name`: its version in the ledger.
    pub name: &'static str,
    /// Whether a program that does not know this migration works with a database that has it.
    pub compatible: bool,
    postgres: Pair,
    sqlite: Pair,
}

/// What one dialect needs to go up and down.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) up: Script,
    /// `None`: irreversible.
    pub(crate) down: Option<Script>,
    /// SHA-256, in hex, of the up script's canonical text.
    pub(crate) checksum: &'static str,
    /// The catalogue after this migration: the lines of [`super::catalogue`].
    pub(crate) catalogue: &'static str,
}

/// One SQL file.
#[derive(Debug)]
pub(crate) struct Script {
    /// Path in the repository, for messages.
    pub(crate) file: &'static str,
    pub(crate) transactional: bool,
    pub(crate) lock_timeout_ms: Option<u64>,
    /// The statements for one round trip in a transaction.
    pub(crate) batch: &'static str,
    pub(crate) statements: &'static [MigrationStatement],
}

/// A statement and the line of the file it starts on.
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

/// The newest migration's name.
pub fn newest() -> &'static str {
    MIGRATIONS.last().map_or("", |migration| migration.name)
}

/// The migration with this name.
pub(crate) fn find(name: &str) -> Option<&'static Migration> {
    MIGRATIONS.iter().find(|migration| migration.name == name)
}

impl Migration {
    pub(crate) fn pair(&self, backend: Backend) -> &Pair {
        backend.pick(&self.postgres, &self.sqlite)
    }

    /// SHA-256 of what it does on this engine.
    pub fn checksum(&self, backend: Backend) -> &'static str {
        self.pair(backend).checksum
    }

    /// The SQL of going up, as it is in the file.
    pub fn sql(&self, backend: Backend) -> String {
        self.pair(backend).up.sql()
    }

    /// The SQL of going down, unless it cannot be undone.
    pub fn down_sql(&self, backend: Backend) -> Option<String> {
        self.pair(backend).down.as_ref().map(Script::sql)
    }
}

impl Script {
    fn sql(&self) -> String {
        self.statements.iter().map(|statement| format!("{};\n", statement.sql)).collect()
    }
}
