//! Report on a migration, rollback or dry run. One type serves text, JSON, log and tests.

use std::time::Duration;

use serde::Serialize;

use super::embedded;
use super::plan::MigrationPlan;
use crate::db::DatabaseUrl;

/// Outcome of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MigrationOutcome {
    /// No migration was pending.
    Current,
    /// All planned migrations were applied.
    Applied,
    /// Dry run: the plan is listed and nothing was changed.
    Planned,
    /// Applied migrations were undone.
    RolledBack,
}

/// Report on a run.
#[derive(Debug, Clone, Serialize)]
pub struct MigrationReport {
    /// Outcome of the run.
    pub outcome: MigrationOutcome,
    /// URL of the database, without the password.
    pub database: String,
    /// Database engine: `postgres` or `sqlite`.
    pub backend: String,
    /// Newest applied migration before the run.
    pub from: Option<String>,
    /// Newest applied migration after the run.
    pub to: Option<String>,
    /// Migrations that were recorded as applied without running.
    pub recorded: Vec<String>,
    /// Migrations that were run, undone or planned, in order.
    pub migrations: Vec<MigrationEntry>,
    /// Newer, compatible migrations that this program does not know.
    pub unknown: Vec<String>,
    /// After an adoption: accounts of the legacy manager's seed data.
    pub seed_accounts: Vec<String>,
    /// After an adoption: addresses to which no mail can be sent, fifty at most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub odd_addresses: Vec<String>,
    /// After an adoption: usernames that several accounts share if letter case is ignored, fifty at most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shared_names: Vec<String>,
    /// After an adoption: accounts whose stored password hash costs more than a login may cost, each with its cost.
    pub costly_hashes: Vec<String>,
}

/// One migration in a [`MigrationReport`].
#[derive(Debug, Clone, Serialize)]
pub struct MigrationEntry {
    /// Name of the form `NNN_name`.
    pub name: String,
    /// Duration in milliseconds. Absent in a plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

impl MigrationEntry {
    pub(super) fn done(name: &str, duration: Duration) -> Self {
        Self { name: name.to_owned(), duration_ms: Some(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)) }
    }

    pub(super) fn planned(name: &str) -> Self {
        Self { name: name.to_owned(), duration_ms: None }
    }
}

impl MigrationReport {
    pub(super) fn new(url: &DatabaseUrl, outcome: MigrationOutcome, from: Option<String>) -> Self {
        Self {
            outcome,
            database: url.to_string(),
            backend: url.backend().to_string(),
            to: from.clone(),
            from,
            recorded: Vec::new(),
            migrations: Vec::new(),
            unknown: Vec::new(),
            seed_accounts: Vec::new(),
            odd_addresses: Vec::new(),
            shared_names: Vec::new(),
            costly_hashes: Vec::new(),
        }
    }

    /// Returns true if the run changed the database.
    pub fn has_changed_something(&self) -> bool {
        matches!(self.outcome, MigrationOutcome::Applied | MigrationOutcome::RolledBack)
    }

    /// Report on a dry run, or on a run with nothing to do.
    pub(super) fn planned(url: &DatabaseUrl, plan: &MigrationPlan) -> Self {
        let outcome = if plan.is_empty() { MigrationOutcome::Current } else { MigrationOutcome::Planned };
        let mut report = Self::new(url, outcome, plan.from.clone());
        report.unknown.clone_from(&plan.unknown);
        report.migrations = plan.steps.iter().map(|migration| MigrationEntry::planned(migration.name)).collect();
        if let Some(recorded) = plan.record {
            let known = embedded::migrations().iter().filter(|migration| migration.number <= recorded.up_to.number);
            report.recorded = known.map(|migration| migration.name.to_owned()).collect();
        }
        report
    }
}
