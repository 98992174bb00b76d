//! Reports the state of the service to its supervisor with the protocol of sd_notify(3), without libsystemd.
//!
//! Each message is one datagram to the socket that `NOTIFY_SOCKET` names. The supervisor does not answer. A message
//! that cannot be sent is dropped, because a missing supervisor must not stop the service. Without a socket, all
//! methods do nothing.

use std::io;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Wait limit for space in the supervisor's queue, per message.
const PATIENCE: Duration = Duration::from_millis(250);

/// Supervisor that started the service, for example systemd. The default is no supervisor.
#[derive(Debug, Default)]
pub struct Supervisor {
    socket: Option<(UnixDatagram, SocketAddr)>,
}

impl Supervisor {
    /// Creates the supervisor from `NOTIFY_SOCKET`: a path, or `@` and a name in the abstract namespace.
    ///
    /// # Errors
    /// Returns an error if the name is not a valid socket address, or if no file descriptors are left.
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

    /// Reports the current activity, in one line that `systemctl status` shows.
    pub fn status(&self, text: &str) {
        self.send(&format!("STATUS={}", one_line(text)));
    }

    /// Reports that the service serves requests.
    pub fn ready(&self) {
        self.send("READY=1\nSTATUS=ready");
    }

    /// Reports that the service is stopping.
    pub fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=stopping");
    }

    /// Sends a watchdog message twice in each interval, which shows that the runtime still schedules tasks. Never
    /// returns.
    ///
    /// The state of the database does not matter, because a restart of the process would not repair it.
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
            tracing::debug!("cannot notify the supervisor: {error}");
        }
    }
}

/// Returns the first line of a text, because the supervisor would read a second line as another field.
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
