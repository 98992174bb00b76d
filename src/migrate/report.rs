//! What a run did, or would do: one struct for text, JSON, log and test.

use std::time::Duration;

use serde::Serialize;

use super::embedded;
use super::plan::MigrationPlan;
use crate::db::DatabaseUrl;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MigrationOutcome {
    /// There was nothing to do.
    Current,
    /// What was to be done is done.
    Applied,
    /// What would be done is listed; nothing was.
    Planned,
    /// Migrations were undone.
    RolledBack,
}

/// What a run did.
#[derive(Debug, Clone, Serialize)]
pub struct MigrationReport {
    /// How it ended.
    pub outcome: MigrationOutcome,
    /// The database, without its password.
    pub database: String,
    /// Which engine.
    pub backend: String,
    /// The newest applied migration before.
    pub from: Option<String>,
    /// The newest applied migration after.
    pub to: Option<String>,
    /// Recorded as applied without running.
    pub recorded: Vec<String>,
    /// Run (or undone, or planned), in order.
    pub migrations: Vec<MigrationEntry>,
    /// Newer, compatible migrations that this program does not know.
    pub unknown: Vec<String>,
    /// After an adoption: accounts of the earlier manager's seed data.
    pub seed_accounts: Vec<String>,
    /// After an adoption: addresses that no mail can be sent to; fifty at most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub odd_addresses: Vec<String>,
    /// After an adoption: names that several accounts have in different letters; fifty at most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shared_names: Vec<String>,
    /// After an adoption: accounts whose stored password hash costs more than a login may take, each with its cost.
    pub costly_hashes: Vec<String>,
}

/// A migration in a [`MigrationReport`].
#[derive(Debug, Clone, Serialize)]
pub struct MigrationEntry {
    /// `NNN_name`.
    pub name: String,
    /// How long it took; absent in a plan.
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

    /// Whether the run changed the database.
    pub fn has_changed_something(&self) -> bool {
        matches!(self.outcome, MigrationOutcome::Applied | MigrationOutcome::RolledBack)
    }

    /// What a plan would do.
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
