//! Variables of the health thresholds.

use std::time::Duration;

use super::{Environment, Error, Variables};
use crate::health::Thresholds;

/// Reads every threshold. `AUTHSVC_BACKUP_MAX_AGE` is `26h` in production and staging, `off` elsewhere.
pub(super) fn thresholds(variables: &Variables, environment: Environment) -> Result<Thresholds, Error> {
    let default = Thresholds::default();
    let time = |name, default| duration(variables, name, default);
    Ok(Thresholds {
        backup_max_age: backup_max_age(variables, environment)?,
        response_time: time("AUTHSVC_HEALTH_RESPONSE_TIME", default.response_time)?,
        slow_query: time("AUTHSVC_HEALTH_SLOW_QUERY", default.slow_query)?,
        long_query: time("AUTHSVC_HEALTH_LONG_QUERY", default.long_query)?,
        long_transaction: time("AUTHSVC_HEALTH_LONG_TRANSACTION", default.long_transaction)?,
        cache_hit: percentage(variables, "AUTHSVC_HEALTH_CACHE_HIT", default.cache_hit)?,
        connections: percentage(variables, "AUTHSVC_HEALTH_CONNECTIONS", default.connections)?,
        failed_logins: number(variables, "AUTHSVC_HEALTH_FAILED_LOGINS", default.failed_logins)?,
        suspicious_activity: number(variables, "AUTHSVC_HEALTH_SUSPICIOUS_ACTIVITY", default.suspicious_activity)?,
        free_space: bytes(variables, "AUTHSVC_HEALTH_FREE_SPACE", default.free_space)?,
        clock_skew: time("AUTHSVC_HEALTH_CLOCK_SKEW", default.clock_skew)?,
    })
}

fn backup_max_age(variables: &Variables, environment: Environment) -> Result<Option<Duration>, Error> {
    const NAME: &str = "AUTHSVC_BACKUP_MAX_AGE";
    match variables.get(NAME) {
        Some("off") => Ok(None),
        None if environment.allows_seed() => Ok(None),
        _ => {
            let limit = duration(variables, NAME, Duration::from_secs(26 * 3600))?;
            if limit < Duration::from_hours(1) {
                let text = variables.get(NAME).unwrap_or_default();
                let message = format!("`{text}` is less than an hour; `m` is minutes, not months");
                return Err(Error::invalid(NAME, message, "write hours, days or weeks, like 26h, 8d or 5w"));
            }
            Ok(Some(limit))
        }
    }
}

fn duration(variables: &Variables, name: &'static str, default: Duration) -> Result<Duration, Error> {
    let Some(text) = variables.get(name) else { return Ok(default) };
    humantime::parse_duration(text).map_err(|error| {
        Error::invalid(name, format!("`{text}` is not a duration: {error}"), "write a duration like 100ms, 30s or 26h")
    })
}

fn percentage(variables: &Variables, name: &'static str, default: f64) -> Result<f64, Error> {
    let Some(text) = variables.get(name) else { return Ok(default) };
    let number = text.trim_end_matches('%').trim_end().parse().ok().filter(|number| (0.0..=100.0).contains(number));
    number.ok_or_else(|| Error::invalid(name, format!("`{text}` is not a percentage"), "write a number from 0 to 100"))
}

fn number(variables: &Variables, name: &'static str, default: u64) -> Result<u64, Error> {
    let Some(text) = variables.get(name) else { return Ok(default) };
    text.parse()
        .map_err(|_| Error::invalid(name, format!("`{text}` is not a number"), "write a whole number like 1000"))
}

fn bytes(variables: &Variables, name: &'static str, default: u64) -> Result<u64, Error> {
    let Some(text) = variables.get(name) else { return Ok(default) };
    let size: Result<bytesize::ByteSize, _> = text.parse();
    size.map(|size| size.as_u64()).map_err(|error| {
        Error::invalid(name, format!("`{text}` is not a size: {error}"), "write a size like 500MB or 2GiB")
    })
}
