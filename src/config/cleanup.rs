//! Variables of the cleanup.

use std::time::Duration;

use super::{Error, Variables};
use crate::db::RetentionDays;

const DAY: u64 = 24 * 60 * 60;

/// Interval at which `serve` cleans up, by default `1h`, or never with `off`. From `AUTHSVC_CLEANUP_INTERVAL`.
pub(super) fn interval(variables: &Variables) -> Result<Option<Duration>, Error> {
    const NAME: &str = "AUTHSVC_CLEANUP_INTERVAL";
    match variables.get(NAME) {
        Some("off") => Ok(None),
        _ => variables.duration(NAME, "1h").map(Some),
    }
}

/// Retention of events (90 days) and run records (365 days), from `AUTHSVC_AUTH_EVENTS_RETENTION` and
/// `AUTHSVC_MAINTENANCE_RUNS_RETENTION`.
pub(super) fn kept(variables: &Variables) -> Result<RetentionDays, Error> {
    Ok(RetentionDays {
        auth_events: days(variables, "AUTHSVC_AUTH_EVENTS_RETENTION", "90d")?,
        maintenance_runs: days(variables, "AUTHSVC_MAINTENANCE_RUNS_RETENTION", "365d")?,
    })
}

fn days(variables: &Variables, name: &'static str, default: &str) -> Result<u32, Error> {
    let duration = variables.duration(name, default)?;
    // round up, so that nothing is removed too early; less than a day is refused
    let days = if duration.as_secs() < DAY { 0 } else { duration.as_secs().div_ceil(DAY) };
    let within = u32::try_from(days).ok().filter(|days| (1..=36_500).contains(days));
    within.ok_or_else(|| {
        let message = format!(
            "`{}` is less than a day or more than a hundred years; `m` is minutes, not months",
            variables.get(name).unwrap_or(default)
        );
        Error::invalid(name, message, "write days or weeks, like 90d or 13w")
    })
}
