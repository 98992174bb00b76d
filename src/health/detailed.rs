//! Combines the basic report and the extended figures into the detailed report.

use super::basic_figures::BasicReading;
use super::check::HealthCheck;
use super::extended::ExtendedFigures;
use super::forwarding::UntrustedForwarding;
use super::hashing::HashingState;
use super::report::{DetailedHealthReport, MaintenanceHealth, QueryHealth, SqliteFile, StorageHealth};
use super::settings::HealthSettings;
use super::verdict;

/// State of the service process itself. Empty in a command.
#[derive(Clone, Copy, Default)]
pub(super) struct OwnState<'a> {
    /// Result of the last password hashing probe.
    pub(super) hashing: Option<HashingState>,
    /// Record of forwarded requests from untrusted peers.
    pub(super) forwarding: Option<&'a UntrustedForwarding>,
}

/// Combines basic report, extended figures and process state.
pub(super) fn assemble(
    basic: &BasicReading,
    extended: &ExtendedFigures,
    settings: &HealthSettings,
    own: OwnState<'_>,
) -> DetailedHealthReport {
    let ExtendedFigures { accounts, catalogue, statements, backup_dir, .. } = extended;
    let mut checks = basic.checks.clone();
    checks.extend(verdict::extended(extended, basic, settings));
    checks.extend(own.forwarding.map(UntrustedForwarding::check));
    checks.extend(own.hashing.into_iter().flat_map(verdict::hashing));
    checks.sort_by_key(|check| std::cmp::Reverse(check.status));
    let mut warnings = basic.report.warnings.clone();
    warnings.extend(extended.warnings.iter().cloned());
    if catalogue.longest.is_some() && basic.report.performance.active_connections.is_none() {
        warnings.push("longest: only visible sessions, see active_connections".to_owned());
    }
    DetailedHealthReport {
        overall_status: HealthCheck::worst(&checks),
        timestamp: basic.report.timestamp,
        basic_health: basic.report.clone(),
        authentication_health: accounts.authentication.clone(),
        security_health: accounts.security.clone(),
        backups: backup_dir.backups.clone(),
        indexes: catalogue.indexes.clone(),
        storage: storage(basic, extended),
        queries: QueryHealth { slowest: statements.slowest.clone(), longest: catalogue.longest.clone() },
        maintenance: MaintenanceHealth { last_runs: accounts.runs.clone().unwrap_or_default() },
        errors: HealthCheck::errors(&checks),
        checks,
        warnings,
    }
}

fn storage(basic: &BasicReading, extended: &ExtendedFigures) -> StorageHealth {
    let file_bytes = basic.file.as_ref().map(|file| file.page_count * file.page_size);
    let catalogue = &extended.catalogue;
    StorageHealth {
        database_bytes: catalogue.database_bytes.or(file_bytes),
        backup_free_bytes: extended.backup_dir.free_bytes,
        sequence_used_ratio: catalogue.sequence_used.map(|used| (used * 10_000.0).round() / 100.0),
        transaction_id_age: catalogue.transaction_id_age,
        clock_skew_seconds: basic.clock_skew.map(|skew| (skew * 1000.0).round() / 1000.0),
        sqlite: basic.file.clone().map(|file| SqliteFile { quick_check: extended.quick_check.clone(), ..file }),
    }
}
