//! Connects to the first of several servers that answers and has the wanted role, as libpq does.
//!
//! It tries one server after the other, each for at most `connect_timeout`. If any server is accepted, it sends no
//! query, so that a URL with one host has no extra cost. A server that refuses the user ends the search, because the
//! next server would refuse the user too. A missing database does not end the search, because it may not have reached a
//! standby yet.

use sqlx::postgres::PgConnection;

use super::connection_ways::ConnectionWays;
use super::error::{DbErrorKind, Error};
use super::server_role;
use super::url::{Host, HostOrder, PostgresTarget, SessionAttrs};

/// Connection to the first server that answers and has the wanted role.
pub(super) struct FoundServer {
    /// Index of the server among the hosts of the URL, from 0.
    pub(super) host: usize,
    pub(super) connection: PgConnection,
}

/// Connects to the first suitable server.
///
/// # Errors
/// Returns the error of the only host, or a summary with each host by name.
pub(super) async fn connect(target: &PostgresTarget) -> Result<FoundServer, Error> {
    let attrs = target.session_attrs;
    if attrs != SessionAttrs::PreferStandby {
        return connect_to_first(target, attrs).await;
    }
    match connect_to_first(target, SessionAttrs::Standby).await {
        Err(error) if !is_final(&error) => connect_to_first(target, SessionAttrs::Any).await,
        done => done,
    }
}

async fn connect_to_first(target: &PostgresTarget, attrs: SessionAttrs) -> Result<FoundServer, Error> {
    let mut refusals = Vec::new();
    let mut hosts: Vec<(usize, &Host)> = target.hosts.iter().enumerate().collect();
    if target.order == HostOrder::Random {
        fastrand::shuffle(&mut hosts);
    }
    for (at, host) in hosts {
        match try_one(target, host, attrs).await {
            Ok(connection) => return Ok(FoundServer { host: at, connection }),
            Err(error) => {
                let is_final = is_final(&error);
                refusals.push((host, error));
                if is_final {
                    break;
                }
            }
        }
    }
    Err(summary(refusals, target.hosts.len()))
}

/// Returns true if another host would refuse the connection for the same reason.
fn is_final(error: &Error) -> bool {
    error.kind() == DbErrorKind::Authentication
}

async fn try_one(target: &PostgresTarget, host: &Host, attrs: SessionAttrs) -> Result<PgConnection, Error> {
    let ways = ConnectionWays::new(target, host);
    let attempt = async {
        let mut connection = ways.connect().await?;
        check_version(connection.server_version_num())?;
        match server_role::mismatch(&mut connection, attrs).await? {
            None => Ok(connection),
            Some(refusal) => {
                // the farewell is sent if possible, without waiting for it
                drop(connection);
                Err(refusal)
            }
        }
    };
    tokio::time::timeout(target.connect_timeout, attempt)
        .await
        .unwrap_or_else(|_| Err(Error::timed_out(target.connect_timeout)))
}

/// Oldest supported server version, in the format of `server_version_num`.
const OLDEST: u32 = 130_000;

/// Refuses a server that is too old, before any query. A version that is not a number is accepted: the server itself
/// then reports what it lacks.
fn check_version(version: Option<u32>) -> Result<(), Error> {
    let Some(version) = version.filter(|version| *version < OLDEST) else { return Ok(()) };
    let (major, minor) = (version / 10_000, version % 10_000);
    let found = if major < 10 { format!("{major}.{}", minor / 100) } else { format!("{major}.{minor}") };
    Err(Error::new(
        DbErrorKind::Refused,
        format!("the server is PostgreSQL {found}; authsvc needs PostgreSQL 13 or newer"),
    ))
}

/// Returns the error of the only host unchanged. For several hosts it lists each with its reason, with the kind that
/// waiting can resolve first.
fn summary(refusals: Vec<(&Host, Error)>, hosts: usize) -> Error {
    let told: Vec<String> = refusals.iter().map(|(host, error)| format!("{host}: {error}")).collect();
    let told = format!("none of the {hosts} hosts can be used: {}", told.join("; "));
    let errors = refusals.into_iter().map(|(_, error)| error);
    // the error that ended the search counts; otherwise one that waiting can resolve
    let worst = errors.reduce(|kept, next| if is_final(&next) || !kept.is_transient() { next } else { kept });
    match worst {
        Some(error) if hosts == 1 => error,
        Some(error) => error.with_message(told),
        None => Error::new(DbErrorKind::Refused, "the database URL names no host"),
    }
}
