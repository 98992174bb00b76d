//! Migration in a staging area.

use sea_orm::DatabaseTransaction;

use crate::db::Pool;

/// Transaction for migrations that create their tables in a staging area.
pub struct StagedMigration {
    pub(super) pool: Pool,
    /// Open transaction of the migrations.
    pub transaction: DatabaseTransaction,
}
