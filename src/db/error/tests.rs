//! Tests of error codes and texts: each has the expected kind and hint.

use super::*;

#[test]
fn each_text_of_pgbouncer_has_its_kind_and_its_hint() {
    for (text, kind, hint) in [
        ("no such database: t", DbErrorKind::NoSuchDatabase, "[databases]"),
        ("no such user: app", DbErrorKind::Authentication, "auth_file"),
        ("no such user", DbErrorKind::Authentication, "auth_file"),
        ("no more connections allowed (max_client_conn)", DbErrorKind::TooManyConnections, "max_client_conn"),
        (
            "client connections exceeded (max_user_client_connections)",
            DbErrorKind::TooManyConnections,
            "the message names",
        ),
        ("query_wait_timeout", DbErrorKind::TooManyConnections, "default_pool_size"),
        ("query_timeout", DbErrorKind::Interrupted, "query_timeout"),
        ("client_idle_timeout", DbErrorKind::Unreachable, "client_idle_timeout"),
        (
            "server login has been failing, try again later (server_login_retry)",
            DbErrorKind::NotReady,
            "log in to the server",
        ),
        (
            "server login has been failing, cached error: password authentication failed for user \"a\" (server_login_retry)",
            DbErrorKind::NotReady,
            "log in to the server",
        ),
        ("pgbouncer cannot connect to server", DbErrorKind::NotReady, "cannot reach the server"),
        ("unsupported startup parameter: options", DbErrorKind::Refused, "ignore_startup_parameters"),
        ("unsupported startup parameter in options: geqo", DbErrorKind::Refused, "ignore_startup_parameters"),
        ("prepared statement did not exist", DbErrorKind::PreparedStatementLost, "prepared_statements=false"),
        ("SASL authentication failed", DbErrorKind::Authentication, "does not accept user and password"),
        ("password authentication failed", DbErrorKind::Authentication, "does not accept user and password"),
        ("auth failed", DbErrorKind::Authentication, "does not accept user and password"),
        ("database \"t\" does not exist", DbErrorKind::NoSuchDatabase, "entry in [databases]"),
        ("role \"a\" does not exist", DbErrorKind::NoSuchDatabase, "entry in [databases]"),
        ("no pg_hba.conf entry for host \"::1\", user \"a\"", DbErrorKind::Authentication, "server's pg_hba.conf"),
        ("the database system is starting up", DbErrorKind::NotReady, "accepts connections"),
        ("login rejected", DbErrorKind::Authentication, "auth_hba_file"),
        ("SSL required", DbErrorKind::Tls, "sslmode=require"),
        ("client_login_timeout (server down)", DbErrorKind::Unreachable, "client_login_timeout"),
        ("database \"t\" is disabled", DbErrorKind::NotReady, "ENABLE"),
        ("pooler is shutting down", DbErrorKind::NotReady, "stopping"),
        ("server conn crashed?", DbErrorKind::Unreachable, "logs of both"),
        ("bouncer config error", DbErrorKind::Refused, "no usable entry"),
        ("expected password response", DbErrorKind::Unreachable, "for the reason given"),
    ] {
        let error = Error::of_code("08P01", text);
        let found = error.hint().unwrap();
        assert_eq!(error.kind(), kind, "{text}: {found}");
        assert!(found.contains(hint) && !found.contains("host and port are right"), "{text}: {found}");
    }
}

