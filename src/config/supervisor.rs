//! What systemd tells a service of `Type=notify`.

use std::time::Duration;

use super::{Error, Variables};

/// Whom to tell how the service is doing.
#[derive(Debug, Clone, Default)]
pub struct SupervisorSettings {
    /// `NOTIFY_SOCKET`: where to.
    pub socket: Option<String>,
    /// `WATCHDOG_USEC`: how often at least. None if it is meant for another process than this one (`WATCHDOG_PID`).
    pub watchdog: Option<Duration>,
}

pub(super) fn notify(variables: &Variables) -> Result<SupervisorSettings, Error> {
    let socket = variables.get("NOTIFY_SOCKET").map(str::to_owned);
    let ours = variables.get("WATCHDOG_PID").is_none_or(|process| process == std::process::id().to_string());
    let watchdog = variables.get("WATCHDOG_USEC").filter(|_| ours && socket.is_some());
    Ok(SupervisorSettings { socket, watchdog: watchdog.map(microseconds).transpose()? })
}

fn microseconds(text: &str) -> Result<Duration, Error> {
    match text.parse() {
        Ok(micros @ 1..) => Ok(Duration::from_micros(micros)),
        _ => Err(Error::invalid(
            "WATCHDOG_USEC",
            format!("`{text}` is no number of microseconds"),
            "leave it to systemd",
        )),
    }
}
