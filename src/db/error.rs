//! Database errors: kind, message of the server, SQLSTATE, and a hint for the operator.

use std::fmt;
use std::io;
use std::time::Duration;

use sea_orm::{DbErr, RuntimeErr};

use super::Backend;

mod pgbouncer;
mod rules;
mod server;

pub(crate) use server::ErrorSubject;

/// Failure to reach or use the database. Its text never contains a password: it consists of the server's message and
/// the redacted URL.
#[derive(Debug, Clone)]
pub struct Error {
    kind: DbErrorKind,
    message: String,
    code: Option<Box<str>>,
    position: Option<usize>,
    /// Hint for this particular code; `None` selects the hint of the kind.
    hint: Option<&'static str>,
    /// Table, column and constraint, if PostgreSQL names them.
    subject: Option<Box<ErrorSubject>>,
}

/// Kind of a failure. Failures of one kind have a common remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DbErrorKind {
    /// The server does not answer: it is not running, its name is unknown, or the connection was reset or timed out.
    Unreachable,
    /// The server is starting, is stopping, or is in recovery.
    NotReady,
    /// The server has no free connection slot.
    TooManyConnections,
    /// User or password is wrong, or the server refuses this host.
    Authentication,
    /// The database does not exist.
    NoSuchDatabase,
    /// The SQLite file does not exist.
    NoSuchFile,
    /// The SQLite file cannot be opened or created.
    CannotOpen,
    /// The SQLite file is not a database, or is damaged.
    Corrupt,
    /// The role or the file's permissions do not allow the operation.
    PermissionDenied,
    /// The server accepts no writes: a standby, or a primary that was demoted.
    ReadOnly,
    /// A setting makes transactions read-only on a server that accepts writes.
    ReadOnlySetting,
    /// The disk of the server, or of the SQLite file, is full.
    DiskFull,
    /// Reading or writing the disk of the server, or of the SQLite file, failed.
    Storage,
    /// A timeout or an administrator ended the statement or the session.
    Interrupted,
    /// The statement conflicts with recovery: the standby is removing data that the statement reads, as its primary
    /// did.
    Conflict,
    /// A prepared statement is missing or is a different one, because a pooler gave the connection to another client.
    PreparedStatementLost,
    /// Another session or process did not release its lock in time.
    Locked,
    /// A table does not exist.
    UndefinedTable,
    /// The server's certificate or the TLS negotiation failed.
    Tls,
    /// Any other refusal by the server.
    Refused,
}

/// SQLSTATE that a tunnel returns if TLS fails. No server uses it.
pub(super) const TLS_FAILED: &str = "08T01";
/// SQLSTATE that a tunnel returns if it cannot connect. Servers do not return it.
pub(super) const NO_CONNECTION: &str = "08001";

