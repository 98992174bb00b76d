//! Script of `migrate --dry-run --sql`, which psql or sqlite3 runs as printed and which records itself in the ledger.
//!
//! Each PostgreSQL block stands alone. It pins schema and settings as a run does. It begins with a guard that fails
//! unless the migration before it is the newest one. `psql -1` adds a BEGIN before the first block, which that block's
//! COMMIT ends. psql then warns, but no statement runs inside a transaction that must not.

use std::time::Duration;

use super::embedded::{self, Migration, Script};
use super::ledger::RecordKind;
use super::one_migration;
use super::report::MigrationReport;
use super::settings::MigrationSettings;
use crate::db::{Backend, MigrationScript};

/// One block of the script.
#[derive(Debug, Clone, serde::Serialize)]
pub struct SqlBlock {
    /// Name of the migration, or `ledger`.
    pub name: &'static str,
    /// SQL with a line feed at its end.
    pub sql: String,
}

/// Script of a planned run. Empty if nothing is pending. `origin` is the record kind of adopted migrations.
pub fn sql_script(
    report: &MigrationReport,
    backend: Backend,
    origin: RecordKind,
    settings: &MigrationSettings,
) -> Vec<SqlBlock> {
    let find = |name: &str| embedded::find(name);
    let steps: Vec<&'static Migration> = report.migrations.iter().filter_map(|entry| find(&entry.name)).collect();
    let recorded: Vec<&'static Migration> = report.recorded.iter().filter_map(|name| find(name)).collect();
    if steps.is_empty() && recorded.is_empty() {
        return Vec::new();
    }
    let printer = Printer { backend, settings };
    let is_fresh = report.from.is_none() && recorded.is_empty();
    let mut blocks = vec![printer.first(&recorded, origin)];
    if is_fresh || backend == Backend::Sqlite {
        blocks.extend(steps.iter().map(|step| printer.in_first_transaction(step)));
        blocks.push(SqlBlock { name: "ledger", sql: "COMMIT;\n".to_owned() });
        return blocks;
    }
    blocks[0].sql.push_str("COMMIT;\n");
    let mut before =
        recorded.last().map(|last| last.name).or(report.from.as_deref().and_then(find).map(|last| last.name));
    for step in steps {
        blocks.push(printer.alone(step, before));
        before = Some(step.name);
    }
    blocks
}

struct Printer<'a> {
    backend: Backend,
    settings: &'a MigrationSettings,
}

impl Printer<'_> {
    /// Begins the first transaction: creates the ledger and records migrations that are not run.
    fn first(&self, recorded: &[&'static Migration], origin: RecordKind) -> SqlBlock {
        let mut sql = MigrationScript::begin_script(self.backend) + &MigrationScript::begin(self.backend);
        sql.push_str(self.backend.create_ledger());
        for migration in recorded {
            sql.push_str(&self.insert(migration, origin));
        }
        SqlBlock { name: "ledger", sql }
    }

    /// Block of a migration in the transaction of the first block.
    fn in_first_transaction(&self, migration: &'static Migration) -> SqlBlock {
        let sql = migration.pair(self.backend).up.batch.to_owned() + &self.insert(migration, RecordKind::Applied);
        SqlBlock { name: migration.name, sql }
    }

    /// Block of a PostgreSQL migration that stands alone.
    fn alone(&self, migration: &'static Migration, before: Option<&str>) -> SqlBlock {
        let script = &migration.pair(self.backend).up;
        let statements: String = script.statements.iter().map(|statement| format!("{};\n", statement.sql)).collect();
        let (begin, guard) = (MigrationScript::begin(self.backend), MigrationScript::guard(before));
        let insert = self.insert(migration, RecordKind::Applied);
        let sql = if script.transactional {
            let timeout = self.lock_timeout(script);
            format!("{begin}{guard}{timeout};\n{statements}{insert}COMMIT;\n")
        } else {
            let (session, reset) = (MigrationScript::begin_session(), MigrationScript::end_session());
            format!("{session}{guard}{statements}{reset}{begin}{guard}{insert}COMMIT;\n")
        };
        SqlBlock { name: migration.name, sql }
    }

    fn lock_timeout(&self, script: &Script) -> String {
        let own = u64::try_from(self.settings.lock_timeout.as_millis()).unwrap_or(u64::MAX);
        self.backend.lock_timeout(script.lock_timeout_ms.unwrap_or(own))
    }

    fn insert(&self, migration: &Migration, origin: RecordKind) -> String {
        let now = self.backend.unix_time();
        one_migration::insert_at(migration, origin, self.backend, self.settings, now, Duration::ZERO) + ";\n"
    }
}
