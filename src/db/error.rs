//! What a database refused, by kind, with the server's own words, its SQLSTATE and what to do.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::time::Duration;

use sea_orm::{DbErr, RuntimeErr};
use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;

/// A failure to reach or use the database. Its text never holds a password: it is made of the server's message and of
/// the redacted URL.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    message: String,
    code: Option<String>,
    position: Option<usize>,
}

/// What kind of failure, by what can be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No answer: not started, not resolved, reset, timed out.
    Unreachable,
    /// The server is starting, stopping or in recovery.
    NotReady,
    /// No connection slot is free.
    TooManyConnections,
    /// User or password is wrong, or this host may not connect.
    Authentication,
    /// The database does not exist.
    NoSuchDatabase,
    /// The SQLite file does not exist.
    NoSuchFile,
    /// The SQLite file cannot be opened or created.
    CannotOpen,
    /// The SQLite file is not a database, or is damaged.
    Corrupt,
    /// The role or the file's permissions do not allow it.
    PermissionDenied,
    /// The server takes no writes: a standby, or a primary that was demoted.
    ReadOnly,
    /// What a standby was reading is being removed: it follows its primary.
    Conflict,
    /// A prepared statement is not there, or another one is: a pooler gave the connection to somebody else meanwhile.
    Unprepared,
    /// Somebody else's lock was not released in time.
    Locked,
    /// A table is not there.
    UndefinedTable,
    /// Certificate or negotiation of TLS failed.
    Tls,
    /// Anything else the server refused.
    Refused,
}

impl Error {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), code: None, position: None }
    }

    /// The same kind of failure, told otherwise.
    pub(crate) fn retold(self, message: String) -> Self {
        Self { message, code: None, position: None, ..self }
    }

    /// There was no answer in time.
    pub(crate) fn late(patience: Duration) -> Self {
        Self::new(Kind::Unreachable, format!("no answer within {}", humantime::format_duration(patience)))
    }

    /// The kind of failure.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// SQLSTATE of PostgreSQL, or SQLite's extended result code.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// Where in the query's text, in characters from 1, PostgreSQL saw the error.
    pub fn position(&self) -> Option<usize> {
        self.position
    }

    /// Whether waiting can heal it. Everything else fails at once.
    pub fn is_transient(&self) -> bool {
        matches!(
            self.kind,
            Kind::Unreachable | Kind::NotReady | Kind::TooManyConnections | Kind::Locked | Kind::ReadOnly
        )
    }

    /// Whether what is stored is damaged.
    pub fn is_damage(&self) -> bool {
        self.kind == Kind::Corrupt || matches!(self.code(), Some("XX001" | "XX002"))
    }

    /// Whether there was nobody to speak with, so that nothing can be told to the database either.
    pub fn is_unreachable(&self) -> bool {
        !matches!(
            self.kind,
            Kind::Locked
                | Kind::PermissionDenied
                | Kind::UndefinedTable
                | Kind::Conflict
                | Kind::Unprepared
                | Kind::Refused
        )
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Unreachable => Some("check that the server runs and that host and port are right"),
            Kind::NotReady => Some("wait until the server has started, then run the command again"),
            Kind::TooManyConnections => Some("raise max_connections, or put a pooler in front of the server"),
            Kind::Authentication => Some("check user and password of DATABASE_URL, and pg_hba.conf on the server"),
            Kind::NoSuchDatabase => Some("create the database (createdb NAME), or correct its name in DATABASE_URL"),
            Kind::NoSuchFile => Some("correct the path in DATABASE_URL, or add ?mode=rwc to create the file"),
            Kind::CannotOpen => {
                Some("check the path in DATABASE_URL, and the permissions of the file and its directory")
            }
            Kind::Corrupt => Some("restore a backup; keep the damaged file for inspection"),
            Kind::PermissionDenied => Some("use a role or file permissions that allow this"),
            Kind::ReadOnly => Some(
                "if default_transaction_read_only is on for the server, the database or the role, writing was switched off there on purpose: reset it when writing may go on; else name every server in DATABASE_URL, with target_session_attrs=read-write, or wait for the failover",
            ),
            Kind::Conflict => Some(
                "run it again; on the standby set hot_standby_feedback = on or raise max_standby_streaming_delay, or use the primary",
            ),
            Kind::Unprepared => Some(
                "add prepared_statements=false to DATABASE_URL, or use PgBouncer 1.21 with max_prepared_statements, or its session mode",
            ),
            Kind::Locked => Some("find who holds the lock, then run the command again"),
            Kind::Tls => Some("check sslmode and sslrootcert of DATABASE_URL"),
            Kind::UndefinedTable | Kind::Refused => None,
        }
    }
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
            sqlx::Error::Database(error) => from_server(error.as_ref()),
            sqlx::Error::Io(error) => from_io(error),
            sqlx::Error::Tls(error) => Self::new(Kind::Tls, format!("TLS failed: {error}")),
            sqlx::Error::PoolTimedOut => Self::new(Kind::Unreachable, "no connection was free in time"),
            sqlx::Error::PoolClosed => Self::new(Kind::Unreachable, "the connections were closed"),
            other => Self::new(Kind::Refused, other.to_string()),
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let rusqlite::Error::SqliteFailure(failure, message) = &error else {
            return Self::new(Kind::Refused, error.to_string());
        };
        let code = failure.extended_code.to_string();
        let message = message.clone().unwrap_or_else(|| error.to_string());
        Self { kind: sqlite_kind(&code), message, code: Some(code), position: None }
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        match &error {
            DbErr::Conn(RuntimeErr::SqlxError(error))
            | DbErr::Exec(RuntimeErr::SqlxError(error))
            | DbErr::Query(RuntimeErr::SqlxError(error)) => Self::from(error.as_ref()),
            DbErr::ConnectionAcquire(_) => Self::new(Kind::Unreachable, "no connection was free in time"),
            other => Self::new(Kind::Refused, other.to_string()),
        }
    }
}

