//! Options of the TCP connection, and the timeout for connecting.

use std::time::Duration;

use super::invalid::InvalidUrl;
use super::settings::{UrlSetting, UrlSettings};
use super::tls::switch;

/// Timeout that stands for no limit: ten years.
pub(in crate::db) const NO_LIMIT: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Options of a TCP socket. `None` selects the system's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketSettings {
    /// True if the URL requests keepalives.
    pub keepalives: bool,
    /// Idle time before the first keepalive.
    pub idle: Option<Duration>,
    /// Time between two keepalives.
    pub interval: Option<Duration>,
    /// Number of lost keepalives after which the connection counts as dead.
    pub count: Option<u32>,
    /// Maximum time for which sent data may remain unacknowledged.
    pub user_timeout: Option<Duration>,
}

impl SocketSettings {
    pub(super) fn read(settings: &mut UrlSettings) -> Result<Self, InvalidUrl> {
        let keepalives = switch(settings.take("keepalives"), "keepalives")?;
        let idle = number(settings.take("keepalives_idle"), "keepalives_idle")?;
        let interval = number(settings.take("keepalives_interval"), "keepalives_interval")?;
        let count = number(settings.take("keepalives_count"), "keepalives_count")?;
        let user_timeout = number(settings.take("tcp_user_timeout"), "tcp_user_timeout")?;
        let seconds = |number: Option<u32>| number.map(|number| Duration::from_secs(number.into()));
        let user_timeout = user_timeout.map(|number| Duration::from_millis(number.into()));
        let is_given = idle.is_some() || interval.is_some() || count.is_some();
        if !keepalives.unwrap_or(is_given) {
            return Ok(Self { user_timeout, ..Self::default() });
        }
        Ok(Self { keepalives: true, idle: seconds(idle), interval: seconds(interval), count, user_timeout })
    }
}

/// Parses a number; `None` for 0, which selects the system's default.
fn number(setting: Option<UrlSetting>, name: &str) -> Result<Option<u32>, InvalidUrl> {
    let Some(setting) = setting else { return Ok(None) };
    let number: u32 = setting
        .value
        .trim()
        .parse()
        .map_err(|_| setting.refuse(name, "is not a whole number", "write a whole number, or leave it out"))?;
    Ok(Some(number).filter(|number| *number != 0))
}

/// Parses `connect_timeout` in seconds. The default is 10. Zero and negative numbers mean no limit.
pub(super) fn connect_timeout(setting: Option<UrlSetting>) -> Result<Duration, InvalidUrl> {
    let Some(setting) = setting else { return Ok(Duration::from_secs(10)) };
    let seconds: i32 = setting.value.trim().parse().map_err(|_| {
        setting.refuse("connect_timeout", "is not a whole number of seconds", "write a number like 10; 0 is no limit")
    })?;
    Ok(u64::try_from(seconds).ok().filter(|seconds| *seconds != 0).map_or(NO_LIMIT, Duration::from_secs))
}
