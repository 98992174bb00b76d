//! The PostgreSQL form: libpq's URI with libpq's parameters and defaults.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::{ESCAPE, InvalidUrl, decode, parameters, unknown_parameter};

/// A database on a PostgreSQL server.
#[derive(Clone)]
pub struct PostgresTarget {
    /// Host name, address, or the directory of a unix socket (starts with `/`).
    pub host: String,
    /// TCP port, or the number in the socket's name.
    pub port: u16,
    /// Role.
    pub user: String,
    /// Password, if any was given.
    pub password: Option<SecretString>,
    /// Name of the database.
    pub database: String,
    /// Encryption of the connection.
    pub ssl_mode: SslMode,
    /// PEM file of the authority that signed the server's certificate.
    pub ssl_root_cert: Option<PathBuf>,
    /// PEM file of the client's certificate.
    pub ssl_cert: Option<PathBuf>,
    /// PEM file of the client's key.
    pub ssl_key: Option<PathBuf>,
    /// Name shown in `pg_stat_activity`.
    pub application_name: String,
    /// How long one attempt to connect may take.
    pub connect_timeout: Duration,
}

/// libpq's `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslMode {
    /// No TLS.
    Disable,
    /// TLS only if the server insists.
    Allow,
    /// TLS if the server has it.
    Prefer,
    /// TLS, certificate unchecked.
    Require,
    /// TLS, certificate checked against the authority.
    VerifyCa,
    /// TLS, certificate and host name checked.
    VerifyFull,
}

const SSL_MODES: [(&str, SslMode); 6] = [
    ("disable", SslMode::Disable),
    ("allow", SslMode::Allow),
    ("prefer", SslMode::Prefer),
    ("require", SslMode::Require),
    ("verify-ca", SslMode::VerifyCa),
    ("verify-full", SslMode::VerifyFull),
];

/// What completes a PostgreSQL URL that leaves parts out, as libpq's environment variables do.
#[derive(Clone, Default)]
pub struct Defaults {
    /// `PGHOST`
    pub host: Option<String>,
    /// `PGPORT`
    pub port: Option<String>,
    /// `PGUSER`, then the operating system's user
    pub user: Option<String>,
    /// `PGDATABASE`
    pub database: Option<String>,
    /// `PGPASSWORD`
    pub password: Option<SecretString>,
    /// `PGSSLMODE`
    pub ssl_mode: Option<String>,
}

impl fmt::Display for PostgresTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let password = if self.password.is_some() { ":****" } else { "" };
        let Self { user, host, port, database, .. } = self;
        if host.starts_with('/') {
            write!(f, "postgres://{user}{password}@/{database}?host={host}&port={port}")
        } else if host.contains(':') {
            write!(f, "postgres://{user}{password}@[{host}]:{port}/{database}")
        } else {
            write!(f, "postgres://{user}{password}@{host}:{port}/{database}")
        }
    }
}

impl PostgresTarget {
    /// Parses what follows `postgres://`.
    pub(super) fn parse(rest: &str, defaults: &Defaults) -> Result<Self, InvalidUrl> {
        let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if tail.contains('@') {
            return Err(InvalidUrl::new("the database URL has an `@` after the host", ESCAPE));
        }
        if tail.contains('#') {
            return Err(InvalidUrl::new("the database URL has an unescaped `#`", ESCAPE));
        }
        let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
        let (user_info, host_port) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = match user_info.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (user_info, None),
        };
        let (host, port) = split_port(host_port)?;
        let mut parts = Parts {
            user: decode(user, "user name")?,
            password: password.map(|text| decode(text, "password")).transpose()?.flatten().map(SecretString::from),
            host: decode(host, "host")?,
            port: port.map(str::to_owned),
            database: decode(path.strip_prefix('/').unwrap_or_default(), "database name")?,
            ..Parts::default()
        };
        for (name, value) in parameters(query)? {
            parts.set(&name, value)?;
        }
        parts.complete(defaults)
    }
}

/// The parts a URL gave, before defaults.
#[derive(Default)]
struct Parts {
    user: Option<String>,
    password: Option<SecretString>,
    host: Option<String>,
    port: Option<String>,
    database: Option<String>,
    ssl_mode: Option<String>,
    ssl_root_cert: Option<String>,
    ssl_cert: Option<String>,
    ssl_key: Option<String>,
    application_name: Option<String>,
    connect_timeout: Option<String>,
}

const PARAMETERS: &str = "known parameters: host, port, user, password, dbname, sslmode, sslrootcert, sslcert, sslkey, \
                          application_name, connect_timeout";

