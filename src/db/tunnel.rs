//! Connections that the driver cannot make itself. This module makes them and hands them to the driver through a socket
//! of this process.
//!
//! The driver does not support a TLS configuration, an address beside the name, or options of the TCP socket. It
//! therefore connects to an abstract unix socket, which has no file and accepts only this process. Each such connection
//! is forwarded to the server, with TLS if requested. A failure to connect is reported in PostgreSQL's protocol with a
//! code of this program, so that the driver handles it like any refusal. The driver makes plain connections, and those
//! that it supports, without a tunnel.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener as StdUnixListener};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use super::error::{DbErrorKind, Error, NO_CONNECTION, TLS_FAILED};
use super::url::{Host, SocketSettings, SslNegotiation};

/// Message that requests TLS: length and code.
const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
/// Maximum length of a start-up message that the server accepts, in bytes.
const LONGEST_STARTUP: u32 = 10_000;

/// Settings of the connections to a server.
#[derive(Clone)]
pub(super) struct Dial {
    pub(super) host: Host,
    pub(super) socket: SocketSettings,
    pub(super) encryption: Option<Encryption>,
}

/// Encryption of the connections to a server.
#[derive(Clone)]
pub(super) struct Encryption {
    pub(super) config: Arc<ClientConfig>,
    pub(super) negotiation: SslNegotiation,
}

/// Socket that leads to a server. After it is dropped, no new connection is made, and existing ones continue.
pub(super) struct Tunnel {
    name: String,
    task: JoinHandle<()>,
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Tunnel {
    /// Opens a socket for the driver.
    ///
    /// # Errors
    /// Returns an error if the system does not support such sockets, or has no more of them.
    pub(super) fn open(dial: Dial) -> Result<Self, Error> {
        let cannot =
            |error: io::Error| Error::new(DbErrorKind::Refused, format!("no socket for the connection: {error}"));
        let name = format!("authsvc-{:032x}", fastrand::u128(..));
        // the driver appends the port, as to the directory of a server's socket
        let address = format!("{name}/.s.PGSQL.{}", dial.host.port);
        let listener =
            SocketAddr::from_abstract_name(address.as_bytes()).and_then(|at| StdUnixListener::bind_addr(&at));
        let listener =
            listener.and_then(|listener| listener.set_nonblocking(true).map(|()| listener)).map_err(cannot)?;
        let listener = UnixListener::from_std(listener).map_err(cannot)?;
        Ok(Self { name, task: tokio::spawn(accept(listener, dial)) })
    }

    /// Returns the name that the driver uses as the socket's directory.
    pub(super) fn directory(&self) -> String {
        format!("\0{}", self.name)
    }
}

async fn accept(listener: UnixListener, dial: Dial) {
    while let Ok((client, _)) = listener.accept().await {
        if is_of_this_process(&client) {
            tokio::spawn(serve(client, dial.clone()));
        }
    }
}

/// Returns true if the client is this process. No other process may use the connection, which may have used the
/// client's certificate.
fn is_of_this_process(client: &UnixStream) -> bool {
    let peer = client.peer_cred().ok().and_then(|peer| peer.pid()).and_then(|pid| u32::try_from(pid).ok());
    peer == Some(std::process::id())
}

/// Serves one connection, from its start-up message to its end.
async fn serve(mut client: UnixStream, dial: Dial) {
    let Ok(startup) = startup_message(&mut client).await else { return };
    let connected = tokio::select! {
        biased;
        connected = dial.connect() => connected,
        // the driver has stopped waiting
        () = gone(&client) => return,
    };
    let relayed = match connected {
        Ok(Connected::Plain(server)) => relay(client, server, &startup).await,
        Ok(Connected::Encrypted(server)) => relay(client, *server, &startup).await,
        Err(error) => client.write_all(&refusal(&error)).await,
    };
    if let Err(error) = relayed {
        tracing::debug!(%error, "a connection ended");
    }
}

async fn startup_message(client: &mut UnixStream) -> io::Result<Vec<u8>> {
    let length = client.read_u32().await?;
    if !(8..=LONGEST_STARTUP).contains(&length) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut message = length.to_be_bytes().to_vec();
    client.take(u64::from(length) - 4).read_to_end(&mut message).await?;
    Ok(message)
}

/// Waits until the driver closes the connection. The driver sends nothing before it gets an answer.
async fn gone(client: &UnixStream) {
    let mut byte = [0];
    while client.readable().await.is_ok() {
        match client.try_read(&mut byte) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            _ => return,
        }
    }
}

