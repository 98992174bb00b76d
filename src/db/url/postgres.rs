//! The PostgreSQL form: libpq's URI with libpq's parameters and defaults.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::hosts::{Host, Lists, SessionAttrs, list, shown};
use super::{ESCAPE, InvalidUrl, decode, parameters, unknown_parameter};

/// A database on a PostgreSQL server.
#[derive(Clone)]
pub struct PostgresTarget {
    /// The servers, in the order in which they are tried; at least one.
    pub hosts: Vec<Host>,
    /// Which of them is wanted.
    pub session_attrs: SessionAttrs,
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
    /// How long one attempt to connect to one host may take.
    pub connect_timeout: Duration,
    /// Whether statements may be prepared under a name, which a PgBouncer before 1.21 in transaction mode does not carry.
    pub prepared_statements: bool,
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
        let Self { user, database, hosts, session_attrs, .. } = self;
        let (authority, query) = shown(hosts, *session_attrs);
        write!(f, "postgres://{user}{password}@{authority}/{database}{query}")
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
        let mut parts = Parts {
            user: decode(user, "user name")?,
            password: password.map(|text| decode(text, "password")).transpose()?.flatten().map(SecretString::from),
            servers: Lists::of_authority(host_port)?,
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
    servers: Lists,
    session_attrs: SessionAttrs,
    database: Option<String>,
    ssl_mode: Option<String>,
    ssl_root_cert: Option<String>,
    ssl_cert: Option<String>,
    ssl_key: Option<String>,
    application_name: Option<String>,
    connect_timeout: Option<String>,
    prepared_statements: Option<bool>,
}

const PARAMETERS: &str = "known parameters: host, port, user, password, dbname, sslmode, sslrootcert, sslcert, sslkey, \
                          application_name, connect_timeout, target_session_attrs, prepared_statements";

impl Parts {
    fn set(&mut self, name: &str, value: String) -> Result<(), InvalidUrl> {
        match name {
            "host" | "hostaddr" => self.servers.hosts = Some(list(&value)).filter(|_| !value.is_empty()),
            "port" => self.servers.ports = Some(list(&value)),
            "target_session_attrs" => self.session_attrs = SessionAttrs::parse(&value)?,
            "prepared_statements" => self.prepared_statements = Some(parse_switch(&value)?),
            "user" => self.user = Some(value),
            "password" => self.password = Some(SecretString::from(value)),
            "dbname" => self.database = Some(value),
            "sslmode" | "ssl-mode" => self.ssl_mode = Some(value),
            "sslrootcert" => self.ssl_root_cert = Some(value),
            "sslcert" => self.ssl_cert = Some(value),
            "sslkey" => self.ssl_key = Some(value),
            "application_name" => self.application_name = Some(value),
            "connect_timeout" => self.connect_timeout = Some(value),
            other => return Err(unknown_parameter(other, PARAMETERS)),
        }
        Ok(())
    }

    fn complete(self, defaults: &Defaults) -> Result<PostgresTarget, InvalidUrl> {
        let mut servers = self.servers;
        servers.hosts = servers.hosts.or_else(|| defaults.host.as_deref().map(list));
        servers.ports = servers.ports.or_else(|| defaults.port.as_deref().map(list));
        let user = self.user.or_else(|| defaults.user.clone()).ok_or_else(|| {
            InvalidUrl::new("the database URL names no user", "write postgres://USER@HOST/DATABASE or set PGUSER")
        })?;
        let ssl_mode = self.ssl_mode.or_else(|| defaults.ssl_mode.clone());
        Ok(PostgresTarget {
            hosts: servers.complete(default_host())?,
            session_attrs: self.session_attrs,
            database: self.database.or_else(|| defaults.database.clone()).unwrap_or_else(|| user.clone()),
            user,
            password: self.password.or_else(|| defaults.password.clone()),
            ssl_mode: ssl_mode.as_deref().map_or(Ok(SslMode::Prefer), parse_ssl_mode)?,
            ssl_root_cert: self.ssl_root_cert.map(PathBuf::from),
            ssl_cert: self.ssl_cert.map(PathBuf::from),
            ssl_key: self.ssl_key.map(PathBuf::from),
            application_name: self.application_name.unwrap_or_else(|| "authsvc".to_owned()),
            connect_timeout: Duration::from_secs(u64::from(
                self.connect_timeout.map_or(Ok(10), |text| parse_number(&text, "connect_timeout"))?.max(1),
            )),
            prepared_statements: self.prepared_statements.unwrap_or(true),
        })
    }
}

/// libpq's: the server's socket directory if there is one, else this machine.
fn default_host() -> String {
    const SOCKETS: &str = "/var/run/postgresql";
    if std::path::Path::new(SOCKETS).is_dir() { SOCKETS.to_owned() } else { "localhost".to_owned() }
}

pub(super) fn parse_number(text: &str, what: &str) -> Result<u16, InvalidUrl> {
    text.parse().map_err(|_| {
        InvalidUrl::new(
            format!("the {what} of the database URL is not a number from 0 to 65535"),
            format!("if this is part of the password: {ESCAPE}"),
        )
    })
}

fn parse_switch(text: &str) -> Result<bool, InvalidUrl> {
    text.parse().map_err(|_| {
        InvalidUrl::new("the prepared_statements of the database URL is unknown", "use one of true, false")
    })
}

fn parse_ssl_mode(text: &str) -> Result<SslMode, InvalidUrl> {
    SSL_MODES.iter().find(|(name, _)| *name == text).map(|(_, mode)| *mode).ok_or_else(|| {
        let names: Vec<&str> = SSL_MODES.iter().map(|(name, _)| *name).collect();
        InvalidUrl::new("the sslmode of the database URL is unknown", format!("use one of {}", names.join(", ")))
    })
}

impl PostgresTarget {
    /// The password in clear, for the driver.
    pub(in crate::db) fn exposed_password(&self) -> Option<&str> {
        self.password.as_ref().map(ExposeSecret::expose_secret)
    }

    /// The same, on one of its servers only, whatever that is.
    pub(in crate::db) fn on(&self, at: usize) -> Self {
        let hosts = self.hosts.get(at).cloned().map_or_else(|| self.hosts.clone(), |host| vec![host]);
        Self { hosts, session_attrs: SessionAttrs::Any, ..self.clone() }
    }
}
