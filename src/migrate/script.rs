//! SQL files as SeaORM migrations.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager};

use super::embedded::{self, Migration, Script};
use crate::db::Backend;

/// SeaORM form of one embedded migration.
pub(crate) struct SqlMigration(pub(crate) &'static Migration);

impl MigrationName for SqlMigration {
    fn name(&self) -> &str {
        self.0.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for SqlMigration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        send(manager, &self.0.pair(backend(manager)?).up).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        match &self.0.pair(backend(manager)?).down {
            Some(script) => send(manager, script).await,
            None => Err(DbErr::Migration(format!("{} cannot be undone", self.0.name))),
        }
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// Sends all statements in one round trip. The caller's transaction makes them atomic.
async fn send(manager: &SchemaManager<'_>, script: &Script) -> Result<(), DbErr> {
    if !script.batch.is_empty() {
        manager.get_connection().execute_unprepared(script.batch).await?;
    }
    Ok(())
}

fn backend(manager: &SchemaManager<'_>) -> Result<Backend, DbErr> {
    match manager.get_database_backend() {
        DbBackend::Postgres => Ok(Backend::Postgres),
        DbBackend::Sqlite => Ok(Backend::Sqlite),
        other => Err(DbErr::BackendNotSupported { db: other.as_str(), ctx: "migration" }),
    }
}

/// The embedded history for SeaORM's own tools, which read the same ledger. Programs should call [`super::migrate`],
/// which locks, checks and records more.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        embedded::migrations()
            .iter()
            .map(|migration| Box::new(SqlMigration(migration)) as Box<dyn MigrationTrait>)
            .collect()
    }
}
