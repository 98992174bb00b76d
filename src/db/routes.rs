//! The ways to one server that `sslmode` allows, in libpq's order: `prefer` tries TLS and then goes without, `allow` the other way
//! round. The driver connects where it can; a [`Tunnel`] does where it cannot.

use std::sync::{Mutex, PoisonError};

use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};

use super::connection::postgres_options;
use super::error::{DbErrorKind, Error};
use super::tls::client_config;
use super::tunnel::{Dial, Encryption, Tunnel};
use super::url::{Host, PostgresTarget, SocketSettings, SslMode, SslNegotiation, TlsVersion};

/// One way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ConnectionWay {
    /// The driver connects, without TLS.
    Plain,
    /// The driver connects, with its own TLS.
    Driver(SslMode),
    /// A tunnel without TLS, for the sake of the socket's options.
    PlainTunnel,
    /// A tunnel with TLS.
    TlsTunnel,
}

impl ConnectionWay {
    fn is_encrypted(self) -> bool {
        matches!(self, Self::Driver(_) | Self::TlsTunnel)
    }
}

/// The ways to one server, and the one that is in use.
pub(super) struct Routes {
    target: PostgresTarget,
    host: Host,
    ways: Vec<ConnectionWay>,
    current: Mutex<Current>,
}

struct Current {
    at: usize,
    /// Kept while its connections may be made.
    tunnel: Option<Tunnel>,
}

impl Routes {
    pub(super) fn new(target: &PostgresTarget, host: &Host) -> Self {
        let current = Current { at: learned(target, host).unwrap_or_default(), tunnel: None };
        let ways = ways(target, host);
        Self { target: target.clone(), host: host.clone(), ways, current: Mutex::new(current) }
    }

    /// Whether the first connection has to find out which way works.
    pub(super) fn is_open_question(target: &PostgresTarget) -> bool {
        target.hosts.iter().any(|host| learned(target, host).is_none() && ways(target, host).len() > 1)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ways.len()
    }

    /// Which one is in use.
    pub(super) fn at(&self) -> usize {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).at
    }

    /// The driver's options for the one in use.
    ///
    /// # Errors
    /// A file of the URL cannot be read any more, or there is no socket.
    pub(super) fn options(&self) -> Result<PgConnectOptions, Error> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let way = self.ways.get(current.at).copied().unwrap_or(ConnectionWay::Plain);
        current.tunnel = self.tunnel(way)?;
        let options = postgres_options(&self.target, &self.host);
        Ok(match (way, &current.tunnel) {
            (ConnectionWay::Driver(mode), _) => with_driver_tls(&self.target, options, mode),
            (_, Some(tunnel)) => options.ssl_mode(PgSslMode::Disable).socket(tunnel.directory()),
            (_, None) => options.ssl_mode(PgSslMode::Disable),
        })
    }

    fn tunnel(&self, way: ConnectionWay) -> Result<Option<Tunnel>, Error> {
        let encryption = match way {
            ConnectionWay::Plain | ConnectionWay::Driver(_) => return Ok(None),
            ConnectionWay::PlainTunnel => None,
            ConnectionWay::TlsTunnel => Some(Encryption {
                config: client_config(&self.target)?.into(),
                negotiation: self.target.tls.negotiation,
            }),
        };
        Tunnel::open(Dial { host: self.host.clone(), socket: self.target.socket, encryption }).map(Some)
    }

    /// Takes the next way, if the error of the one that was tried says that another may work; whether it is worth another try.
    pub(super) fn advance(&self, tried: usize, error: &Error) -> bool {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.at != tried {
            return true;
        }
        let (Some(now), rest) = (self.ways.get(tried), self.ways.iter().enumerate().cycle()) else { return false };
        let others = rest.skip(tried + 1).take(self.ways.len().saturating_sub(1));
        let next = match error.kind() {
            DbErrorKind::Tls => others.map(|(at, _)| at).next(),
            // the server's rules are for the other kind of connection
            DbErrorKind::Authentication if error.code() == Some("28000") => {
                others.filter(|(_, way)| way.is_encrypted() != now.is_encrypted()).map(|(at, _)| at).next()
            }
            _ => None,
        };
        next.map(|next| current.at = next).is_some()
    }

    /// Connects by the first way that works.
    ///
    /// # Errors
    /// What the first way came to, and after it what others did, if they say anything else.
    pub(super) async fn connect(&self) -> Result<PgConnection, Error> {
        let mut first: Option<Error> = None;
        for _ in 0..self.len() {
            let tried = self.at();
            let connected = match self.options() {
                Ok(options) => PgConnection::connect_with(&options).await.map_err(Error::from),
                Err(error) => Err(error),
            };
            let error = match connected {
                Ok(connection) => {
                    let mut learned = self.target.learned.lock().unwrap_or_else(PoisonError::into_inner);
                    learned.insert(self.host.to_string(), tried);
                    return Ok(connection);
                }
                Err(error) => error,
            };
            let goes_on = self.advance(tried, &error);
            first = Some(match first {
                None => error,
                Some(first) if first.to_string() == error.to_string() => first,
                Some(first) => {
                    let both = format!("{first}; tried again another way: {error}");
                    first.with_message(both)
                }
            });
            if !goes_on {
                break;
            }
        }
        Err(first.unwrap_or_else(|| Error::new(DbErrorKind::Refused, "there is no way to connect")))
    }
}

