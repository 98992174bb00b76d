//! Settings and schema that the program's SQL depends on. They are pinned on every connection to PostgreSQL, whatever
//! the server, the database or the role sets.
//!
//! There are two forms. [`prologue`] precedes the statements of a batch, or is the first statement of a transaction. It
//! lasts as long as that transaction, costs no round trip, and works behind a transaction-pooling PgBouncer.
//! [`session`] runs on each new connection of a pool, so that requests have no further cost. Behind such a pooler it
//! may not last. Requests therefore send values only as parameters, read them in binary form, and begin transactions
//! with their isolation level.
//!
//! A `search_path` that another program left on a pooled connection has no effect. The history is first searched for in
//! the path of the role and the database, and a new database begins there. If both paths lead to a history,
//! [`Home::check`] names both. Every transaction of a request sets the schema that its pool found ([`begin_request`]).
//!
//! The schema is the one with `authsvc_migrations`, else the one with `migration_records`, else the first schema of the
//! role's `search_path`. A schema with the role's name counts only if the role may create objects in it. With another
//! rule, tables would be created where [`Home::check`] then refuses them. `pg_temp` comes last, so that no temporary
//! table hides a table of the program.
//!
//! These settings are not pinned, because the operator decides them:
//! - `default_transaction_read_only`: a database that is read-only on purpose remains so, and the error names the
//!   setting;
//! - `statement_timeout` and `lock_timeout` of requests, `default_tablespace`, `default_table_access_method`,
//!   `synchronous_commit` and settings of the planner;
//! - settings that only a superuser may change, except `session_replication_role`: with another value, foreign keys and
//!   triggers have no effect. A role that may not reset it is refused.
//!
//! To pin one more setting, add a line to one of the two lists, and one to `tests/it/settings_matrix.rs`.

use super::error::{DbErrorKind, Error};

/// Settings that change the meaning of the program's SQL, or of what the server prints.
const MEANING: [(&str, &str); 15] = [
    // backslashes in a literal
    ("standard_conforming_strings", "on"),
    // names and expressions, as the catalogue prints them
    ("quote_all_identifiers", "off"),
    // texts and bytes: the program reads no other encoding
    ("client_encoding", "'UTF8'"),
    // values in defaults, backups and reports, as they are printed and read
    ("DateStyle", "'ISO, YMD'"),
    ("IntervalStyle", "'postgres'"),
    ("TimeZone", "'UTC'"),
    ("bytea_output", "'hex'"),
    ("extra_float_digits", "3"),
    ("xmloption", "'content'"),
    // NULL in arrays and comparisons
    ("array_nulls", "on"),
    ("transform_null_equals", "off"),
    // a policy hides rows without an error; a backup and a migration turn this off
    ("row_security", "on"),
    // a function body with a mistake is refused when the function is created
    ("check_function_bodies", "on"),
    // an error ends a statement, not the session
    ("exit_on_error", "off"),
    // one snapshot for each statement: a longer one would block CREATE INDEX CONCURRENTLY
    ("default_transaction_isolation", "'read committed'"),
];

/// Time limits that are lifted for work with its own limits. Newer servers have more of them ([`PIN_SCHEMA`]).
const LIMITS: [(&str, &str); 3] =
    [("statement_timeout", "0"), ("lock_timeout", "0"), ("idle_in_transaction_session_timeout", "0")];

const ASSUME_OWNER: &str = include_str!("postgres/assume_owner.sql");
const PIN_SCHEMA: &str = include_str!("postgres/pin_schema.sql");

/// Scope of a pinned setting.
#[derive(Clone, Copy)]
enum Lasting {
    Transaction,
    Session,
}

/// Returns the settings of a transaction that sets its own search_path.
pub(crate) fn transaction_settings() -> String {
    set(&MEANING, Lasting::Transaction) + &set(&LIMITS, Lasting::Transaction)
}

/// Returns a statement that lifts, for a transaction, the limits which only newer servers have.
pub(crate) fn lift_newer_limits(version: Option<u32>) -> &'static str {
    if version.is_some_and(|version| version >= 170_000) { "SET LOCAL transaction_timeout = 0; " } else { "" }
}

/// Returns a query that lifts the limits of newer servers if the server's version is not known. It returns one row.
pub(super) fn lift_newer_limits_of_any_server() -> &'static str {
    "SELECT CASE WHEN current_setting('server_version_num')::int >= 170000 \
     THEN set_config('transaction_timeout', '0', true) END"
}

/// Returns the statements that precede those of a transaction or a batch. They return one row ([`Home`]).
pub(crate) fn prologue() -> String {
    let settings = transaction_settings();
    format!(
        "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; {settings}{}",
        pin_schema(Lasting::Transaction, Limits::Lifted)
    )
}