impl Error {
    pub(crate) fn new(kind: DbErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), code: None, position: None, hint: None, subject: None }
    }

    /// Replaces the message and keeps the kind of failure.
    pub(crate) fn with_message(self, message: String) -> Self {
        Self { message, code: None, position: None, ..self }
    }

    /// Builds the error of an answer that did not arrive within `patience`.
    pub(crate) fn timed_out(patience: Duration) -> Self {
        Self::new(DbErrorKind::Unreachable, format!("no answer within {}", humantime::format_duration(patience)))
    }

    /// Builds the error of a role without the rights that the program needs.
    pub(crate) fn missing_rights(message: String) -> Self {
        Self { hint: Some(MISSING_RIGHTS), ..Self::new(DbErrorKind::PermissionDenied, message) }
    }

    /// Builds the error of a change that was not completed in time. On SQLite another process of this machine holds the
    /// file locked.
    pub(crate) fn write_timed_out(backend: Backend, patience: Duration) -> Self {
        match backend {
            Backend::Postgres => Self::timed_out(patience),
            Backend::Sqlite => Self::locked_file(format!(
                "the SQLite file remained locked for {}",
                humantime::format_duration(patience)
            )),
        }
    }

    /// Builds the error of a SQLite file, or a file beside it, that another process holds locked.
    pub(super) fn locked_file(message: impl Into<String>) -> Self {
        Self { hint: Some(rules::SQLITE_LOCKED), ..Self::new(DbErrorKind::Locked, message) }
    }

    /// Changes the error to one whose cause is a setting that makes transactions read-only.
    pub(super) fn by_setting(self, source: &str) -> Self {
        let of_source = SETTINGS.iter().find(|(name, _)| *name == source);
        let hint = of_source.map_or(READ_ONLY_SETTING, |(_, hint)| hint);
        Self { kind: DbErrorKind::ReadOnlySetting, hint: Some(hint), ..self }
    }

    /// Returns the kind of failure.
    pub fn kind(&self) -> DbErrorKind {
        self.kind
    }

    /// Returns the SQLSTATE of PostgreSQL, or SQLite's extended result code.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// Returns the position of the error in the query's text, in characters from 1, if PostgreSQL reported it.
    pub fn position(&self) -> Option<usize> {
        self.position
    }

    /// Returns the table, column and constraint, if PostgreSQL names them.
    pub(crate) fn subject(&self) -> Option<&ErrorSubject> {
        self.subject.as_deref()
    }

    /// Returns true if waiting can resolve the failure. The program does not retry after any other failure.
    pub fn is_transient(&self) -> bool {
        matches!(
            self.kind,
            DbErrorKind::Unreachable
                | DbErrorKind::NotReady
                | DbErrorKind::TooManyConnections
                | DbErrorKind::Locked
                | DbErrorKind::ReadOnly
        )
    }

    /// Returns true if stored data is damaged.
    pub fn is_damage(&self) -> bool {
        self.kind == DbErrorKind::Corrupt || matches!(self.code(), Some("XX001" | "XX002"))
    }

    /// Returns true if no server answered. The failure can then not be recorded in the database.
    pub fn is_unreachable(&self) -> bool {
        !matches!(
            self.kind,
            DbErrorKind::Locked
                | DbErrorKind::PermissionDenied
                | DbErrorKind::UndefinedTable
                | DbErrorKind::Conflict
                | DbErrorKind::PreparedStatementLost
                | DbErrorKind::ReadOnlySetting
                | DbErrorKind::DiskFull
                | DbErrorKind::Storage
                | DbErrorKind::Interrupted
                | DbErrorKind::Refused
        )
    }

    /// Returns the hint for the operator. `YOUR_ROLE` stands for the role of `DATABASE_URL`.
    pub fn hint(&self) -> Option<String> {
        let hint = self.hint.or_else(|| of_kind(self.kind))?;
        let object = rules::object(&self.message).map_or_else(|| "name".to_owned(), quoted);
        Some(hint.replace(rules::OBJECT, &object))
    }

    /// Replaces `YOUR_ROLE` in a hint with the role.
    pub fn hint_for(hint: &str, role: Option<&str>) -> String {
        role.map_or_else(|| hint.to_owned(), |role| hint.replace(rules::ROLE, &quoted(role)))
    }

    /// Returns every hint that an error can have, for the document that lists them.
    pub fn hints() -> Vec<&'static str> {
        let kinds = KINDS.iter().filter_map(|kind| of_kind(*kind));
        let of_network = [STORED_VALUE, SOCKET, NO_SOCKET, REFUSED, BROKEN, UNKNOWN_HOST, MISSING_RIGHTS];
        kinds.chain(of_network).chain(SETTINGS.map(|(_, hint)| hint)).chain(rules::hints()).collect()
    }
}

const STORED_VALUE: &str =
    "correct that value; `authsvc status --check` names the constraint that is missing and would have refused it";
const SOCKET: &str = "let this user use the server's socket, or correct `host` in DATABASE_URL";
const NO_SOCKET: &str = "no server listens on this socket: start it, or correct `host` in DATABASE_URL";
const REFUSED: &str =
    "check that the server runs and listens there (listen_addresses), and that host and port are right";
