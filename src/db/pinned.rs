//! The settings and the schema that our SQL depends on, pinned on every connection to PostgreSQL, whatever the server, the
//! database or the role sets.
//!
//! Two forms. [`prologue`] stands before the statements of a batch, or first in a transaction: it lasts as long as that
//! transaction, costs no round trip of its own, and works behind a transaction-pooling PgBouncer. [`session`] is for each new
//! connection of a pool, on which requests then run without any cost; behind such a pooler it may not last, which is why
//! requests send values only as parameters, read them in binary form, and begin transactions with their isolation level.
//!
//! A `search_path` that another program left on a connection of a pooler decides nothing: the history is looked for in the path of
//! the role and the database first, and a new database begins there. Where both lead to a history, [`Home::check`] names both.
//! Every transaction of a request sets the schema that its pool found ([`begin_request`]).
//!
//! The schema: where `authsvc_migrations` is, else `migration_records`, else the first schema of the role's `search_path`; one
//! that is named like the role only if the role may create in it. Another rule would make the tables where [`Home::check`] then
//! refuses them. `pg_temp` comes last, so that no temporary table stands before one of ours.
//!
//! Not pinned, because they are the operator's decision: `default_transaction_read_only` (a database that is read-only on
//! purpose stays so, and the error names the setting), `statement_timeout` and `lock_timeout` of requests,
//! `default_tablespace`, `default_table_access_method`, `synchronous_commit`, settings of the planner, and what only a
//! superuser may set, but for `session_replication_role`: with another value foreign keys and triggers do nothing, so a
//! role that may not set it back is refused. To pin one more setting: a line in one of the two lists, and one in `tests/it/settings_matrix.rs`.

use super::error::{DbErrorKind, Error};

/// What our SQL, and what the server prints, mean.
const MEANING: [(&str, &str); 15] = [
    // a backslash in a literal
    ("standard_conforming_strings", "on"),
    // names and expressions, as the catalogue prints them
    ("quote_all_identifiers", "off"),
    // texts and bytes: the program knows no other encoding
    ("client_encoding", "'UTF8'"),
    // values as they are printed in defaults, backups and reports, and as they are read
    ("DateStyle", "'ISO, YMD'"),
    ("IntervalStyle", "'postgres'"),
    ("TimeZone", "'UTC'"),
    ("bytea_output", "'hex'"),
    ("extra_float_digits", "3"),
    ("xmloption", "'content'"),
    // NULL in arrays and comparisons
    ("array_nulls", "on"),
    ("transform_null_equals", "off"),
    // rows that a policy hides are hidden, not an error; a backup and a migration turn this off
    ("row_security", "on"),
    // a body with a mistake is refused when it is made
    ("check_function_bodies", "on"),
    // an error ends a statement, not the session
    ("exit_on_error", "off"),
    // a snapshot for each statement: a longer one would block CREATE INDEX CONCURRENTLY
    ("default_transaction_isolation", "'read committed'"),
];

/// Limits of time, which are lifted for work that has limits of its own; newer servers have more ([`PIN_SCHEMA`]).
const LIMITS: [(&str, &str); 3] =
    [("statement_timeout", "0"), ("lock_timeout", "0"), ("idle_in_transaction_session_timeout", "0")];

const ASSUME_OWNER: &str = include_str!("postgres/assume_owner.sql");
const PIN_SCHEMA: &str = include_str!("postgres/pin_schema.sql");

/// For how long something is pinned.
#[derive(Clone, Copy)]
enum Lasting {
    Transaction,
    Session,
}

/// Settings of a transaction that has a search_path of its own.
pub(crate) fn transaction_settings() -> String {
    set(&MEANING, Lasting::Transaction) + &set(&LIMITS, Lasting::Transaction)
}

/// The limits that only newer servers have, lifted for a transaction.
pub(crate) fn lift_newer_limits(version: Option<u32>) -> &'static str {
    if version.is_some_and(|version| version >= 170_000) { "SET LOCAL transaction_timeout = 0; " } else { "" }
}

/// The same, where the version is not known: a row comes of it.
pub(super) fn lift_newer_limits_of_any_server() -> &'static str {
    "SELECT CASE WHEN current_setting('server_version_num')::int >= 170000 \
     THEN set_config('transaction_timeout', '0', true) END"
}

