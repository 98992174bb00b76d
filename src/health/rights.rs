//! Checks whether the database role has every privilege that the service needs, as the server decides it.

use serde::Deserialize;

use super::check::{HealthCheck, HealthStatus};
use super::settings::SignIn;
use super::tagged_rows::TaggedRows;
use crate::db::{Backend, Connection, DatabaseUrl, Error};

/// Purpose of privileges without which no request is served.
const LOGIN: &str = "login";

/// Privileges that the role lacks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MissingRights {
    missing: Vec<MissingRight>,
    /// Tables with row-level security for this role.
    filtered: Vec<FilteredTable>,
    /// True if the role may change any table.
    may_write: bool,
}

/// A table with row-level security for this role.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct FilteredTable {
    table: String,
    /// True if a policy lets the role see rows.
    has_policy: bool,
}

/// A privilege that the service needs and the role lacks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct MissingRight {
    /// Privilege, for example `INSERT`.
    privilege: String,
    /// Object in SQL notation, for example `users` or `SEQUENCE users_id_seq`.
    object: String,
    /// Function that fails without the privilege.
    purpose: String,
}

impl MissingRights {
    /// Parses the rows of the report. `None` if the privileges were not read.
    pub(super) fn read(rows: &TaggedRows) -> Option<Self> {
        Some(Self {
            may_write: rows.first("may_write")?,
            missing: rows.all("missing_right").collect(),
            filtered: rows.all("row_security").collect(),
        })
    }

    /// Returns true if no account can log in.
    pub fn ends_logins(&self) -> bool {
        self.missing.iter().any(|right| right.purpose == LOGIN) || self.filtered.iter().any(|table| !table.has_policy)
    }

    /// Message about missing privileges and failing functions. `None` if nothing is missing.
    pub fn message(&self) -> Option<String> {
        let mut parts = Vec::new();
        let mut purposes: Vec<&str> = self.missing.iter().map(|right| right.purpose.as_str()).collect();
        purposes.sort_unstable();
        purposes.dedup();
        for purpose in purposes {
            let of_purpose = self.missing.iter().filter(|right| right.purpose == purpose);
            let rights: Vec<String> =
                of_purpose.map(|right| format!("{} ON {}", right.privilege, right.object)).collect();
            let fails = if purpose == LOGIN { "no account can log in" } else { purpose };
            let verb = if purpose == LOGIN { "" } else { " fail" };
            parts.push(format!("this role lacks {}: {fails}{verb}", rights.join(", ")));
        }
        for FilteredTable { table, has_policy } in &self.filtered {
            let effect = if *has_policy { "can hide rows" } else { "hides every row" };
            parts.push(format!("row security of {table} {effect} from this role"));
        }
        Some(parts.join("; ")).filter(|message| !message.is_empty())
    }

    /// Statements that grant the missing privileges to the role.
    pub fn hint(&self, role: &str) -> String {
        let grants =
            self.missing.iter().map(|right| format!("GRANT {} ON {} TO {role}", right.privilege, right.object));
        let mut steps: Vec<String> = grants.collect();
        if !self.filtered.is_empty() {
            steps.push(format!("ALTER ROLE {role} BYPASSRLS"));
        }
        format!("as owner of the tables: {}; docs/OPERATIONS.md lists every right of a service role", steps.join("; "))
    }
}

/// Reads the missing privileges of the role from the server. `None` for SQLite.
///
/// # Errors
/// Returns an error if the database does not answer.
pub async fn missing_rights(url: &DatabaseUrl) -> Result<Option<MissingRights>, Error> {
    if url.backend() == Backend::Sqlite {
        return Ok(None);
    }
    let mut connection = Connection::open(url).await?;
    let rows = connection.query(connection.backend().read_rights()).await;
    connection.hang_up().await;
    Ok(MissingRights::read(&TaggedRows::new(rows?)))
}

/// Check of the privileges. A command may run as a read-only role that is not the role of the service.
pub(super) fn check(rights: &MissingRights, url: &DatabaseUrl, sign_in: SignIn) -> HealthCheck {
    let Some(message) = rights.message() else {
        return HealthCheck::healthy("rights", "this role has every right that the service needs");
    };
    let is_served = sign_in != SignIn::NotServed;
    if !is_served && !rights.may_write {
        return HealthCheck::healthy("rights", "this role only reads; the service needs more");
    }
    let status = if is_served && rights.ends_logins() { HealthStatus::Unhealthy } else { HealthStatus::Degraded };
    HealthCheck::new("rights", status, message, rights.hint(&url.role().unwrap_or_default()))
}