const BROKEN: &str = "the connection broke: see the server's log for that time, and the network between";
const UNKNOWN_HOST: &str =
    "the name of the host is unknown: correct it in DATABASE_URL, or see DNS and /etc/hosts here";

const MISSING_RIGHTS: &str =
    "grant the rights that the message names: docs/OPERATIONS.md lists every right of a service role";

const READ_ONLY_SETTING: &str = "no failover changes this: find default_transaction_read_only in postgresql.conf, ALTER SYSTEM, the role and the \
     database, and reset it; a provider sets it when the disk is full";

/// Sources of `default_transaction_read_only`, as `pg_settings.source` prints them, and the hint for each.
const SETTINGS: [(&str, &str); 3] = [
    ("user", "no failover changes this; as a superuser: ALTER ROLE YOUR_ROLE RESET default_transaction_read_only"),
    (
        "database",
        "no failover changes this; as owner of the database: ALTER DATABASE name RESET default_transaction_read_only",
    ),
    (
        "database user",
        "no failover changes this; as a superuser: ALTER ROLE YOUR_ROLE IN DATABASE name RESET default_transaction_read_only",
    ),
];

/// Returns the hint for a kind of failure, for errors without a hint of their own.
fn of_kind(kind: DbErrorKind) -> Option<&'static str> {
    match kind {
        DbErrorKind::Unreachable => Some("check that the server runs and that host and port are right"),
        DbErrorKind::NotReady => Some("wait until the server has started, then run the command again"),
        DbErrorKind::TooManyConnections => Some("raise max_connections, or put a pooler in front of the server"),
        DbErrorKind::Authentication => Some("check user and password of DATABASE_URL, and pg_hba.conf on the server"),
        DbErrorKind::NoSuchDatabase => Some("create the database (createdb NAME), or correct its name in DATABASE_URL"),
        DbErrorKind::NoSuchFile => Some("correct the path in DATABASE_URL, or add ?mode=rwc to create the file"),
        DbErrorKind::CannotOpen => {
            Some("check the path in DATABASE_URL, and the permissions of the file and its directory")
        }
        DbErrorKind::Corrupt => Some("restore a backup; keep the damaged file for inspection"),
        DbErrorKind::PermissionDenied => Some("use a role or file permissions that allow this"),
        DbErrorKind::ReadOnly => {
            Some("name every server in DATABASE_URL, with target_session_attrs=read-write, or wait for the failover")
        }
        DbErrorKind::ReadOnlySetting => Some(READ_ONLY_SETTING),
        DbErrorKind::DiskFull => Some("free space on the disk of the database, then run the command again"),
        DbErrorKind::Storage => Some("the disk of the database fails: see the server's log and the kernel's log"),
        DbErrorKind::Interrupted => {
            Some("raise or reset the timeout that the message names, then run the command again")
        }
        DbErrorKind::Conflict => Some(
            "run it again; on the standby set hot_standby_feedback = on or raise max_standby_streaming_delay, or use the primary",
        ),
        DbErrorKind::PreparedStatementLost => Some(
            "add prepared_statements=false to DATABASE_URL, or use PgBouncer 1.21 with max_prepared_statements, or its session mode",
        ),
        DbErrorKind::Locked => Some("find who holds the lock, then run the command again"),
        DbErrorKind::Tls => Some("check sslmode and sslrootcert of DATABASE_URL"),
        DbErrorKind::UndefinedTable | DbErrorKind::Refused => None,
    }
}

const KINDS: [DbErrorKind; 20] = [
    DbErrorKind::Unreachable,
    DbErrorKind::NotReady,
    DbErrorKind::TooManyConnections,
    DbErrorKind::Authentication,
    DbErrorKind::NoSuchDatabase,
    DbErrorKind::NoSuchFile,
    DbErrorKind::CannotOpen,
    DbErrorKind::Corrupt,
    DbErrorKind::PermissionDenied,
    DbErrorKind::ReadOnly,
    DbErrorKind::ReadOnlySetting,
    DbErrorKind::DiskFull,
    DbErrorKind::Storage,
    DbErrorKind::Interrupted,
    DbErrorKind::Conflict,
    DbErrorKind::PreparedStatementLost,
    DbErrorKind::Locked,
    DbErrorKind::Tls,
    DbErrorKind::UndefinedTable,
    DbErrorKind::Refused,
];

