//! `DATABASE_URL`, parsed once into a type that cannot print its password.
//!
//! Parsing is our own because the drivers' parsers log parameters they do not know with their values, and because an
//! unescaped sign in a password must be refused without quoting what surrounds it. No message here ever contains text
//! from the user-information part.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};

/// Where the database is. `Display` and `Debug` print it with the password as `****`.
#[derive(Clone)]
pub struct DatabaseUrl {
    target: Target,
}

/// The two kinds of database.
#[derive(Clone)]
pub enum Target {
    /// A PostgreSQL server.
    Postgres(PostgresTarget),
    /// A SQLite file.
    Sqlite(SqliteTarget),
}

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

/// A SQLite file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteTarget {
    /// The file.
    pub path: PathBuf,
    /// What may be done to it.
    pub mode: SqliteMode,
}

/// SQLite's `mode` parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqliteMode {
    /// Read.
    ReadOnly,
    /// Read and write an existing file.
    ReadWrite,
    /// Read and write, creating the file.
    Create,
}

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

/// A URL that is refused: what is wrong, and what to do. Never contains user name or password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidUrl {
    message: String,
    hint: String,
}

impl InvalidUrl {
    fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }

    /// What to do about it.
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

const FORMS: &str = "use postgres://USER:PASSWORD@HOST:5432/DATABASE or sqlite:FILE?mode=rwc";
const ESCAPE: &str =
    "percent-encode special signs in user name and password: / is %2F, ? is %3F, # is %23, @ is %40, % is %25";

impl DatabaseUrl {
    /// Parses a URL, completing what a PostgreSQL one leaves out.
    ///
    /// # Errors
    /// [`InvalidUrl`] for another scheme, an unknown parameter, or a part that cannot be read without guessing.
    pub fn parse(text: &str, defaults: &Defaults) -> Result<Self, InvalidUrl> {
        let text = text.trim();
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(InvalidUrl::new("the database URL has no scheme", FORMS));
        };
        let target = match scheme {
            "postgres" | "postgresql" => {
                let rest = rest.strip_prefix("//").ok_or_else(|| {
                    InvalidUrl::new(format!("`{scheme}:` is not followed by `//` in the database URL"), FORMS)
                })?;
                Target::Postgres(PostgresTarget::parse(rest, defaults)?)
            }
            "sqlite" => Target::Sqlite(SqliteTarget::parse(rest)?),
            other => return Err(unknown_scheme(other, rest)),
        };
        Ok(Self { target })
    }

    /// A SQLite file.
    pub fn sqlite(path: impl Into<PathBuf>, mode: SqliteMode) -> Self {
        Self { target: Target::Sqlite(SqliteTarget { path: path.into(), mode }) }
    }

    /// The parsed parts.
    pub fn target(&self) -> &Target {
        &self.target
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Postgres(target) => target.fmt(f),
            Target::Sqlite(target) => write!(f, "sqlite:{}", target.path.display()),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
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

fn unknown_scheme(scheme: &str, rest: &str) -> InvalidUrl {
    let printable = rest.starts_with("//") && scheme.len() <= 20 && scheme.bytes().all(|b| b.is_ascii_alphanumeric());
    if !printable {
        return InvalidUrl::new("the database URL has no scheme that is known", FORMS);
    }
    let lower = scheme.to_ascii_lowercase();
    let near = ["postgres", "postgresql", "sqlite"]
        .into_iter()
        .filter(|known| strsim::damerau_levenshtein(known, &lower) <= 3)
        .min_by_key(|known| strsim::damerau_levenshtein(known, &lower));
    let hint = near.map_or_else(|| FORMS.to_owned(), |near| format!("did you mean `{near}:`? {FORMS}"));
    InvalidUrl::new(format!("`{scheme}://` is not a database this program works with"), hint)
}

impl PostgresTarget {
    /// Parses what follows `postgres://`.
    fn parse(rest: &str, defaults: &Defaults) -> Result<Self, InvalidUrl> {
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
            connect_timeout: Duration::from_secs(u64::from(number(self.connect_timeout, 10, "connect_timeout")?.max(1))),
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

impl SqliteTarget {
    /// Parses what follows `sqlite:`.
    fn parse(rest: &str) -> Result<Self, InvalidUrl> {
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let path = decode(path.strip_prefix("//").unwrap_or(path), "file name")?;
        let path = path.ok_or_else(|| InvalidUrl::new("the SQLite URL names no file", "write sqlite:FILE"))?;
        let in_memory = || {
            InvalidUrl::new("an in-memory SQLite database ends with each process", "name a file: sqlite:FILE?mode=rwc")
        };
        if path == ":memory:" {
            return Err(in_memory());
        }
        let mut mode = SqliteMode::ReadWrite;
        for (name, value) in parameters(query)? {
            mode = match (name.as_str(), value.as_str()) {
                ("mode", "ro") => SqliteMode::ReadOnly,
                ("mode", "rw") => SqliteMode::ReadWrite,
                ("mode", "rwc") => SqliteMode::Create,
                ("mode", "memory") => return Err(in_memory()),
                ("mode", _) => return Err(InvalidUrl::new("the SQLite mode is unknown", "use ro, rw or rwc")),
                (other, _) => return Err(unknown_parameter(other, "known parameters: mode")),
            };
        }
        Ok(Self { path: PathBuf::from(path), mode })
    }
}

/// The parameter's name is printed only if it looks like one; its value never is.
fn unknown_parameter(name: &str, known: &str) -> InvalidUrl {
    let looks_like_a_name = name.len() <= 30 && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_' || b == b'-');
    let name = if looks_like_a_name { format!(" `{name}`") } else { String::new() };
    InvalidUrl::new(format!("the database URL has an unknown parameter{name}"), known)
}

fn parameters(query: &str) -> Result<Vec<(String, String)>, InvalidUrl> {
    let mut pairs = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(InvalidUrl::new("a parameter of the database URL has no `=`", ESCAPE));
        };
        pairs.push((name.to_owned(), decode(value, "parameters")?.unwrap_or_default()));
    }
    Ok(pairs)
}

/// Percent-decodes one part; an empty part is none.
fn decode(text: &str, part: &str) -> Result<Option<String>, InvalidUrl> {
    let bytes = text.as_bytes();
    let escapes = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%');
    for (at, _) in escapes {
        let digits = bytes.get(at + 1..at + 3).unwrap_or_default();
        if digits.len() < 2 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(InvalidUrl::new(format!("a `%` in the {part} of the database URL is not an escape"), ESCAPE));
        }
    }
    let invalid = |what: &str| InvalidUrl::new(format!("the {part} of the database URL {what}"), ESCAPE);
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| invalid("is not UTF-8"))?;
    if decoded.contains('\0') {
        return Err(invalid("contains a NUL"));
    }
    Ok(Some(decoded.into_owned()).filter(|text| !text.is_empty()))
}

impl PostgresTarget {
    /// The password in clear, for the driver.
    pub(super) fn exposed_password(&self) -> Option<&str> {
        self.password.as_ref().map(ExposeSecret::expose_secret)
    }
}
