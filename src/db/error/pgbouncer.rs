//! Errors that PgBouncer itself reports. All of them have the SQLSTATE 08P01, so that only their text distinguishes
//! them. The first entry whose words occur in the text decides. The last entry matches every text. Entries for messages
//! that quote the server come first.

use super::cause::Cause;
use super::kind::DbErrorKind;

/// Causes: words in lower case, kind of failure, and hint.
pub(super) static CAUSES: &[Cause] = &[
    Cause::new(
        "server_login_retry",
        DbErrorKind::NotReady,
        "PgBouncer cannot log in to the server: see its log for what the server said, and the entry in [databases]",
    ),
    Cause::new(
        "server login",
        DbErrorKind::NotReady,
        "PgBouncer cannot log in to the server: see its log for what the server said, and the entry in [databases]",
    ),
    Cause::new(
        "bouncer config error",
        DbErrorKind::Refused,
        "PgBouncer has no usable entry for this database and user: see [databases] and auth_type in pgbouncer.ini",
    ),
    Cause::new(
        "no such database",
        DbErrorKind::NoSuchDatabase,
        "PgBouncer knows no database of this name: add it to [databases] of pgbouncer.ini, or correct its name in DATABASE_URL",
    ),
    Cause::new(
        "is disabled",
        DbErrorKind::NotReady,
        "the database is disabled in PgBouncer: run ENABLE on its console",
    ),
    Cause::new(
        "no such user",
        DbErrorKind::Authentication,
        "PgBouncer knows no user of this name: add it to auth_file, or set auth_query",
    ),
    Cause::new(
        "more connections allowed",
        DbErrorKind::TooManyConnections,
        "PgBouncer accepts no more clients: raise max_client_conn in pgbouncer.ini",
    ),
    Cause::new(
        "client connections exceeded",
        DbErrorKind::TooManyConnections,
        "PgBouncer limits clients of this user or database: raise the setting that the message names",
    ),
    Cause::new(
        "query_wait_timeout",
        DbErrorKind::TooManyConnections,
        "timed out waiting for a free server connection of PgBouncer: raise default_pool_size or query_wait_timeout, and look for long transactions",
    ),
    Cause::new(
        "query_timeout",
        DbErrorKind::Interrupted,
        "query_timeout of PgBouncer ended the statement: raise it in pgbouncer.ini",
    ),
    Cause::new(
        "idle_timeout",
        DbErrorKind::Unreachable,
        "client_idle_timeout of PgBouncer ended the connection: set it to 0 in pgbouncer.ini",
    ),
    Cause::new(
        "idle transaction timeout",
        DbErrorKind::Interrupted,
        "idle_transaction_timeout of PgBouncer ended the transaction: set it to 0 in pgbouncer.ini",
    ),
    Cause::new(
        "transaction timeout",
        DbErrorKind::Interrupted,
        "transaction_timeout of PgBouncer ended the transaction: set it to 0 in pgbouncer.ini",
    ),
    Cause::new(
        "transaction blocks not allowed",
        DbErrorKind::Refused,
        "PgBouncer is in statement mode: set pool_mode to transaction or session",
    ),
    Cause::new(
        "unsupported startup parameter",
        DbErrorKind::Refused,
        "PgBouncer does not pass this parameter on: remove it from DATABASE_URL, or add it to ignore_startup_parameters in pgbouncer.ini",
    ),
    Cause::new(
        "unsupported options",
        DbErrorKind::Refused,
        "PgBouncer does not pass these options on: remove `options` from DATABASE_URL, or add options to ignore_startup_parameters in pgbouncer.ini",
    ),
    Cause::new(
        "prepared statement",
        DbErrorKind::PreparedStatementLost,
        "add prepared_statements=false to DATABASE_URL, or use PgBouncer 1.21 with max_prepared_statements, or its session mode",
    ),
    Cause::new(
        "authentication failed",
        DbErrorKind::Authentication,
        "PgBouncer does not accept user and password: compare them with its auth_file or auth_query",
    ),
    Cause::new(
        "auth failed",
        DbErrorKind::Authentication,
        "PgBouncer does not accept user and password: compare them with its auth_file or auth_query",
    ),
    Cause::new(
        "login rejected",
        DbErrorKind::Authentication,
        "PgBouncer does not accept this user from here: see its auth_hba_file and client_tls settings",
    ),
    Cause::new(
        "does not exist",
        DbErrorKind::NoSuchDatabase,
        "the server behind PgBouncer has no database or role of this name: create it, or correct dbname and user of the entry in [databases]",
    ),
    Cause::new(
        "pg_hba.conf",
        DbErrorKind::Authentication,
        "the server behind PgBouncer does not accept PgBouncer's connections: add a line for them to the server's pg_hba.conf",
    ),
    Cause::new(
        "the database system is",
        DbErrorKind::NotReady,
        "the server behind PgBouncer starts, stops or recovers: run the command again once it accepts connections",
    ),
    Cause::new("ssl required", DbErrorKind::Tls, "PgBouncer accepts TLS only: add sslmode=require to DATABASE_URL"),
    Cause::new(
        "client_login_timeout",
        DbErrorKind::Unreachable,
        "PgBouncer reached no server before client_login_timeout: see its log for what the server said",
    ),
    Cause::new(
        "cannot connect to server",
        DbErrorKind::NotReady,
        "PgBouncer cannot reach the server: see its log, and host and port of the entry in [databases]",
    ),
    Cause::new(
        "shutting down",
        DbErrorKind::NotReady,
        "PgBouncer is stopping: run the command again once it has started",
    ),
    Cause::new(
        "server conn crashed",
        DbErrorKind::Unreachable,
        "the server behind PgBouncer ended the connection: see the logs of both",
    ),
    Cause::new(
        "",
        DbErrorKind::Unreachable,
        "the pooler or server ended the connection for the reason given: see the log of PgBouncer, or of the server",
    ),
];
