//! Conversion of the drivers' errors, with the fields that PostgreSQL sends in addition to its text.

use std::borrow::Cow;
use std::io;

use sea_orm::{DbErr, RuntimeErr};
use sqlx::error::DatabaseError;
use sqlx::postgres::{PgDatabaseError, PgErrorPosition};

use super::hints::{BROKEN, NO_SOCKET, REFUSED, SOCKET, STORED_VALUE, UNKNOWN_HOST};
use super::kind::DbErrorKind;
use super::{Error, ErrorSubject, NO_CONNECTION, TLS_FAILED, rules};

/// SQLSTATEs whose detail contains the whole row: CHECK and NOT NULL. A row contains hashes of passwords and tokens.
const DETAIL_IS_A_ROW: [&str; 2] = ["23514", "23502"];

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

impl ErrorSubject {
    fn of(error: &PgDatabaseError) -> Self {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Self {
            table: owned(error.table()),
            column: owned(error.column()),
            constraint: owned(error.constraint()),
            context: owned(error.r#where()),
        }
    }
}

fn from_server(error: &dyn DatabaseError) -> Error {
    let code = error.code().unwrap_or(Cow::Borrowed(""));
    let postgres = error.try_downcast_ref::<PgDatabaseError>();
    let mut message = error.message().to_owned();
    if let Some(error) = of_tunnel(&code, &message) {
        return error;
    }
    let (kind, hint) = match postgres {
        Some(_) => {
            rules::of_postgres(&code, &message).map_or((DbErrorKind::Refused, None), |rule| (rule.kind, rule.hint))
        }
        None => rules::of_sqlite(&code),
    };
    let detail = postgres.and_then(PgDatabaseError::detail);
    if let Some(detail) = detail.filter(|_| !DETAIL_IS_A_ROW.contains(&&*code)) {
        message = format!("{message}: {detail}");
    }
    let position = postgres.and_then(PgDatabaseError::position).and_then(|position| match position {
        PgErrorPosition::Original(at) => Some(at),
        PgErrorPosition::Internal { .. } => None,
    });
    let subject = postgres.map(ErrorSubject::of).filter(|subject| *subject != ErrorSubject::default()).map(Box::new);
    let code = (!code.is_empty()).then(|| Box::from(&*code));
    Error { kind, message, code, position, hint, subject }
}

/// Returns the error that a tunnel reported; `None` if a server reported it.
fn of_tunnel(code: &str, message: &str) -> Option<Error> {
    match code {
        TLS_FAILED => Some(Error::new(DbErrorKind::Tls, message)),
        NO_CONNECTION => {
            let hints = [("Connection refused", REFUSED), ("failed to lookup address", UNKNOWN_HOST)];
            let hint = hints.iter().find(|(text, _)| message.contains(text)).map(|(_, hint)| *hint);
            Some(Error { hint, ..Error::new(DbErrorKind::Unreachable, message) })
        }
        _ => None,
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
