//! The health checks: verdict, message and hint for each figure. `docs/MONITORING.md` lists them, and a test compares
//! the names.
//!
//! An unknown figure makes no check. `warnings` states why it is missing. A new check needs a function here, a call in
//! [`basic`] or [`extended`], and a line in the list.

mod accounts;
mod backup_dir;
mod database;
mod maintenance;
mod server;

use super::basic_figures::{BasicFigures, BasicReading};
use super::check::{HealthCheck, HealthStatus};
use super::extended::ExtendedFigures;
use super::hashing::HashingState;
use super::rights;
use super::server::ServerCounters;
use super::settings::HealthSettings;
use crate::db::{Backend, DatabaseUrl, DbErrorKind, Error};
use crate::migrate::Difference;

/// Check of a database that did not answer.
pub(super) fn unreachable(error: &Error, url: &DatabaseUrl) -> HealthCheck {
    let hint = match error.kind() {
        DbErrorKind::NoSuchFile if url.may_be_created() => {
            "run `authsvc serve` or `authsvc migrate`, which make it".to_owned()
        }
        DbErrorKind::Unreachable if url.backend() == Backend::Sqlite => {
            "another program holds the file locked, or its disk hangs: find it (fuser FILE) and let it end".to_owned()
        }
        DbErrorKind::Corrupt => {
            "restore the newest verified backup; keep a copy of the damaged data for inspection".to_owned()
        }
        _ => match error.hint() {
            Some(hint) => Error::hint_for(&hint, url.role().as_deref()),
            None => "check the log of the database server".to_owned(),
        },
    };
    let message = match error.kind() {
        // this message already contains the path
        DbErrorKind::NoSuchFile => error.to_string(),
        _ => format!("{error} ({url})"),
    };
    HealthCheck::new("database", HealthStatus::Unhealthy, message, hint)
}

/// Checks of the basic report.
pub(super) fn basic(
    basic: &BasicReading,
    answer: &BasicFigures,
    drift: &[Difference],
    settings: &HealthSettings,
) -> Vec<HealthCheck> {
    let thresholds = &settings.thresholds;
    let performance = &basic.report.performance;
    let ServerCounters { database, sessions, .. } = &answer.server;
    let rights = answer.rights.as_ref().filter(|_| settings.url.wants_writes());
    [
        Some(database::response(answer.response, thresholds)),
        Some(database::schema(answer.history.summary, &basic.report.migrations, drift)),
        Some(server::pool(basic.usage)),
        server::writes(database.as_ref(), &settings.url).filter(|_| settings.url.wants_writes()),
        rights.map(|rights| rights::check(rights, &settings.url, settings.sign_in)),
        sessions.as_ref().map(|sessions| server::connections(sessions, thresholds)),
        server::cache(database.as_ref(), performance, thresholds),
        server::long_queries(performance, thresholds),
        server::long_transactions(&answer.server, thresholds),
        database::file(basic.file.as_ref()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Checks that the detailed report adds.
pub(super) fn extended(
    extended: &ExtendedFigures,
    basic: &BasicReading,
    settings: &HealthSettings,
) -> Vec<HealthCheck> {
    let (thresholds, security) = (&settings.thresholds, &extended.accounts.security);
    [
        accounts::signing_key(settings.sign_in),
        accounts::seed_accounts(security, &settings.environment),
        accounts::failed_logins(security, thresholds),
        accounts::suspicious(security, thresholds),
        backup_dir::backups(&extended.backup_dir, thresholds),
        backup_dir::backup_files(&extended.backup_dir.findings),
        maintenance::free_space(&extended.backup_dir, thresholds),
        maintenance::runs(extended.accounts.runs.as_deref(), basic.report.timestamp),
        maintenance::indexes(&extended.catalogue.indexes),
        maintenance::sequences(extended),
        maintenance::transaction_ids(&extended.catalogue),
        maintenance::dead_rows(&extended.catalogue),
        maintenance::slow_queries(extended.statements.slow_queries, thresholds),
        maintenance::quick_check(extended),
        server::clock(basic.clock_skew, thresholds),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Checks of password hashing in this process.
pub(super) fn hashing(state: HashingState) -> [HealthCheck; 2] {
    [accounts::password_hashing(state), accounts::password_hashes(state)]
}