fn learned(target: &PostgresTarget, host: &Host) -> Option<usize> {
    target.learned.lock().unwrap_or_else(PoisonError::into_inner).get(&host.to_string()).copied()
}

fn ways(target: &PostgresTarget, host: &Host) -> Vec<ConnectionWay> {
    if host.is_socket() {
        return vec![ConnectionWay::Plain];
    }
    let plain =
        if target.socket == SocketSettings::default() { ConnectionWay::Plain } else { ConnectionWay::PlainTunnel };
    let mode = target.ssl_mode;
    let driver_will_do = driver_will_do(target, host);
    match mode {
        SslMode::Disable => vec![plain],
        SslMode::Allow => vec![plain, ConnectionWay::TlsTunnel],
        SslMode::Prefer if driver_will_do => vec![ConnectionWay::Driver(mode), ConnectionWay::TlsTunnel, plain],
        SslMode::Prefer => vec![ConnectionWay::TlsTunnel, plain],
        SslMode::Require if driver_will_do => vec![ConnectionWay::Driver(mode), ConnectionWay::TlsTunnel],
        SslMode::VerifyFull if driver_will_do => vec![ConnectionWay::Driver(mode)],
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => vec![ConnectionWay::TlsTunnel],
    }
}

/// Whether nothing is wanted that the driver's TLS does not do. It adds the authorities of a file to the system's, so a file is.
fn driver_will_do(target: &PostgresTarget, host: &Host) -> bool {
    let tls = &target.tls;
    tls.root_cert.is_none()
        && tls.negotiation == SslNegotiation::Request
        && tls.sends_host_name
        && tls.versions == (TlsVersion::V12, TlsVersion::V13)
        && host.address.is_none()
        && target.socket == SocketSettings::default()
}

fn with_driver_tls(target: &PostgresTarget, options: PgConnectOptions, mode: SslMode) -> PgConnectOptions {
    let mode = match mode {
        SslMode::Disable | SslMode::Allow => PgSslMode::Disable,
        SslMode::Prefer => PgSslMode::Prefer,
        SslMode::Require => PgSslMode::Require,
        SslMode::VerifyCa | SslMode::VerifyFull => PgSslMode::VerifyFull,
    };
    // the driver reads PGSSLROOTCERT itself; no file is wanted here
    let options = options.ssl_mode(mode).ssl_root_cert_from_pem(Vec::new());
    match &target.tls.client {
        Some((certificate, key)) => options.ssl_client_cert(certificate).ssl_client_key(key),
        None => options,
    }
}