impl Parts {
    fn set(&mut self, name: &str, value: String) -> Result<(), InvalidUrl> {
        let field = match name {
            "host" | "hostaddr" => &mut self.host,
            "port" => &mut self.port,
            "user" => &mut self.user,
            "dbname" => &mut self.database,
            "sslmode" | "ssl-mode" => &mut self.ssl_mode,
            "sslrootcert" => &mut self.ssl_root_cert,
            "sslcert" => &mut self.ssl_cert,
            "sslkey" => &mut self.ssl_key,
            "application_name" => &mut self.application_name,
            "connect_timeout" => &mut self.connect_timeout,
            "password" => {
                self.password = Some(SecretString::from(value));
                return Ok(());
            }
            "target_session_attrs" if value == "any" => return Ok(()),
            "target_session_attrs" => {
                return Err(InvalidUrl::new(
                    "several hosts and target_session_attrs are not supported yet",
                    "name one host, such as the pooler or the virtual address of the cluster",
                ));
            }
            other => return Err(unknown_parameter(other, PARAMETERS)),
        };
        *field = Some(value);
        Ok(())
    }

    fn complete(self, defaults: &Defaults) -> Result<PostgresTarget, InvalidUrl> {
        let host = self.host.or_else(|| defaults.host.clone()).unwrap_or_else(default_host);
        if host.contains(',') {
            return Err(InvalidUrl::new(
                "several hosts in one database URL are not supported yet",
                "name one host, such as the pooler or the virtual address of the cluster",
            ));
        }
        let user = self.user.or_else(|| defaults.user.clone()).ok_or_else(|| {
            InvalidUrl::new("the database URL names no user", "write postgres://USER@HOST/DATABASE or set PGUSER")
        })?;
        let ssl_mode = self.ssl_mode.or_else(|| defaults.ssl_mode.clone());
        Ok(PostgresTarget {
            host,
            port: number(self.port.or_else(|| defaults.port.clone()), 5432, "port")?,
            database: self.database.or_else(|| defaults.database.clone()).unwrap_or_else(|| user.clone()),
            user,
            password: self.password.or_else(|| defaults.password.clone()),
            ssl_mode: ssl_mode.as_deref().map_or(Ok(SslMode::Prefer), parse_ssl_mode)?,
            ssl_root_cert: self.ssl_root_cert.map(PathBuf::from),
            ssl_cert: self.ssl_cert.map(PathBuf::from),
            ssl_key: self.ssl_key.map(PathBuf::from),
            application_name: self.application_name.unwrap_or_else(|| "authsvc".to_owned()),
            connect_timeout: Duration::from_secs(u64::from(
                number(self.connect_timeout, 10, "connect_timeout")?.max(1),
            )),
        })
    }
}

/// libpq's: the server's socket directory if there is one, else this machine.
fn default_host() -> String {
    const SOCKETS: &str = "/var/run/postgresql";
    if std::path::Path::new(SOCKETS).is_dir() { SOCKETS.to_owned() } else { "localhost".to_owned() }
}

fn number(text: Option<String>, default: u16, what: &str) -> Result<u16, InvalidUrl> {
    text.map_or(Ok(default), |text| {
        text.parse().map_err(|_| {
            InvalidUrl::new(
                format!("the {what} of the database URL is not a number from 0 to 65535"),
                format!("if this is part of the password: {ESCAPE}"),
            )
        })
    })
}

fn parse_ssl_mode(text: &str) -> Result<SslMode, InvalidUrl> {
    SSL_MODES.iter().find(|(name, _)| *name == text).map(|(_, mode)| *mode).ok_or_else(|| {
        let names: Vec<&str> = SSL_MODES.iter().map(|(name, _)| *name).collect();
        InvalidUrl::new("the sslmode of the database URL is unknown", format!("use one of {}", names.join(", ")))
    })
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`.
fn split_port(text: &str) -> Result<(&str, Option<&str>), InvalidUrl> {
    let unreadable = || InvalidUrl::new("the host of the database URL cannot be read", ESCAPE);
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or_else(unreadable)?;
        let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or_else(unreadable)?) };
        return Ok((host, port));
    }
    match text.split_once(':') {
        None => Ok((text, None)),
        Some((host, "")) => Ok((host, None)),
        Some((_, port)) if port.contains(':') => Err(InvalidUrl::new(
            "the host of the database URL cannot be read",
            format!("write an IPv6 address in brackets, [::1]; {ESCAPE}"),
        )),
        Some((host, port)) => Ok((host, Some(port))),
    }
}

impl PostgresTarget {
    /// The password in clear, for the driver.
    pub(in crate::db) fn exposed_password(&self) -> Option<&str> {
        self.password.as_ref().map(ExposeSecret::expose_secret)
    }
}
