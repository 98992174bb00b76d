//! Builds a schema in the place that the caller's transaction selects. A restore builds it beside the live tables.

use sea_orm::{ConnectionTrait, DatabaseTransaction};

use super::embedded;
use super::error::Error;
use super::ledger::AppliedMigration;
use super::one_migration::{self, Direction, Step};
use super::schema_version::SchemaVersion;
use super::settings::MigrationSettings;
use crate::db::Backend;

/// Runs the migrations above one number and up to another in the caller's transaction. From 0 it creates the ledger
/// first.
///
/// # Errors
/// Returns an error if a migration fails. The transaction can then only be rolled back.
pub async fn build(
    transaction: &DatabaseTransaction,
    above: u32,
    up_to: u32,
    backend: Backend,
    settings: &MigrationSettings,
) -> Result<Vec<&'static str>, Error> {
    if above == 0 {
        transaction.execute_unprepared(backend.create_ledger()).await?;
    }
    let mut names = Vec::new();
    let wanted = embedded::migrations().iter().filter(|known| known.number > above && known.number <= up_to);
    for migration in wanted {
        one_migration::in_transaction(Step { migration, direction: Direction::Up }, transaction, backend, settings)
            .await?;
        names.push(migration.name);
    }
    Ok(names)
}

/// Statements that write the ledger rows of a schema version. A row of another engine's history keeps its time and
/// kind; a missing one is recorded as adopted.
pub fn ledger_of(
    schema_version: &SchemaVersion,
    history: &[AppliedMigration],
    backend: Backend,
    settings: &MigrationSettings,
) -> String {
    let known = embedded::migrations().iter().filter(|known| known.number <= schema_version.number);
    known
        .map(|known| {
            let before = history.iter().find(|applied| applied.version == known.name);
            one_migration::taken_over(known, before, backend, settings) + ";\n"
        })
        .collect()
}

/// SQL of the migrations above one number and up to another. From 0 it creates the ledger tables first.
pub fn sql_between(above: u32, up_to: u32, backend: Backend) -> String {
    let ledger = if above == 0 { backend.create_ledger() } else { "" };
    let wanted = embedded::migrations().iter().filter(|known| known.number > above && known.number <= up_to);
    wanted.fold(ledger.to_owned(), |sql, migration| sql + migration.pair(backend).up.batch)
}
