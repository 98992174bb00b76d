//! Schema migrations: the embedded history, a database's history, and how a database is migrated.
//!
//! The migrations are SQL files that `build.rs` checks and compiles in (`embedded`). SeaORM's `MigrationTrait` and its
//! ledger table `seaql_migrations` are used unchanged. This module adds one migrator at a time, atomicity on both
//! engines, checksums, drift, adoption, and refusals with a reason.
//!
//! Data flows one way. `ledger` reads a [`LedgerState`], and `plan` (pure) turns it into a plan or a refusal. `session`
//! locks, reads again and runs the plan. [`MigrationStatus`] and [`MigrationReport`] report the result.
//!
//! Invariants: Nothing is written before the plan is complete. A migration and its ledger row commit together. A
//! `no-transaction` migration runs first, is recorded afterwards, and can run again. If nothing is pending, nothing is
//! written and no write privilege is needed.
//!
//! `migration/README.md` describes how to add a migration.

mod adopt;
mod build_schema;
mod catalogue;
mod drift_check;
mod embedded;
mod error;
mod ledger;
mod lock;
mod migration_run;
mod one_migration;
mod plan;
mod progress;
mod report;
mod schema;
mod schema_version;
mod script;
mod settings;
mod sql_script;
mod status;

pub use adopt::seed_accounts;
pub use build_schema::{build, ledger_of, sql_between};
pub use catalogue::{Catalogue, CatalogueChange, Difference, read as read_catalogue};
pub use drift_check::extra_objects;
pub use embedded::{Migration, migrations, newest};
pub use error::{Error, FailureScope, MigrationErrorKind};
pub use ledger::{AppliedMigration, LEDGER, LedgerState, RecordKind, read as state};
pub(crate) use ledger::{is_missing_table, without_ledger};
pub(crate) use lock::with_jitter;
pub use lock::{still_holds, with_lock};
pub use migration_run::{MigrateAction, migrate, rollback};
pub use plan::{MigrationTarget, refuse_newer};
pub use progress::{MigrationEvent, MigrationProgress};
pub use report::{MigrationEntry, MigrationOutcome, MigrationReport};
pub use schema::{IDENTITY_TABLE, Schema, SchemaTable, is_ledger, schema_of};
pub use schema_version::{
    SchemaVersion, all_tables, legacy_version, makes_table, newest_version, settled_version, unknown_migrations,
    version_after, version_of_ledger, version_of_newest,
};
pub use script::Migrator;
pub use settings::MigrationSettings;
pub use sql_script::{SqlBlock, sql_script};
pub use status::{
    ChecksumState, HistoryState, HistorySummary, MigrationLine, MigrationStatus, drift, drift_of, status,
};
