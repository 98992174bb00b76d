//! Tells the supervisor that started the service how it is doing: sd_notify(3), without libsystemd.
//!
//! Each message is one datagram to the socket that `NOTIFY_SOCKET` names. Nobody answers, and what cannot be sent is dropped:
//! a supervisor that is gone must not take the service with it. Without a socket everything here does nothing.

use std::io;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// How long a message may wait for room in the supervisor's queue.
const PATIENCE: Duration = Duration::from_millis(250);

/// Who started the service and wants to know.
#[derive(Debug, Default)]
pub struct Supervisor {
    socket: Option<(UnixDatagram, SocketAddr)>,
}

impl Supervisor {
    /// The one behind a socket: a path, or a name in the abstract namespace after `@`.
    ///
    /// # Errors
    /// The name cannot be that of a socket, or there are no descriptors left.
    pub fn at(socket: Option<&str>) -> io::Result<Self> {
        let Some(name) = socket else { return Ok(Self::default()) };
        let address = match name.strip_prefix('@') {
            Some(name) => abstract_address(name)?,
            None => SocketAddr::from_pathname(name)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { socket: Some((socket, address)) })
    }

    /// What the service is doing, in one line that `systemctl status` shows.
    pub fn status(&self, text: &str) {
        self.send(&format!("STATUS={}", one_line(text)));
    }

    /// Requests are served from now on.
    pub fn ready(&self) {
        self.send("READY=1\nSTATUS=ready");
    }

    /// The service ends.
    pub fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=stopping");
    }

    /// Says twice in each interval that tasks still get their turn; the database is no part of it, because a new process
    /// would not have another one. Never ends.
    pub async fn beat(&self, interval: Duration) {
        loop {
            self.send("WATCHDOG=1");
            tokio::time::sleep(interval / 2).await;
        }
    }

    fn send(&self, message: &str) {
        if let Some((socket, address)) = &self.socket
            && let Err(error) = socket.send_to_addr(message.as_bytes(), address)
        {
            tracing::debug!("the supervisor was not told: {error}");
        }
    }
}

/// A message is made of lines: what follows the first would be another field.
fn one_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(target_os = "linux")]
fn abstract_address(name: &str) -> io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt as _;
    SocketAddr::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_: &str) -> io::Result<SocketAddr> {
    Err(io::Error::other("only Linux has abstract sockets"))
}
