//! Variables of the public API.

use std::num::NonZeroU32;
use std::time::Duration;

use axum::http::HeaderValue;
use chrono::TimeDelta;
use ipnet::IpNet;

use super::{Error, Variables};
use crate::auth::{BaseUrl, Keys};
use crate::http::{ApiSettings, Rate};

/// Keys that sign access tokens, the signing key first, from `AUTHSVC_JWT_KEY` or its `_FILE` twin.
pub(super) fn jwt_keys(variables: &Variables) -> Result<Option<Keys>, Error> {
    const NAME: &str = "AUTHSVC_JWT_KEY";
    let Some(pem) = variables.secret(NAME)? else { return Ok(None) };
    Keys::parse(&pem).map(Some).map_err(|error| {
        Error::invalid(
            NAME,
            error.to_string(),
            "make one with `openssl genpkey -algorithm ed25519`, and give it in PEM",
        )
    })
}

/// Reads `AUTHSVC_CORS_ORIGINS`, `AUTHSVC_TRUSTED_PROXIES`, `AUTHSVC_REQUEST_TIMEOUT`, `AUTHSVC_RATE_LIMIT` and
/// `AUTHSVC_PASSWORD_RATE_LIMIT`.
pub(super) fn settings(variables: &Variables, public_url: &BaseUrl) -> Result<ApiSettings, Error> {
    Ok(ApiSettings {
        is_https: public_url.is_https(),
        base_path: public_url.path().to_owned(),
        origins: list(variables, "AUTHSVC_CORS_ORIGINS", "origins like https://app.example.com", origin)?,
        trusted_proxies: list(variables, "AUTHSVC_TRUSTED_PROXIES", "networks like 10.0.100.0/24", network)?,
        timeout: variables.duration("AUTHSVC_REQUEST_TIMEOUT", "10s")?,
        rate: rate(variables, "AUTHSVC_RATE_LIMIT", "100/s")?,
        password_rate: rate(variables, "AUTHSVC_PASSWORD_RATE_LIMIT", "10/s")?,
    })
}

/// Host names that the operators' listener accepts besides addresses and `localhost`, from `AUTHSVC_ADMIN_HOSTS`.
pub(super) fn admin_hosts(variables: &Variables) -> Result<Vec<String>, Error> {
    list(variables, "AUTHSVC_ADMIN_HOSTS", "host names like authsvc.internal, without a port", host_name)
}

/// Parses a host name without scheme, port and wildcard, and returns it in lower case.
fn host_name(word: &str) -> Option<String> {
    let is_part = |part: &str| {
        let of_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        !part.is_empty() && part.len() <= 63 && part.bytes().all(of_name)
    };
    let name = word.strip_suffix('.').unwrap_or(word);
    (name.len() <= 253 && name.split('.').all(is_part)).then(|| name.to_ascii_lowercase())
}

/// Age at which a session ends, however often it is refreshed, from `AUTHSVC_SESSION_MAX_AGE`.
pub(super) fn session_max_age(variables: &Variables) -> Result<TimeDelta, Error> {
    const NAME: &str = "AUTHSVC_SESSION_MAX_AGE";
    const LONGEST: TimeDelta = TimeDelta::days(3650);
    let duration = variables.duration(NAME, "90d")?;
    TimeDelta::from_std(duration).ok().filter(|age| *age <= LONGEST).ok_or_else(|| {
        Error::invalid(NAME, "a session may live 3650 days at most".to_owned(), "write a duration like 90d or 12h")
    })
}

fn list<T>(
    variables: &Variables,
    name: &'static str,
    form: &str,
    parse: fn(&str) -> Option<T>,
) -> Result<Vec<T>, Error> {
    let words = variables.get(name).unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty());
    let parsed = words.map(|word| {
        let refuse =
            || Error::invalid(name, format!("`{word}` cannot be read"), format!("write {form}, with commas between"));
        parse(word).ok_or_else(refuse)
    });
    parsed.collect()
}

/// Parses an origin: scheme and host, as browsers send it. `*` is refused, because it would let every page act for its
/// visitors.
fn origin(word: &str) -> Option<HeaderValue> {
    let url = BaseUrl::parse(word).ok()?;
    let host = url.as_str().split_once("://")?.1;
    (!host.contains('/')).then(|| HeaderValue::from_str(url.as_str()).ok()).flatten()
}

fn network(word: &str) -> Option<IpNet> {
    word.parse().ok().or_else(|| word.parse().ok().map(|ip: std::net::IpAddr| IpNet::from(ip)))
}

/// Largest number of requests of one client per second or minute, or no limit with `off`.
fn rate(variables: &Variables, name: &'static str, default: &str) -> Result<Option<Rate>, Error> {
    let text = variables.get(name).unwrap_or(default);
    if text == "off" {
        return Ok(None);
    }
    let parsed = text.split_once('/').and_then(|(count, period)| {
        let period = match period {
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            _ => return None,
        };
        Some(Rate { count: count.parse::<NonZeroU32>().ok()?, period })
    });
    parsed
        .map(Some)
        .ok_or_else(|| Error::invalid(name, format!("`{text}` is not a rate"), "write one like 20/s, 300/m or off"))
}
