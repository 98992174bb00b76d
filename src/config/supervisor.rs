//! Variables that systemd sets for a service of `Type=notify`.

use std::time::Duration;

use super::{Error, Variables};

/// Settings of the notifications to systemd.
#[derive(Debug, Clone, Default)]
pub struct SupervisorSettings {
    /// Path of the notification socket, from `NOTIFY_SOCKET`.
    pub socket: Option<String>,
    /// Longest time between two watchdog notifications, from `WATCHDOG_USEC`. `None` if `WATCHDOG_PID` names another
    /// process.
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
            format!("`{text}` is not a number of microseconds"),
            "leave it to systemd",
        )),
    }
}
