//! Codes and texts of servers, and what they mean.

use super::*;

/// As a server or PgBouncer says it.
fn said(code: &str, text: &str) -> Error {
    let cause = rules::of_postgres(code, text);
    let (kind, hint) = cause.map_or((Kind::Refused, None), |cause| (cause.kind, cause.hint));
    Error { hint, code: Some(code.into()), ..Error::new(kind, text) }
}

#[test]
fn each_text_of_pgbouncer_has_its_kind_and_its_hint() {
    for (text, kind, hint) in [
        ("no such database: t", Kind::NoSuchDatabase, "[databases]"),
        ("no such user: app", Kind::Authentication, "auth_file"),
        ("no such user", Kind::Authentication, "auth_file"),
        ("no more connections allowed (max_client_conn)", Kind::TooManyConnections, "max_client_conn"),
        ("client connections exceeded (max_user_client_connections)", Kind::TooManyConnections, "the message names"),
        ("query_wait_timeout", Kind::TooManyConnections, "default_pool_size"),
        ("query_timeout", Kind::Interrupted, "query_timeout"),
        ("client_idle_timeout", Kind::Unreachable, "client_idle_timeout"),
        ("server login has been failing, try again later (server_login_retry)", Kind::NotReady, "log in to the server"),
        (
            "server login has been failing, cached error: password authentication failed for user \"a\" (server_login_retry)",
            Kind::NotReady,
            "log in to the server",
        ),
        ("pgbouncer cannot connect to server", Kind::NotReady, "cannot reach the server"),
        ("unsupported startup parameter: options", Kind::Refused, "ignore_startup_parameters"),
        ("unsupported startup parameter in options: geqo", Kind::Refused, "ignore_startup_parameters"),
        ("prepared statement did not exist", Kind::PreparedStatementLost, "prepared_statements=false"),
        ("SASL authentication failed", Kind::Authentication, "does not accept user and password"),
        ("password authentication failed", Kind::Authentication, "does not accept user and password"),
        ("auth failed", Kind::Authentication, "does not accept user and password"),
        ("database \"t\" does not exist", Kind::NoSuchDatabase, "entry in [databases]"),
        ("role \"a\" does not exist", Kind::NoSuchDatabase, "entry in [databases]"),
        ("no pg_hba.conf entry for host \"::1\", user \"a\"", Kind::Authentication, "server's pg_hba.conf"),
        ("the database system is starting up", Kind::NotReady, "accepts connections"),
        ("login rejected", Kind::Authentication, "auth_hba_file"),
        ("SSL required", Kind::Tls, "sslmode=require"),
        ("client_login_timeout (server down)", Kind::Unreachable, "client_login_timeout"),
        ("database \"t\" is disabled", Kind::NotReady, "ENABLE"),
        ("pooler is shutting down", Kind::NotReady, "stopping"),
        ("server conn crashed?", Kind::Unreachable, "logs of both"),
        ("bouncer config error", Kind::Refused, "no usable entry"),
        ("expected password response", Kind::Unreachable, "for the reason given"),
    ] {
        let error = said("08P01", text);
        let found = error.hint().unwrap();
        assert_eq!(error.kind(), kind, "{text}: {found}");
        assert!(found.contains(hint) && !found.contains("host and port are right"), "{text}: {found}");
    }
}

