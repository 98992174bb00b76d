//! `maintenance_runs`: runs of commands and jobs, with their times and outcomes.

use sea_orm::entity::prelude::*;

/// Command or job of a maintenance run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(20))", rename_all = "snake_case")]
pub enum RunKind {
    /// Run of `authsvc cleanup`, or the cleanup of the service.
    Cleanup,
    /// Run of `authsvc backup`, or the scheduled backup of the service.
    Backup,
    /// Run of `authsvc verify-backup`, or the test restore of a scheduled backup.
    Verify,
    /// Run of `authsvc restore`.
    Restore,
    /// Run of `authsvc migrate`, or the migration at the start of the service.
    Migrate,
    /// Run of `authsvc rollback`.
    Rollback,
    /// Run of `authsvc seed`.
    Seed,
}

/// Outcome of a maintenance run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(20))", rename_all = "snake_case")]
pub enum RunOutcome {
    /// The run completed without an error.
    Succeeded,
    /// The run ended with an error.
    Failed,
    /// The run was cancelled before its end.
    Cancelled,
}

/// Row of one maintenance run.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "maintenance_runs")]
pub struct Model {
    /// Primary key, in order of insertion.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Command or job that ran.
    pub kind: RunKind,
    /// Time at which the run began.
    pub started_at: DateTimeUtc,
    /// Time at which the run ended; `None` while it runs, and always if its process was killed.
    pub finished_at: Option<DateTimeUtc>,
    /// Outcome; `None` while the run is in progress, and always if its process was killed.
    pub outcome: Option<RunOutcome>,
    /// Figures of the run, by kind, as a JSON object.
    #[sea_orm(column_type = "JsonBinary")]
    pub counts: Json,
    /// Error message of a failed run.
    #[sea_orm(column_type = "Text", nullable)]
    pub error: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