/// What stands before the statements of a transaction, or of a batch. One row comes of it ([`Home`]).
pub(crate) fn prologue() -> String {
    let settings = transaction_settings();
    format!(
        "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; {settings}{}",
        pin_schema(Lasting::Transaction, Limits::Lifted)
    )
}

/// The same for a script that psql runs, whose session chooses the path.
pub(crate) fn script_prologue() -> String {
    prologue().replace(", (SELECT name FROM elsewhere)", "").replace(", (SELECT name FROM chosen)", "")
}

/// Finds the schema of our tables, and pins it for a transaction that has settings of its own. One row comes of it
/// ([`Home`]).
pub(super) fn find_schema() -> String {
    pin_schema(Lasting::Transaction, Limits::Lifted)
}

/// For a new connection of a pool: meaning and schema. Limits of time remain the role's.
pub(super) fn session() -> String {
    set(&MEANING, Lasting::Session) + &pin_schema(Lasting::Session, Limits::OfRole)
}

/// What the commit of a transaction waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CommitWait {
    /// What the operator set: in general for the disk.
    AsConfigured,
    /// Nothing, on PostgreSQL. A crash of the server within the next moments undoes the transaction, and leaves what any later transaction
    /// that did wait has seen of it: the log is written in order. SQLite waits as always.
    Nothing,
}

/// Begins a transaction of a request, on a path that was found when its pool connected. It costs no round trip of its own.
pub(super) fn begin_request(path: Option<&str>, wait: CommitWait) -> String {
    let pin = path.map_or_else(String::new, |path| format!("; SET LOCAL search_path = {path}"));
    let commit = if wait == CommitWait::Nothing { "; SET LOCAL synchronous_commit = off" } else { "" };
    format!("BEGIN ISOLATION LEVEL READ COMMITTED{pin}{commit}")
}

/// For a connection that runs statements outside a transaction: limits of time are lifted, too.
pub(super) fn session_without_limits() -> String {
    let settings = set(&MEANING, Lasting::Session) + &set(&LIMITS, Lasting::Session);
    settings + &pin_schema(Lasting::Session, Limits::Lifted)
}

/// Lets a transaction that changes the schema act as the owner of our tables, so that all of them keep one owner. Rows that
/// row security hides from it are an error: a migration that copies rows would lose them.
pub(crate) fn assume_owner() -> String {
    format!("SET LOCAL row_security = off; {}", ASSUME_OWNER.replace(":local", "true"))
}

/// The same for a session.
pub(super) fn assume_owner_of_session() -> String {
    format!("SET row_security = off; {}", ASSUME_OWNER.replace(":local", "false"))
}

/// Undoes [`session_without_limits`] and [`assume_owner_of_session`].
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

/// On a connection of its own nothing but our schema is searched. Requests may meet triggers of other programs, which find
/// their own tables through the rest of the role's path.
fn pin_schema(lasting: Lasting, limits: Limits) -> String {
    let (local, rest) = match lasting {
        Lasting::Transaction => ("true", ""),
        Lasting::Session => ("false", "rest.names,"),
    };
    let lifts = if limits == Limits::Lifted { "true" } else { "false" };
    PIN_SCHEMA.replace(":local", local).replace(":rest", rest).replace(":lifts", lifts)
}

/// Where our tables are: the row of [`prologue`].
#[derive(Debug, Clone)]
pub(crate) struct Home {
    /// The schema; none if the role may use none.
    pub(crate) schema: Option<String>,
    /// Another schema, which the search_path names before it.
    named_first: Option<String>,
    /// The search_path that was set, as SQL writes it.
    path: Option<String>,
}

impl Home {
    /// From the columns of the row.
    pub(crate) fn from_columns(mut columns: impl Iterator<Item = Option<String>>) -> Self {
        Self { schema: columns.next().flatten(), named_first: columns.next().flatten(), path: columns.next().flatten() }
    }

    /// The search_path that was set; none where the role may use no schema.
    pub(super) fn path(&self) -> Option<&str> {
        self.path.as_deref().filter(|path| !path.is_empty())
    }

    /// Refuses a schema that is not the one which the search_path names first: what is run would not happen there.
    pub(crate) fn check(self) -> Result<Self, Error> {
        let (Some(schema), Some(first)) = (&self.schema, &self.named_first) else { return Ok(self) };
        let message = format!(
            "the migration history is in the schema `{schema}`, but search_path names the schema `{first}` first: \
             put `{schema}` first, or leave it out to use `{first}`"
        );
        Err(Error::new(DbErrorKind::Refused, message))
    }
}
