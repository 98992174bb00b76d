//! Ways to connect to one server that `sslmode` allows, in libpq's order. `prefer` tries TLS first and then a plain
//! connection. `allow` tries a plain connection first. The driver connects if it can. Otherwise a [`Tunnel`] connects.

use std::sync::{Mutex, PoisonError};

use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};

use super::connection_options::{postgres_options, with_driver_tls};
use super::error::{DbErrorKind, Error};
use super::tls::client_config;
use super::tunnel::{Dial, Encryption, Tunnel};
use super::url::{Host, PostgresTarget, SocketSettings, SslMode, SslNegotiation, TlsVersion};

/// Way to connect to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ConnectionWay {
    /// The driver connects without TLS.
    Plain,
    /// The driver connects with its own TLS.
    Driver(SslMode),
    /// A tunnel connects without TLS, because the driver cannot set the socket's options.
    PlainTunnel,
    /// A tunnel connects with TLS.
    TlsTunnel,
}

impl ConnectionWay {
    fn is_encrypted(self) -> bool {
        matches!(self, Self::Driver(_) | Self::TlsTunnel)
    }
}

/// Ways to connect to one server, and the way in use.
pub(super) struct ConnectionWays {
    target: PostgresTarget,
    host: Host,
    ways: Vec<ConnectionWay>,
    current: Mutex<Current>,
}

struct Current {
    at: usize,
    /// Tunnel of the way in use. It is kept as long as connections may be made through it.
    tunnel: Option<Tunnel>,
}

impl ConnectionWays {
    pub(super) fn new(target: &PostgresTarget, host: &Host) -> Self {
        let current = Current { at: learned(target, host).unwrap_or_default(), tunnel: None };
        let ways = ways(target, host);
        Self { target: target.clone(), host: host.clone(), ways, current: Mutex::new(current) }
    }

    /// Returns true if the first connection must find out which way works.
    pub(super) fn is_open_question(target: &PostgresTarget) -> bool {
        target.hosts.iter().any(|host| learned(target, host).is_none() && ways(target, host).len() > 1)
    }

    /// Returns the number of ways.
    pub(super) fn len(&self) -> usize {
        self.ways.len()
    }

    /// Returns the index of the way in use.
    pub(super) fn at(&self) -> usize {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).at
    }

    /// Returns the driver's options for the way in use.
    ///
    /// # Errors
    /// Returns an error if a file of the URL can no longer be read, or if no socket can be created.
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

    /// Selects the next way if the error of the tried one suggests that another may work. Returns true if another
    /// attempt is useful.
    pub(super) fn advance(&self, tried: usize, error: &Error) -> bool {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.at != tried {
            return true;
        }
        let (Some(now), rest) = (self.ways.get(tried), self.ways.iter().enumerate().cycle()) else { return false };
        let others = rest.skip(tried + 1).take(self.ways.len().saturating_sub(1));
        let next = match error.kind() {
            DbErrorKind::Tls => others.map(|(at, _)| at).next(),
            // the server has rules for the other kind of connection
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
    /// Returns the error of the first way. It also contains the errors of the other ways, if they differ.
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
                    let both = format!("{first}; a second attempt, with or without TLS, failed: {error}");
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

/// Returns true if the driver's TLS supports every requested option. The driver adds the authorities of a file to the
/// system's, so it does not support a file.
fn driver_will_do(target: &PostgresTarget, host: &Host) -> bool {
    let tls = &target.tls;
    tls.root_cert.is_none()
        && tls.negotiation == SslNegotiation::Request
        && tls.sends_host_name
        && tls.versions == (TlsVersion::V12, TlsVersion::V13)
        && host.address.is_none()
        && target.socket == SocketSettings::default()
}
