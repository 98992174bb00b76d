//! `maintenance_runs`: what ran, when, and how it ended.

use sea_orm::entity::prelude::*;

/// What ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(20))", rename_all = "snake_case")]
pub enum RunKind {
    /// `authsvc cleanup`.
    Cleanup,
    /// `authsvc backup`.
    Backup,
    /// `authsvc verify-backup`.
    Verify,
    /// `authsvc restore`.
    Restore,
    /// `authsvc migrate`.
    Migrate,
    /// `authsvc rollback`.
    Rollback,
    /// `authsvc seed`.
    Seed,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(20))", rename_all = "snake_case")]
pub enum RunOutcome {
    /// It did what it was to do.
    Succeeded,
    /// It did not.
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

/// One run.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "maintenance_runs")]
pub struct Model {
    /// Order of insertion.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// What.
    pub kind: RunKind,
    /// From.
    pub started_at: DateTimeUtc,
    /// To; `None` while it runs, and for ever if its process was killed.
    pub finished_at: Option<DateTimeUtc>,
    /// How it ended.
    pub outcome: Option<RunOutcome>,
    /// What it did, by kind.
    #[sea_orm(column_type = "JsonBinary")]
    pub counts: Json,
    /// Why it failed.
    #[sea_orm(column_type = "Text", nullable)]
    pub error: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