/// Returns the prologue of a script that psql runs, whose session chooses the path.
pub(crate) fn script_prologue() -> String {
    prologue().replace(", (SELECT name FROM elsewhere)", "").replace(", (SELECT name FROM chosen)", "")
}

/// Returns the query that finds the schema of the program's tables and pins it for a transaction with its own settings.
/// It returns one row ([`Home`]).
pub(super) fn find_schema() -> String {
    pin_schema(Lasting::Transaction, Limits::Lifted)
}

/// Returns the settings and the schema of a new connection of a pool. Time limits remain those of the role.
pub(super) fn session() -> String {
    set(&MEANING, Lasting::Session) + &pin_schema(Lasting::Session, Limits::OfRole)
}

/// Event that the commit of a transaction waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CommitWait {
    /// The event that the operator configured: by default, the write to disk.
    AsConfigured,
    /// No event, on PostgreSQL. A crash of the server a moment later undoes the transaction. A later transaction that
    /// waited for the disk keeps what it saw of it, because the log is written in order. SQLite always waits.
    Nothing,
}

/// Begins a transaction of a request, with the path that was found when its pool connected. It costs no extra round
/// trip.
pub(super) fn begin_request(path: Option<&str>, wait: CommitWait) -> String {
    let pin = path.map_or_else(String::new, |path| format!("; SET LOCAL search_path = {path}"));
    let commit = if wait == CommitWait::Nothing { "; SET LOCAL synchronous_commit = off" } else { "" };
    format!("BEGIN ISOLATION LEVEL READ COMMITTED{pin}{commit}")
}

/// Returns the settings of a connection that runs statements outside a transaction, with time limits lifted.
pub(super) fn session_without_limits() -> String {
    let settings = set(&MEANING, Lasting::Session) + &set(&LIMITS, Lasting::Session);
    settings + &pin_schema(Lasting::Session, Limits::Lifted)
}

/// Lets a transaction that changes the schema act as the owner of the program's tables, so that all tables have one
/// owner. Rows that row security hides cause an error, because a migration that copies rows would lose them.
pub(crate) fn assume_owner() -> String {
    format!("SET LOCAL row_security = off; {}", ASSUME_OWNER.replace(":local", "true"))
}

/// Lets a session act as the owner of the program's tables.
pub(super) fn assume_owner_of_session() -> String {
    format!("SET row_security = off; {}", ASSUME_OWNER.replace(":local", "false"))
}

/// Resets the settings of [`session_without_limits`] and [`assume_owner_of_session`].
pub(super) fn reset_session() -> String {
    let limits: String = LIMITS.iter().map(|(name, _)| format!("RESET {name}; ")).collect();
    limits + "RESET row_security; RESET search_path; RESET role"
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Limits {
    Lifted,
    OfRole,
}

fn set(settings: &[(&str, &str)], lasting: Lasting) -> String {
    let set = match lasting {
        Lasting::Transaction => "SET LOCAL",
        Lasting::Session => "SET",
    };
    settings.iter().map(|(name, value)| format!("{set} {name} = {value}; ")).collect()
}

/// Returns the query that pins the schema. For a transaction only the program's schema is searched. Requests may call
/// triggers of other programs, which find their own tables through the rest of the role's path.
fn pin_schema(lasting: Lasting, limits: Limits) -> String {
    let (local, rest) = match lasting {
        Lasting::Transaction => ("true", ""),
        Lasting::Session => ("false", "rest.names,"),
    };
    let lifts = if limits == Limits::Lifted { "true" } else { "false" };
    PIN_SCHEMA.replace(":local", local).replace(":rest", rest).replace(":lifts", lifts)
}

/// Location of the program's tables: the row of [`prologue`].
#[derive(Debug, Clone)]
pub(crate) struct Home {
    /// Schema of the tables; `None` if the role may use no schema.
    pub(crate) schema: Option<String>,
    /// Another schema that the search_path names before it.
    named_first: Option<String>,
    /// Value of search_path that was set, as SQL writes it.
    path: Option<String>,
}

impl Home {
    /// Reads the columns of the row.
    pub(crate) fn from_columns(mut columns: impl Iterator<Item = Option<String>>) -> Self {
        Self { schema: columns.next().flatten(), named_first: columns.next().flatten(), path: columns.next().flatten() }
    }

    /// Returns the search_path that was set; `None` if the role may use no schema.
    pub(super) fn path(&self) -> Option<&str> {
        self.path.as_deref().filter(|path| !path.is_empty())
    }

    /// Refuses a schema that the search_path does not name first, because statements would not run in it.
    pub(crate) fn check(self) -> Result<Self, Error> {
        let (Some(schema), Some(first)) = (&self.schema, &self.named_first) else { return Ok(self) };
        let message = format!(
            "the migration history is in the schema `{schema}`, but search_path names the schema `{first}` first: \
             put `{schema}` first, or leave it out to use `{first}`"
        );
        Err(Error::new(DbErrorKind::Refused, message))
    }
}
