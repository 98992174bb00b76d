//! Database errors: kind, message of the server, SQLSTATE, and a hint for the operator.

mod cause;
mod conversion;
mod hints;
mod kind;
mod pgbouncer;
mod rules;

use std::fmt;
use std::time::Duration;

use super::Backend;
pub use kind::DbErrorKind;

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

/// Object that an error of PostgreSQL names, as fields that do not depend on the language of its messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ErrorSubject {
    /// Name of the table.
    pub(crate) table: Option<String>,
    /// Name of the column.
    pub(crate) column: Option<String>,
    /// Name of the constraint, or of the index behind it.
    pub(crate) constraint: Option<String>,
    /// Context of the error, such as `COPY users, line 3, column email: "x"`.
    pub(crate) context: Option<String>,
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
        Self { hint: Some(hints::MISSING_RIGHTS), ..Self::new(DbErrorKind::PermissionDenied, message) }
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
        Self { kind: DbErrorKind::ReadOnlySetting, hint: Some(hints::of_setting(source)), ..self }
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
        let hint = self.hint.or_else(|| hints::of_kind(self.kind))?;
        let object = rules::object(&self.message).map_or_else(|| "name".to_owned(), quoted);
        Some(hint.replace(rules::OBJECT, &object))
    }

    /// Replaces `YOUR_ROLE` in a hint with the role.
    pub fn hint_for(hint: &str, role: Option<&str>) -> String {
        role.map_or_else(|| hint.to_owned(), |role| hint.replace(rules::ROLE, &quoted(role)))
    }

    /// Builds the error that a server, a pooler or SQLite reports with this code. SQLSTATEs have five characters, and
    /// the codes of SQLite at most four.
    #[doc(hidden)]
    pub fn of_code(code: &str, message: &str) -> Self {
        let (kind, hint) = match code.len() {
            5 => {
                rules::of_postgres(code, message).map_or((DbErrorKind::Refused, None), |cause| (cause.kind, cause.hint))
            }
            _ => rules::of_sqlite(code),
        };
        Self { hint, code: Some(code.into()), ..Self::new(kind, message) }
    }

    /// Returns every hint that an error can have, for the document that lists them.
    pub fn hints() -> Vec<&'static str> {
        hints::of_errors().chain(rules::hints()).collect()
    }
}

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

#[cfg(test)]
mod tests;
