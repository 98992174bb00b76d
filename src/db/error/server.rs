//! Error of a server or of SQLite, with the fields that PostgreSQL sends in addition to its text.

use std::borrow::Cow;

use sqlx::error::DatabaseError;
use sqlx::postgres::{PgDatabaseError, PgErrorPosition};

use super::{DbErrorKind, Error, NO_CONNECTION, REFUSED, TLS_FAILED, UNKNOWN_HOST, rules};

/// SQLSTATEs whose detail contains the whole row: CHECK and NOT NULL. A row contains hashes of passwords and tokens.
const DETAIL_IS_A_ROW: [&str; 2] = ["23514", "23502"];

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

pub(super) fn from_server(error: &dyn DatabaseError) -> Error {
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