async fn relay(
    mut client: UnixStream,
    mut server: impl AsyncRead + AsyncWrite + Unpin,
    startup: &[u8],
) -> io::Result<()> {
    server.write_all(startup).await?;
    server.flush().await?;
    copy_bidirectional(&mut client, &mut server).await.map(|_| ())
}

enum Connected {
    Plain(TcpStream),
    Encrypted(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

impl Dial {
    async fn connect(&self) -> Result<Connected, Error> {
        let mut server = self.tcp().await.map_err(|error| Error::from(&sqlx::Error::Io(error)))?;
        let Some(encryption) = &self.encryption else { return Ok(Connected::Plain(server)) };
        if encryption.negotiation == SslNegotiation::Request {
            request_tls(&mut server).await?;
        }
        let name = ServerName::try_from(self.host.name.clone()).map_err(|error| {
            Error::new(DbErrorKind::Tls, format!("TLS failed: the host's name cannot be used: {error}"))
        })?;
        let encrypted = TlsConnector::from(Arc::clone(&encryption.config)).connect(name, server).await;
        match encrypted {
            Ok(encrypted) => Ok(Connected::Encrypted(Box::new(encrypted))),
            Err(error) if encryption.negotiation == SslNegotiation::Direct => Err(Error::new(
                DbErrorKind::Tls,
                format!("TLS failed: {error}; sslnegotiation=direct needs PostgreSQL 17 or newer"),
            )),
            Err(error) => Err(Error::from(&sqlx::Error::Io(error))),
        }
    }

    async fn tcp(&self) -> io::Result<TcpStream> {
        let stream = match self.host.address {
            Some(address) => TcpStream::connect((address, self.host.port)).await?,
            None => TcpStream::connect((self.host.name.as_str(), self.host.port)).await?,
        };
        stream.set_nodelay(true)?;
        apply(&self.socket, &stream)?;
        Ok(stream)
    }
}

fn apply(settings: &SocketSettings, stream: &TcpStream) -> io::Result<()> {
    let socket = socket2::SockRef::from(stream);
    if settings.keepalives {
        let mut keepalive = socket2::TcpKeepalive::new();
        keepalive = settings.idle.map_or(keepalive.clone(), |idle| keepalive.with_time(idle));
        keepalive = settings.interval.map_or(keepalive.clone(), |interval| keepalive.with_interval(interval));
        keepalive = settings.count.map_or(keepalive.clone(), |count| keepalive.with_retries(count));
        socket.set_tcp_keepalive(&keepalive)?;
    }
    if settings.user_timeout.is_some() {
        socket.set_tcp_user_timeout(settings.user_timeout)?;
    }
    Ok(())
}

async fn request_tls(server: &mut TcpStream) -> Result<(), Error> {
    let asked = async {
        server.write_all(&TLS_REQUEST).await?;
        server.read_u8().await
    };
    match asked.await.map_err(|error| Error::from(&sqlx::Error::Io(error)))? {
        b'S' => Ok(()),
        b'N' => Err(Error::new(DbErrorKind::Tls, "TLS failed: server does not support TLS")),
        _ => Err(Error::new(DbErrorKind::Tls, "TLS failed: the server's answer is not in PostgreSQL's protocol")),
    }
}

/// Encodes the error as a server reports one.
fn refusal(error: &Error) -> Vec<u8> {
    let code = if error.kind() == DbErrorKind::Tls { TLS_FAILED } else { NO_CONNECTION };
    let mut fields = Vec::new();
    for (field, text) in [(b'S', "FATAL"), (b'V', "FATAL"), (b'C', code), (b'M', error.to_string().as_str())] {
        fields.push(field);
        fields.extend(text.bytes().filter(|byte| *byte != 0));
        fields.push(0);
    }
    fields.push(0);
    let length = u32::try_from(fields.len() + 4).unwrap_or(u32::MAX);
    [&[b'E'][..], &length.to_be_bytes(), &fields].concat()
}