/// SQLSTATE, the server's text, the kind and a part of the hint.
const SQLSTATES: &[(&str, &str, Kind, &str)] = &[
    (
        "28000",
        "no pg_hba.conf entry for host \"10.0.0.1\", user \"app\", database \"t\", no encryption",
        Kind::Authentication,
        "sslmode=require",
    ),
    ("28000", "role \"app\" is not permitted to log in", Kind::Authentication, "LOGIN"),
    ("28P01", "password authentication failed for user \"app\"", Kind::Authentication, "user and password"),
    ("3D000", "database \"t\" does not exist", Kind::NoSuchDatabase, "createdb"),
    (
        "42501",
        "permission denied for schema public",
        Kind::PermissionDenied,
        "GRANT CREATE ON SCHEMA public TO YOUR_ROLE",
    ),
    (
        "42501",
        "permission denied for sequence users_id_seq",
        Kind::PermissionDenied,
        "GRANT USAGE, SELECT ON SEQUENCE users_id_seq",
    ),
    ("42501", "permission denied for database Some db", Kind::PermissionDenied, "GRANT CREATE ON DATABASE \"Some db\""),
    ("42501", "Keine Berechtigung für Schema public", Kind::PermissionDenied, "role"),
    ("42P01", "relation \"x\" does not exist", Kind::UndefinedTable, ""),
    ("42P05", "prepared statement \"s\" already exists", Kind::PreparedStatementLost, "prepared_statements=false"),
    ("26000", "prepared statement \"s\" does not exist", Kind::PreparedStatementLost, "prepared_statements=false"),
    ("53100", "could not extend file: No space left on device", Kind::DiskFull, "free space"),
    ("53200", "out of memory", Kind::Refused, "out of memory"),
    ("53300", "sorry, too many clients already", Kind::TooManyConnections, "max_connections"),
    ("55P03", "canceling statement due to lock timeout", Kind::Locked, "who holds the lock"),
    ("40P01", "deadlock detected", Kind::Locked, "who holds the lock"),
    ("57P01", "terminating connection due to administrator command", Kind::NotReady, "wait until"),
    ("57P03", "the database system is starting up", Kind::NotReady, "wait until"),
    ("57P04", "database was dropped", Kind::NoSuchDatabase, "dropped"),
    ("57014", "canceling statement due to statement timeout", Kind::Interrupted, "statement_timeout"),
    (
        "25P03",
        "terminating connection due to idle-in-transaction timeout",
        Kind::Interrupted,
        "idle_in_transaction_session_timeout",
    ),
    ("25P04", "terminating connection due to transaction timeout", Kind::Interrupted, "transaction_timeout"),
    ("25006", "cannot execute INSERT in a read-only transaction", Kind::ReadOnly, "target_session_attrs"),
    ("22021", "invalid byte sequence", Kind::Refused, "UTF8"),
    ("22P05", "character has no equivalent in encoding \"LATIN1\"", Kind::Refused, "UTF8"),
    ("XX001", "invalid page in block 3", Kind::Corrupt, "damaged"),
    ("XX002", "index is corrupted", Kind::Corrupt, "REINDEX"),
    ("58030", "could not read block", Kind::Storage, "disk"),
    ("58P01", "could not open file", Kind::Storage, "missing"),
    ("08006", "connection failure", Kind::Unreachable, "connection broke"),
    ("0A000", "not supported", Kind::Refused, "PostgreSQL 13"),
    ("23505", "duplicate key", Kind::Refused, ""),
];

#[test]
fn each_sqlstate_has_its_kind_and_its_hint() {
    for &(code, text, kind, hint) in SQLSTATES {
        let error = said(code, text);
        assert_eq!(error.kind(), kind, "{code} {text}");
        let found = error.hint().unwrap_or_default();
        assert!(found.contains(hint) && found.is_empty() == hint.is_empty(), "{code} {text}: {found}");
        assert!(error.to_string().ends_with(&format!("({code})")) && error.to_string().starts_with(text));
    }
}

#[test]
fn each_code_of_sqlite_has_its_kind_and_its_hint() {
    for (code, kind, hint) in [
        (5, Kind::Locked, "fuser"),
        (261, Kind::Locked, "fuser"),
        (517, Kind::Locked, "fuser"),
        (6, Kind::Locked, "fuser"),
        (262, Kind::Locked, "fuser"),
        (3, Kind::PermissionDenied, "read and write"),
        (8, Kind::PermissionDenied, "directory"),
        (264, Kind::PermissionDenied, "directory"),
        (776, Kind::PermissionDenied, "directory"),
        (1032, Kind::PermissionDenied, "directory"),
        (1544, Kind::PermissionDenied, "directory"),
        (13, Kind::DiskFull, "free space"),
        (4874, Kind::DiskFull, "free space"),
        (10, Kind::Storage, "file system"),
        (266, Kind::Storage, "file system"),
        (778, Kind::Storage, "file system"),
        (1034, Kind::Storage, "file system"),
        (11, Kind::Corrupt, "backup"),
        (267, Kind::Corrupt, "backup"),
        (779, Kind::Corrupt, "backup"),
        (26, Kind::Corrupt, "backup"),
        (14, Kind::CannotOpen, "path"),
        (526, Kind::CannotOpen, "path"),
        (1550, Kind::CannotOpen, "path"),
        (19, Kind::Refused, ""),
    ] {
        let (found, of_code) = rules::of_sqlite(&code.to_string());
        assert_eq!(found, kind, "{code}");
        let of_code = of_code.or_else(|| of_kind(kind)).unwrap_or_default();
        assert!(of_code.contains(hint) && of_code.is_empty() == hint.is_empty(), "{code}: {of_code}");
        assert!(!of_code.contains("server"), "{code}: {of_code}");
    }
}

#[test]
fn the_setting_that_makes_a_server_read_only_is_named_where_it_is() {
    let refused = || said("25006", "cannot execute INSERT in a read-only transaction");
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
