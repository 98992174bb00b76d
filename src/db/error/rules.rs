//! Rules that map a code of PostgreSQL, PgBouncer or SQLite to a kind of failure and a hint.
//!
//! The first matching rule decides. A rule names a code or a class of codes. If a code has several causes, the rule
//! also names words of the text. A rule without a hint uses the hint of its kind. The texts of PgBouncer are in
//! [`super::pgbouncer`]. `docs/TROUBLESHOOTING.md` lists every hint, and a test compares the two. To add a cause, add a
//! line here and a row there.

use super::cause::Cause;
use super::kind::DbErrorKind;
use super::pgbouncer;

/// Placeholder of a hint for the role of `DATABASE_URL`.
pub(super) const ROLE: &str = "YOUR_ROLE";
/// Placeholder of a hint for the object that the text names.
pub(super) const OBJECT: &str = "OBJECT";

/// Rule: a code, or a class of two characters, and a cause.
type Rule = (&'static str, Cause);

const fn rule(code: &'static str, words: &'static str, kind: DbErrorKind, hint: &'static str) -> Rule {
    (code, Cause::new(words, kind, hint))
}

/// Builds a rule that uses the hint of its kind.
const fn plain(code: &'static str, kind: DbErrorKind) -> Rule {
    (code, Cause { words: "", kind, hint: None })
}

const NOT_OUR_SCHEMA: &str = "the schema or the server is not the one that this program expects: see `authsvc status`";

/// Rules by SQLSTATE. Codes of two characters are classes.
static POSTGRES: &[Rule] = &[
    rule(
        "28000",
        "no pg_hba.conf entry",
        DbErrorKind::Authentication,
        "add a line for this user, database and address to pg_hba.conf; where the message ends in `no encryption` or `SSL off`, the server may accept TLS only: sslmode=require",
    ),
    rule("28000", "not permitted to log in", DbErrorKind::Authentication, "as a superuser: ALTER ROLE YOUR_ROLE LOGIN"),
    rule(
        "28000",
        "does not exist",
        DbErrorKind::Authentication,
        "create the role (CREATE ROLE YOUR_ROLE LOGIN PASSWORD '…'), or correct the user in DATABASE_URL",
    ),
    rule(
        "28000",
        "client certificate",
        DbErrorKind::Authentication,
        "the server wants a client certificate: add sslcert and sslkey to DATABASE_URL",
    ),
    plain("28", DbErrorKind::Authentication),
    plain("3D000", DbErrorKind::NoSuchDatabase),
    rule(
        "42501",
        "permission denied for schema",
        DbErrorKind::PermissionDenied,
        "as owner of the schema: GRANT CREATE ON SCHEMA OBJECT TO YOUR_ROLE to migrate, GRANT USAGE ON SCHEMA OBJECT TO YOUR_ROLE to serve; or name another schema first in search_path",
    ),
    rule(
        "42501",
        "permission denied for sequence",
        DbErrorKind::PermissionDenied,
        "as owner of the tables: GRANT USAGE, SELECT ON SEQUENCE OBJECT TO YOUR_ROLE; docs/OPERATIONS.md lists every right of a service role",
    ),
    rule(
        "42501",
        "permission denied for table",
        DbErrorKind::PermissionDenied,
        "as owner of the tables: GRANT the missing right ON TABLE OBJECT TO YOUR_ROLE; docs/OPERATIONS.md lists every right of a service role",
    ),
    rule(
        "42501",
        "permission denied for database",
        DbErrorKind::PermissionDenied,
        "as owner of the database: GRANT CREATE ON DATABASE OBJECT TO YOUR_ROLE",
    ),
    rule(
        "42501",
        "permission denied to create database",
        DbErrorKind::PermissionDenied,
        "as a superuser: ALTER ROLE YOUR_ROLE CREATEDB",
    ),
    rule(
        "42501",
        "must be owner of",
        DbErrorKind::PermissionDenied,
        "use the role that owns the tables, or as a superuser: GRANT that role TO YOUR_ROLE",
    ),
    rule(
        "42501",
        "row-level security",
        DbErrorKind::PermissionDenied,
        "row-level security applies to this role: use the owner of the tables, or as a superuser: ALTER ROLE YOUR_ROLE BYPASSRLS",
    ),
    plain("42501", DbErrorKind::PermissionDenied),
    plain("42P01", DbErrorKind::UndefinedTable),
    rule("42703", "", DbErrorKind::Refused, NOT_OUR_SCHEMA),
    rule("42883", "", DbErrorKind::Refused, NOT_OUR_SCHEMA),
    rule("42704", "", DbErrorKind::Refused, NOT_OUR_SCHEMA),
    rule(
        "53100",
        "",
        DbErrorKind::DiskFull,
        "free space on the disk of the database server, then run the command again",
    ),
    rule(
        "53200",
        "",
        DbErrorKind::Refused,
        "the server is out of memory: lower work_mem and max_connections, or add memory; the server's log has details",
    ),
    plain("53300", DbErrorKind::TooManyConnections),
    plain("55P03", DbErrorKind::Locked),
    plain("40P01", DbErrorKind::Locked),
    plain("57P01", DbErrorKind::NotReady),
    plain("57P02", DbErrorKind::NotReady),
    plain("57P03", DbErrorKind::NotReady),
    rule(
        "57P04",
        "",
        DbErrorKind::NoSuchDatabase,
        "the database was dropped while it was in use: create it and restore a backup, or correct its name in DATABASE_URL",
    ),
    rule(
        "57014",
        "",
        DbErrorKind::Interrupted,
        "a timeout or an administrator cancelled the statement: see statement_timeout of the role and the database, and the server's log",
    ),
    rule("25P02", "", DbErrorKind::Refused, "an earlier statement of this transaction failed: the server's log has it"),
    rule(
        "25P03",
        "",
        DbErrorKind::Interrupted,
        "idle_in_transaction_session_timeout ended the session: as a superuser ALTER ROLE YOUR_ROLE SET idle_in_transaction_session_timeout = 0",
    ),
    rule(
        "25P04",
        "",
        DbErrorKind::Interrupted,
        "transaction_timeout ended the session: as a superuser ALTER ROLE YOUR_ROLE SET transaction_timeout = 0",
    ),
    rule(
        "57P05",
        "",
        DbErrorKind::Interrupted,
        "idle_session_timeout ended the session: as a superuser ALTER ROLE YOUR_ROLE SET idle_session_timeout = 0",
    ),
    plain("25006", DbErrorKind::ReadOnly),
    // no transaction here is serializable: such a failure comes from recovery
    plain("40001", DbErrorKind::Conflict),
    plain("26000", DbErrorKind::PreparedStatementLost),
    plain("42P05", DbErrorKind::PreparedStatementLost),
    rule(
        "0A000",
        "cached plan must not change",
        DbErrorKind::PreparedStatementLost,
        "the schema changed under an open connection: restart the service, or run the command again",
    ),
    rule(
        "0A000",
        "",
        DbErrorKind::Refused,
        "the server does not support this: PostgreSQL 13 to 18 is needed, without limits by extensions or by the provider",
    ),
    rule(
        "22021",
        "",
        DbErrorKind::Refused,
        "the database's encoding cannot hold this text: create the database with ENCODING 'UTF8'",
    ),
    rule(
        "22P05",
        "",
        DbErrorKind::Refused,
        "the database's encoding cannot hold this text: create the database with ENCODING 'UTF8'",
    ),
    rule(
        "XX001",
        "",
        DbErrorKind::Corrupt,
        "the server finds its data damaged: stop the service, copy the data directory, and restore the newest verified backup on a healthy disk",
    ),
    rule(
        "XX002",
        "",
        DbErrorKind::Corrupt,
        "the server finds an index damaged: REINDEX it, check the disk, and compare glibc or ICU versions; where rows are damaged, restore a backup",
    ),
    rule(
        "58030",
        "",
        DbErrorKind::Storage,
        "the disk of the database server fails: see the server's log and its kernel's log",
    ),
    rule(
        "58P01",
        "",
        DbErrorKind::Storage,
        "a file of the database server is missing: see the server's log; an extension's library may not be installed",
    ),
    rule("58", "", DbErrorKind::Storage, "the system of the database server failed: see the server's log"),
    rule(
        "08006",
        "",
        DbErrorKind::Unreachable,
        "the connection broke: see the server's log for that time, and the network between",
    ),
    plain("08", DbErrorKind::Unreachable),
];

/// Rules by SQLite's extended result code, or by the primary code in its low byte.
static SQLITE: &[(&[u32], DbErrorKind, Option<&str>)] = &[
    (&[5, 6], DbErrorKind::Locked, Some(SQLITE_LOCKED)),
    // read-only because of the directory, in which SQLite creates its log
    (
        &[1544, 8],
        DbErrorKind::PermissionDenied,
        Some(
            "let this user write the file and its directory, where SQLite creates its log (`-wal`, `-shm`); a read-only mount or mode=ro accepts no writes",
        ),
    ),
    (&[3], DbErrorKind::PermissionDenied, Some("let this user read and write the file and its directory")),
    (&[11, 26], DbErrorKind::Corrupt, None),
    (&[14], DbErrorKind::CannotOpen, None),
    // SQLITE_FULL, and an index of the log (`-shm`) that cannot grow
    (
        &[13, 4874],
        DbErrorKind::DiskFull,
        Some(
            "free space on the disk of the SQLite file (df FILE), or raise the quota; where there is room, the disk fails: see the kernel's log",
        ),
    ),
    (
        &[10],
        DbErrorKind::Storage,
        Some(
            "the disk or file system of the SQLite file failed: check free space (df FILE), quotas and the kernel's log",
        ),
    ),
    (&[7], DbErrorKind::Refused, Some("this machine is out of memory")),
    (&[22], DbErrorKind::Storage, Some("the file system cannot hold a file this large")),
];

/// Hint for a SQLite file that another process holds locked.
pub(super) const SQLITE_LOCKED: &str = "another process writes to the SQLite file, or its disk hangs: find it (fuser FILE) and let it end, then run the command again";

/// Returns the cause of a PostgreSQL or PgBouncer error.
pub(super) fn of_postgres(code: &str, text: &str) -> Option<&'static Cause> {
    let text = text.to_lowercase();
    let fits = |cause: &Cause| text.contains(cause.words);
    if code == "08P01" {
        return pgbouncer::CAUSES.iter().find(|cause| fits(cause));
    }
    let of_code = |known: &str| if known.len() == 2 { code.starts_with(known) } else { code == known };
    POSTGRES.iter().find(|(known, cause)| of_code(known) && fits(cause)).map(|(_, cause)| cause)
}

/// Returns kind and hint of a SQLite error. Extended codes come before primary ones.
pub(super) fn of_sqlite(code: &str) -> (DbErrorKind, Option<&'static str>) {
    let Ok(code) = code.parse::<u32>() else { return (DbErrorKind::Refused, None) };
    let of = |code: u32| SQLITE.iter().find(|(codes, ..)| codes.contains(&code)).map(|(_, kind, hint)| (*kind, *hint));
    of(code).or_else(|| of(code & 0xff)).unwrap_or((DbErrorKind::Refused, None))
}

/// Returns every hint of a code.
pub(super) fn hints() -> impl Iterator<Item = &'static str> {
    let sqlite = SQLITE.iter().filter_map(|(_, _, hint)| *hint);
    let postgres = POSTGRES.iter().map(|(_, cause)| cause).chain(pgbouncer::CAUSES);
    postgres.filter_map(|cause| cause.hint).chain(sqlite)
}

/// Returns the object that a text such as "permission denied for schema public" names.
pub(super) fn object(text: &str) -> Option<&str> {
    let named = text.lines().next()?.split_once("permission denied for ")?.1.split_once(' ')?.1;
    Some(named.split(": ").next().unwrap_or(named).trim()).filter(|name| !name.is_empty())
}
