//! Check of a server's role: whether it is a primary or a standby, and whether it accepts writes. `/readyz` sends it, and
//! so does the search for a server.

use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use super::Backend;
use super::error::{DbErrorKind, Error};
use super::url::SessionAttrs;

/// Returns why the server does not have the wanted role; `None` if it does.
pub(super) async fn mismatch(connection: &mut PgConnection, attrs: SessionAttrs) -> Result<Option<Error>, sqlx::Error> {
    let question = match attrs {
        SessionAttrs::Any | SessionAttrs::PreferStandby => return Ok(None),
        SessionAttrs::ReadWrite | SessionAttrs::ReadOnly => "SHOW transaction_read_only",
        SessionAttrs::Primary | SessionAttrs::Standby => "SELECT pg_is_in_recovery()::text",
    };
    let answer: String = sqlx::raw_sql(question).fetch_one(&mut *connection).await?.try_get_unchecked(0)?;
    let is_replica = matches!(answer.as_str(), "on" | "true");
    if is_replica && attrs == SessionAttrs::ReadWrite {
        return read_only(connection).await.map(Some);
    }
    let refusal = match attrs {
        SessionAttrs::Primary if is_replica => Some((DbErrorKind::ReadOnly, "the server is a standby")),
        SessionAttrs::ReadOnly if !is_replica => Some((DbErrorKind::NotReady, "the server is not read-only")),
        SessionAttrs::Standby if !is_replica => Some((DbErrorKind::NotReady, "the server is not a standby")),
        _ => None,
    };
    Ok(refusal.map(|(kind, message)| Error::new(kind, message)))
}

/// Returns why a server accepts no writes: it is a standby, or a setting makes it read-only.
async fn read_only(connection: &mut PgConnection) -> Result<Error, sqlx::Error> {
    let found = sqlx::raw_sql(Backend::Postgres.read_only_source()).fetch_optional(connection).await?;
    let Some(row) = found else { return Ok(Error::new(DbErrorKind::ReadOnly, "the server is read-only")) };
    let source: String = row.try_get_unchecked(0)?;
    let message = format!("the server is read-only: default_transaction_read_only is on (set by: {source})");
    Ok(Error::new(DbErrorKind::ReadOnly, message).by_setting(&source))
}