fn from_io(error: &io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::PermissionDenied => Kind::PermissionDenied,
        // what rustls says of certificates comes as this
        io::ErrorKind::InvalidData => Kind::Tls,
        _ => Kind::Unreachable,
    };
    Error::new(kind, format!("no connection: {error}"))
}

fn from_server(error: &dyn DatabaseError) -> Error {
    let code = error.code().unwrap_or(Cow::Borrowed(""));
    let postgres = error.try_downcast_ref::<PgDatabaseError>();
    let kind = if postgres.is_some() { postgres_kind(&code) } else { sqlite_kind(&code) };
    let mut message = error.message().to_owned();
    if let Some(detail) = postgres.and_then(PgDatabaseError::detail) {
        message = format!("{message}: {detail}");
    }
    let position = postgres.and_then(PgDatabaseError::position).and_then(|position| match position {
        sqlx::postgres::PgErrorPosition::Original(at) => Some(at),
        sqlx::postgres::PgErrorPosition::Internal { .. } => None,
    });
    Error { kind, message, code: Some(code.into_owned()).filter(|code| !code.is_empty()), position }
}

/// By SQLSTATE, or by its class.
fn postgres_kind(code: &str) -> Kind {
    match code {
        "28P01" | "28000" => Kind::Authentication,
        "3D000" => Kind::NoSuchDatabase,
        "42501" => Kind::PermissionDenied,
        "42P01" => Kind::UndefinedTable,
        "53300" => Kind::TooManyConnections,
        "55P03" | "40P01" => Kind::Locked,
        "57P01" | "57P02" | "57P03" => Kind::NotReady,
        // PgBouncer says all of its own troubles (server down, pool full, login failed) with this one
        "08P01" => Kind::Unreachable,
        "25006" => Kind::ReadOnly,
        // nothing here is serializable: what fails so fails by recovery
        "40001" => Kind::Conflict,
        "26000" | "42P05" => Kind::Unprepared,
        _ if code.starts_with("08") => Kind::Unreachable,
        _ => Kind::Refused,
    }
}

/// By SQLite's primary result code, the low byte of the extended one.
fn sqlite_kind(code: &str) -> Kind {
    match code.parse::<u32>().unwrap_or(1) & 0xff {
        5 | 6 => Kind::Locked,
        3 | 8 => Kind::PermissionDenied,
        11 | 26 => Kind::Corrupt,
        14 => Kind::CannotOpen,
        _ => Kind::Refused,
    }
}
