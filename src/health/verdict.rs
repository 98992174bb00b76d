//! The checks: what a figure means and what to do about it. `docs/MONITORING.md` lists them; a test compares the names.
//!
//! A figure that is not known makes no check: its absence is told in `warnings`. To add a check: a function here, a call in
//! [`basic`] or [`survey`], a line in the list.

mod accounts;
mod archive;
mod database;
mod server;
mod upkeep;

use super::basic::{Answer, Basic};
use super::check::{Check, Status};
use super::hashing::HashingState;
use super::rights;
use super::settings::Settings;
use super::survey::Survey;
use crate::db::{Backend, DatabaseUrl, Error, Kind};
use crate::migrate::Difference;

/// The check of a database that gave no answer.
pub(super) fn unreachable(error: &Error, url: &DatabaseUrl) -> Check {
    let hint = match error.kind() {
        Kind::NoSuchFile if url.may_be_created() => {
            "run `authsvc serve` or `authsvc migrate`, which make it".to_owned()
        }
        Kind::Unreachable if url.backend() == Backend::Sqlite => {
            "another program holds the file locked, or its disk hangs: find it (fuser FILE) and let it end".to_owned()
        }
        Kind::Corrupt => {
            "restore the newest verified backup; keep a copy of the damaged data for inspection".to_owned()
        }
        _ => match error.hint() {
            Some(hint) => Error::hint_for(&hint, url.role().as_deref()),
            None => "look into the log of the database server".to_owned(),
        },
    };
    let message = match error.kind() {
        // it has the path
        Kind::NoSuchFile => error.to_string(),
        _ => format!("{error} ({url})"),
    };
    Check::new("database", Status::Unhealthy, message, hint)
}

/// The checks of the basic report.
pub(super) fn basic(basic: &Basic, answer: &Answer, drift: &[Difference], settings: &Settings) -> Vec<Check> {
    let thresholds = &settings.thresholds;
    let performance = &basic.report.performance;
    [
        Some(database::response(answer.response, thresholds)),
        Some(database::schema(answer.standing.summary, &basic.report.migrations, drift)),
        Some(server::pool(basic.usage)),
        server::writes(&answer.facts, &settings.url).filter(|_| settings.url.wants_writes()),
        rights::check(&answer.facts, &settings.url, settings.sign_in).filter(|_| settings.url.wants_writes()),
        server::connections(&answer.facts, thresholds),
        server::cache(&answer.facts, performance, thresholds),
        server::long_queries(performance, thresholds),
        server::long_transactions(&answer.facts, thresholds),
        database::file(basic.file.as_ref()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The checks that the detailed report adds.
pub(super) fn survey(survey: &Survey, basic: &Basic, settings: &Settings) -> Vec<Check> {
    let thresholds = &settings.thresholds;
    [
        accounts::signing_key(settings.sign_in),
        accounts::seed_accounts(&survey.security, &settings.environment),
        accounts::failed_logins(&survey.security, thresholds),
        accounts::suspicious(&survey.security, thresholds),
        archive::backups(survey, thresholds),
        archive::backup_files(&survey.archive),
        upkeep::free_space(survey, thresholds),
        upkeep::runs(survey, basic.report.timestamp),
        upkeep::indexes(&survey.indexes),
        upkeep::sequences(survey),
        upkeep::transaction_ids(survey),
        upkeep::dead_rows(survey),
        upkeep::slow_queries(survey, thresholds),
        upkeep::quick_check(survey),
        server::clock(basic.clock_skew, thresholds),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The checks of what the process itself can do.
pub(super) fn hashing(state: HashingState) -> [Check; 2] {
    [accounts::password_hashing(state), accounts::password_hashes(state)]
}

/// A number of things, in its own grammar.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
