//! Connections that the driver cannot make itself, made here and handed to it through a socket of this process.
//!
//! The driver has no place for a TLS configuration, an address beside the name, or options of the TCP socket. So it connects
//! to an abstract unix socket (no file), on which only this process is answered; each such connection becomes one to the
//! server, with TLS where it is wanted, and bytes go to and fro. What fails on the way is answered in PostgreSQL's protocol
//! with a code of our own, so that the driver reports it like any refusal. Plain connections and those that the driver can
//! make do not come here.

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

/// The request for TLS: length and code.
const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
/// The longest start-up message that the server accepts.
const LONGEST_STARTUP: u32 = 10_000;

/// How connections are made.
#[derive(Clone)]
pub(super) struct Dial {
    pub(super) host: Host,
    pub(super) socket: SocketSettings,
    pub(super) encryption: Option<Encryption>,
}

/// How they are encrypted.
#[derive(Clone)]
pub(super) struct Encryption {
    pub(super) config: Arc<ClientConfig>,
    pub(super) negotiation: SslNegotiation,
}

/// A socket that leads to a server. No new connection is made once it is dropped; those that were stay.
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
    /// Opens one.
    ///
    /// # Errors
    /// The system has no such sockets, or no more of them.
    pub(super) fn open(dial: Dial) -> Result<Self, Error> {
        let cannot =
            |error: io::Error| Error::new(DbErrorKind::Refused, format!("no socket for the connection: {error}"));
        let name = format!("authsvc-{:032x}", fastrand::u128(..));
        // the driver adds the port to it, as to the directory of a server's socket
        let address = format!("{name}/.s.PGSQL.{}", dial.host.port);
        let listener =
            SocketAddr::from_abstract_name(address.as_bytes()).and_then(|at| StdUnixListener::bind_addr(&at));
        let listener =
            listener.and_then(|listener| listener.set_nonblocking(true).map(|()| listener)).map_err(cannot)?;
        let listener = UnixListener::from_std(listener).map_err(cannot)?;
        Ok(Self { name, task: tokio::spawn(accept(listener, dial)) })
    }

    /// The directory that the driver takes it for.
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

/// Nobody else may use our connection: it may carry the client's certificate.
fn is_of_this_process(client: &UnixStream) -> bool {
    let peer = client.peer_cred().ok().and_then(|peer| peer.pid()).and_then(|pid| u32::try_from(pid).ok());
    peer == Some(std::process::id())
}

/// One connection, from its start-up message to its end.
async fn serve(mut client: UnixStream, dial: Dial) {
    let Ok(startup) = startup_message(&mut client).await else { return };
    let connected = tokio::select! {
        biased;
        connected = dial.connect() => connected,
        // the driver has waited long enough
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

/// Until the driver hangs up. It sends nothing before it is answered.
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
        _ => Err(Error::new(DbErrorKind::Tls, "TLS failed: the server gave an answer that is not of PostgreSQL")),
    }
}

/// The error as a server reports one.
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
