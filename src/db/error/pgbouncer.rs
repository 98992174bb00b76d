//! The failures that PgBouncer reports itself. All of them have the SQLSTATE 08P01 so that only their words
//! distinguish them. The first line whose words the text has decides; the last one fits every text. A message that quotes the server comes first.

use super::Kind;
use super::rules::Cause;

/// Words in lower case, kind of failure, what to do.
pub(super) static CAUSES: &[Cause] = &[
    Cause::new(
        "server_login_retry",
        Kind::NotReady,
        "PgBouncer cannot log in to the server: see its log for what the server said, and the entry in [databases]",
    ),
    Cause::new(
        "server login",
        Kind::NotReady,
        "PgBouncer cannot log in to the server: see its log for what the server said, and the entry in [databases]",
    ),
    Cause::new(
        "bouncer config error",
        Kind::Refused,
        "PgBouncer has no usable entry for this database and user: see [databases] and auth_type in pgbouncer.ini",
    ),
    Cause::new(
        "no such database",
        Kind::NoSuchDatabase,
        "PgBouncer knows no database of this name: add it to [databases] of pgbouncer.ini, or correct its name in DATABASE_URL",
    ),
    Cause::new("is disabled", Kind::NotReady, "the database is disabled in PgBouncer: run ENABLE on its console"),
    Cause::new(
        "no such user",
        Kind::Authentication,
        "PgBouncer knows no user of this name: add it to auth_file, or set auth_query",
    ),
    Cause::new(
        "more connections allowed",
        Kind::TooManyConnections,
        "PgBouncer accepts no more clients: raise max_client_conn in pgbouncer.ini",
    ),
    Cause::new(
        "client connections exceeded",
        Kind::TooManyConnections,
        "PgBouncer limits clients of this user or database: raise the setting that the message names",
    ),
    Cause::new(
        "query_wait_timeout",
        Kind::TooManyConnections,
        "no server connection of PgBouncer was free in time: raise default_pool_size or query_wait_timeout, and look for long transactions",
    ),
    Cause::new(
        "query_timeout",
        Kind::Interrupted,
        "query_timeout of PgBouncer ended the statement: raise it in pgbouncer.ini",
    ),
    Cause::new(
        "idle_timeout",
        Kind::Unreachable,
        "client_idle_timeout of PgBouncer ended the connection: set it to 0 in pgbouncer.ini",
    ),
    Cause::new(
        "idle transaction timeout",
        Kind::Interrupted,
        "idle_transaction_timeout of PgBouncer ended the transaction: set it to 0 in pgbouncer.ini",
    ),
    Cause::new(
        "transaction timeout",
        Kind::Interrupted,
        "transaction_timeout of PgBouncer ended the transaction: set it to 0 in pgbouncer.ini",
    ),
    Cause::new(
        "transaction blocks not allowed",
        Kind::Refused,
        "PgBouncer is in statement mode: set pool_mode to transaction or session",
    ),
    Cause::new(
        "unsupported startup parameter",
        Kind::Refused,
        "PgBouncer does not pass this parameter on: remove it from DATABASE_URL, or add it to ignore_startup_parameters in pgbouncer.ini",
    ),
    Cause::new(
        "unsupported options",
        Kind::Refused,
        "PgBouncer does not pass these options on: remove `options` from DATABASE_URL, or add options to ignore_startup_parameters in pgbouncer.ini",
    ),
    Cause::new(
        "prepared statement",
        Kind::PreparedStatementLost,
        "add prepared_statements=false to DATABASE_URL, or use PgBouncer 1.21 with max_prepared_statements, or its session mode",
    ),
    Cause::new(
        "authentication failed",
        Kind::Authentication,
        "PgBouncer does not accept user and password: compare them with its auth_file or auth_query",
    ),
    Cause::new(
        "auth failed",
        Kind::Authentication,
        "PgBouncer does not accept user and password: compare them with its auth_file or auth_query",
    ),
    Cause::new(
        "login rejected",
        Kind::Authentication,
        "PgBouncer does not accept this user from here: see its auth_hba_file and client_tls settings",
    ),
    Cause::new(
        "does not exist",
        Kind::NoSuchDatabase,
        "the server behind PgBouncer has no database or role of this name: create it, or correct dbname and user of the entry in [databases]",
    ),
    Cause::new(
        "pg_hba.conf",
        Kind::Authentication,
        "the server behind PgBouncer does not accept PgBouncer's connections: add a line for them to the server's pg_hba.conf",
    ),
    Cause::new(
        "the database system is",
        Kind::NotReady,
        "the server behind PgBouncer starts, stops or recovers: run the command again once it accepts connections",
    ),
    Cause::new("ssl required", Kind::Tls, "PgBouncer accepts TLS only: add sslmode=require to DATABASE_URL"),
    Cause::new(
        "client_login_timeout",
        Kind::Unreachable,
        "PgBouncer reached no server before client_login_timeout: see its log for what the server said",
    ),
    Cause::new(
        "cannot connect to server",
        Kind::NotReady,
        "PgBouncer cannot reach the server: see its log, and host and port of the entry in [databases]",
    ),
    Cause::new("shutting down", Kind::NotReady, "PgBouncer is stopping: run the command again once it has started"),
    Cause::new(
        "server conn crashed",
        Kind::Unreachable,
        "the server behind PgBouncer ended the connection: see the logs of both",
    ),
    Cause::new(
        "",
        Kind::Unreachable,
        "the pooler or server ended the connection for the reason given: see the log of PgBouncer, or of the server",
    ),
];