/// Quotes an identifier for SQL if it needs quotes.
fn quoted(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let is_plain = name.bytes().all(is_plain) && !name.starts_with(|first: char| first.is_ascii_digit());
    if is_plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.code {
            Some(code) => write!(f, " ({code})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::from(&error)
    }
}

impl From<&sqlx::Error> for Error {
    fn from(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => server::from_server(error.as_ref()),
            sqlx::Error::Io(error) => from_io(error),
            sqlx::Error::Tls(error) => Self::new(DbErrorKind::Tls, format!("TLS failed: {error}")),
            sqlx::Error::ColumnDecode { index, source } => Self {
                hint: Some(STORED_VALUE),
                ..Self::new(DbErrorKind::Refused, format!("a stored value of {index} cannot be read: {source}"))
            },
            sqlx::Error::PoolTimedOut => Self::new(DbErrorKind::Unreachable, "timed out waiting for a free connection"),
            sqlx::Error::PoolClosed => Self::new(DbErrorKind::Unreachable, "the connections were closed"),
            other => Self::new(DbErrorKind::Refused, other.to_string()),
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let rusqlite::Error::SqliteFailure(failure, message) = &error else {
            return Self::new(DbErrorKind::Refused, error.to_string());
        };
        let code = failure.extended_code.to_string();
        let message = message.clone().unwrap_or_else(|| error.to_string());
        let (kind, hint) = rules::of_sqlite(&code);
        Self { kind, message, code: Some(code.into()), position: None, hint, subject: None }
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        match &error {
            DbErr::Conn(RuntimeErr::SqlxError(error))
            | DbErr::Exec(RuntimeErr::SqlxError(error))
            | DbErr::Query(RuntimeErr::SqlxError(error)) => Self::from(error.as_ref()),
            DbErr::ConnectionAcquire(_) => {
                Self::new(DbErrorKind::Unreachable, "timed out waiting for a free connection")
            }
            other => Self::new(DbErrorKind::Refused, other.to_string()),
        }
    }
}

/// Message for a certificate of an old version. Only modes that verify the certificate report it.
const OLD_CERTIFICATE: &str = "TLS failed: the server's certificate is of X.509 version 1 or 2, and a certificate that is to be \
                               verified has to be of version 3 (UnsupportedCertVersion): make a new one (`openssl req -x509 -addext \
                               subjectAltName=DNS:HOST` makes version 3), or write sslmode=require without sslrootcert, which \
                               verifies nothing";

fn from_io(error: &io::Error) -> Error {
    let (kind, hint) = match error.kind() {
        io::ErrorKind::PermissionDenied => (DbErrorKind::PermissionDenied, Some(SOCKET)),
        // rustls reports certificate errors as `InvalidData`
        io::ErrorKind::InvalidData => (DbErrorKind::Tls, None),
        io::ErrorKind::ConnectionRefused => (DbErrorKind::Unreachable, Some(REFUSED)),
        io::ErrorKind::NotFound => (DbErrorKind::Unreachable, Some(NO_SOCKET)),
        io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe => {
            (DbErrorKind::Unreachable, Some(BROKEN))
        }
        _ if error.to_string().contains("failed to lookup address") => (DbErrorKind::Unreachable, Some(UNKNOWN_HOST)),
        _ => (DbErrorKind::Unreachable, None),
    };
    let text = error.to_string();
    if text.contains("UnsupportedCertVersion") {
        return Error::new(kind, OLD_CERTIFICATE);
    }
    Error { hint, ..Error::new(kind, format!("no connection: {text}")) }
}

#[cfg(test)]
mod tests;