/// Cases: SQLSTATE, the server's text, the expected kind, and a part of the expected hint.
const SQLSTATES: &[(&str, &str, DbErrorKind, &str)] = &[
    (
        "28000",
        "no pg_hba.conf entry for host \"10.0.0.1\", user \"app\", database \"t\", no encryption",
        DbErrorKind::Authentication,
        "sslmode=require",
    ),
    ("28000", "role \"app\" is not permitted to log in", DbErrorKind::Authentication, "LOGIN"),
    ("28P01", "password authentication failed for user \"app\"", DbErrorKind::Authentication, "user and password"),
    ("3D000", "database \"t\" does not exist", DbErrorKind::NoSuchDatabase, "createdb"),
    (
        "42501",
        "permission denied for schema public",
        DbErrorKind::PermissionDenied,
        "GRANT CREATE ON SCHEMA public TO YOUR_ROLE",
    ),
    (
        "42501",
        "permission denied for sequence users_id_seq",
        DbErrorKind::PermissionDenied,
        "GRANT USAGE, SELECT ON SEQUENCE users_id_seq",
    ),
    (
        "42501",
        "permission denied for database Some db",
        DbErrorKind::PermissionDenied,
        "GRANT CREATE ON DATABASE \"Some db\"",
    ),
    ("42501", "Keine Berechtigung für Schema public", DbErrorKind::PermissionDenied, "role"),
    ("42P01", "relation \"x\" does not exist", DbErrorKind::UndefinedTable, ""),
    (
        "42P05",
        "prepared statement \"s\" already exists",
        DbErrorKind::PreparedStatementLost,
        "prepared_statements=false",
    ),
    (
        "26000",
        "prepared statement \"s\" does not exist",
        DbErrorKind::PreparedStatementLost,
        "prepared_statements=false",
    ),
    ("53100", "could not extend file: No space left on device", DbErrorKind::DiskFull, "free space"),
    ("53200", "out of memory", DbErrorKind::Refused, "out of memory"),
    ("53300", "sorry, too many clients already", DbErrorKind::TooManyConnections, "max_connections"),
    ("55P03", "canceling statement due to lock timeout", DbErrorKind::Locked, "who holds the lock"),
    ("40P01", "deadlock detected", DbErrorKind::Locked, "who holds the lock"),
    ("57P01", "terminating connection due to administrator command", DbErrorKind::NotReady, "wait until"),
    ("57P03", "the database system is starting up", DbErrorKind::NotReady, "wait until"),
    ("57P04", "database was dropped", DbErrorKind::NoSuchDatabase, "dropped"),
    ("57014", "canceling statement due to statement timeout", DbErrorKind::Interrupted, "statement_timeout"),
    (
        "25P03",
        "terminating connection due to idle-in-transaction timeout",
        DbErrorKind::Interrupted,
        "idle_in_transaction_session_timeout",
    ),
    ("25P04", "terminating connection due to transaction timeout", DbErrorKind::Interrupted, "transaction_timeout"),
    ("25006", "cannot execute INSERT in a read-only transaction", DbErrorKind::ReadOnly, "target_session_attrs"),
    ("22021", "invalid byte sequence", DbErrorKind::Refused, "UTF8"),
    ("22P05", "character has no equivalent in encoding \"LATIN1\"", DbErrorKind::Refused, "UTF8"),
    ("XX001", "invalid page in block 3", DbErrorKind::Corrupt, "damaged"),
    ("XX002", "index is corrupted", DbErrorKind::Corrupt, "REINDEX"),
    ("58030", "could not read block", DbErrorKind::Storage, "disk"),
    ("58P01", "could not open file", DbErrorKind::Storage, "missing"),
    ("08006", "connection failure", DbErrorKind::Unreachable, "connection broke"),
    ("0A000", "not supported", DbErrorKind::Refused, "PostgreSQL 13"),
    ("23505", "duplicate key", DbErrorKind::Refused, ""),
];

#[test]
fn each_sqlstate_has_its_kind_and_its_hint() {
    for &(code, text, kind, hint) in SQLSTATES {
        let error = Error::of_code(code, text);
        assert_eq!(error.kind(), kind, "{code} {text}");
        let found = error.hint().unwrap_or_default();
        assert!(found.contains(hint) && found.is_empty() == hint.is_empty(), "{code} {text}: {found}");
        assert!(error.to_string().ends_with(&format!("({code})")) && error.to_string().starts_with(text));
    }
}

#[test]
fn each_code_of_sqlite_has_its_kind_and_its_hint() {
    for (code, kind, hint) in [
        (5, DbErrorKind::Locked, "fuser"),
        (261, DbErrorKind::Locked, "fuser"),
        (517, DbErrorKind::Locked, "fuser"),
        (6, DbErrorKind::Locked, "fuser"),
        (262, DbErrorKind::Locked, "fuser"),
        (3, DbErrorKind::PermissionDenied, "read and write"),
        (8, DbErrorKind::PermissionDenied, "directory"),
        (264, DbErrorKind::PermissionDenied, "directory"),
        (776, DbErrorKind::PermissionDenied, "directory"),
        (1032, DbErrorKind::PermissionDenied, "directory"),
        (1544, DbErrorKind::PermissionDenied, "directory"),
        (13, DbErrorKind::DiskFull, "free space"),
        (4874, DbErrorKind::DiskFull, "free space"),
        (10, DbErrorKind::Storage, "file system"),
        (266, DbErrorKind::Storage, "file system"),
        (778, DbErrorKind::Storage, "file system"),
        (1034, DbErrorKind::Storage, "file system"),
        (11, DbErrorKind::Corrupt, "backup"),
        (267, DbErrorKind::Corrupt, "backup"),
        (779, DbErrorKind::Corrupt, "backup"),
        (26, DbErrorKind::Corrupt, "backup"),
        (14, DbErrorKind::CannotOpen, "path"),
        (526, DbErrorKind::CannotOpen, "path"),
        (1550, DbErrorKind::CannotOpen, "path"),
        (19, DbErrorKind::Refused, ""),
    ] {
        let (found, of_code) = rules::of_sqlite(&code.to_string());
        assert_eq!(found, kind, "{code}");
        let of_code = of_code.or_else(|| hints::of_kind(kind)).unwrap_or_default();
        assert!(of_code.contains(hint) && of_code.is_empty() == hint.is_empty(), "{code}: {of_code}");
        assert!(!of_code.contains("server"), "{code}: {of_code}");
    }
}

#[test]
fn the_setting_that_makes_a_server_read_only_is_named_where_it_is() {
    let refused = || Error::of_code("25006", "cannot execute INSERT in a read-only transaction");
    for (source, hint) in [
        ("user", "ALTER ROLE app RESET"),
        ("database", "ALTER DATABASE name RESET"),
        ("database user", "ALTER ROLE app IN DATABASE"),
        ("configuration file", "postgresql.conf"),
    ] {
        let error = refused().by_setting(source);
        let found = Error::hint_for(&error.hint().unwrap(), Some("app"));
        assert!(found.contains(hint) && found.contains("no failover"), "{source}: {found}");
        assert!(!error.is_transient(), "waiting changes nothing");
    }
    assert!(refused().is_transient());
}
