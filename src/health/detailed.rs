//! The detailed report, of the basic one and a survey.

use super::basic::Basic;
use super::check::Check;
use super::forwarding::UntrustedForwarding;
use super::hashing::HashingState;
use super::report::{Detailed, Maintenance, SqliteFile, Storage};
use super::settings::Settings;
use super::survey::Survey;
use super::verdict;

/// What a service knows of its own process; nothing of it in a command.
#[derive(Clone, Copy, Default)]
pub(super) struct OwnState<'a> {
    /// What hashing a password showed.
    pub(super) hashing: Option<HashingState>,
    /// What the public listener notes about proxies.
    pub(super) forwarding: Option<&'a UntrustedForwarding>,
}

/// Puts the two together, with what the service knows of its own process.
pub(super) fn assemble(basic: &Basic, survey: &Survey, settings: &Settings, own: OwnState<'_>) -> Detailed {
    let mut checks = basic.checks.clone();
    checks.extend(verdict::survey(survey, basic, settings));
    checks.extend(own.forwarding.map(UntrustedForwarding::check));
    checks.extend(own.hashing.into_iter().flat_map(verdict::hashing));
    checks.sort_by_key(|check| std::cmp::Reverse(check.status));
    let mut warnings = basic.report.warnings.clone();
    warnings.extend(survey.warnings.iter().cloned());
    if survey.queries.longest.is_some() && basic.report.performance.active_connections.is_none() {
        warnings.push(
            "longest: those sessions only that can be seen, for the same reason as active_connections".to_owned(),
        );
    }
    Detailed {
        overall_status: Check::worst(&checks),
        timestamp: basic.report.timestamp,
        basic_health: basic.report.clone(),
        authentication_health: survey.authentication.clone(),
        security_health: survey.security.clone(),
        backups: survey.backups.clone(),
        indexes: survey.indexes.clone(),
        storage: storage(basic, survey),
        queries: survey.queries.clone(),
        maintenance: Maintenance { last_runs: survey.runs.clone().unwrap_or_default() },
        errors: Check::errors(&checks),
        checks,
        warnings,
    }
}

fn storage(basic: &Basic, survey: &Survey) -> Storage {
    let file_bytes = basic.file.as_ref().map(|file| file.page_count * file.page_size);
    Storage {
        database_bytes: survey.database_bytes.or(file_bytes),
        backup_free_bytes: survey.backup_free_bytes,
        sequence_used_ratio: survey.sequence_used.map(|used| (used * 10_000.0).round() / 100.0),
        transaction_id_age: survey.transaction_id_age,
        clock_skew_seconds: basic.clock_skew.map(|skew| (skew * 1000.0).round() / 1000.0),
        sqlite: basic.file.clone().map(|file| SqliteFile { quick_check: survey.quick_check.clone(), ..file }),
    }
}
