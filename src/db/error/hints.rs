//! Hints for the operator that do not depend on a code. Those of a code are in [`super::rules`].

use sea_orm::Iterable;

use super::kind::DbErrorKind;

pub(super) const STORED_VALUE: &str =
    "correct that value; `authsvc status --check` names the constraint that is missing and would have refused it";
pub(super) const SOCKET: &str = "let this user use the server's socket, or correct `host` in DATABASE_URL";
pub(super) const NO_SOCKET: &str = "no server listens on this socket: start it, or correct `host` in DATABASE_URL";
pub(super) const REFUSED: &str =
    "check that the server runs and listens there (listen_addresses), and that host and port are right";
pub(super) const BROKEN: &str = "the connection broke: see the server's log for that time, and the network between";
pub(super) const UNKNOWN_HOST: &str =
    "the name of the host is unknown: correct it in DATABASE_URL, or see DNS and /etc/hosts here";

pub(super) const MISSING_RIGHTS: &str =
    "grant the rights that the message names: docs/OPERATIONS.md lists every right of a service role";

const READ_ONLY_SETTING: &str = "no failover changes this: find default_transaction_read_only in postgresql.conf, ALTER SYSTEM, the role and the \
     database, and reset it; a provider sets it when the disk is full";

/// Sources of `default_transaction_read_only`, as `pg_settings.source` prints them, and the hint for each.
const SETTINGS: [(&str, &str); 3] = [
    ("user", "no failover changes this; as a superuser: ALTER ROLE YOUR_ROLE RESET default_transaction_read_only"),
    (
        "database",
        "no failover changes this; as owner of the database: ALTER DATABASE name RESET default_transaction_read_only",
    ),
    (
        "database user",
        "no failover changes this; as a superuser: ALTER ROLE YOUR_ROLE IN DATABASE name RESET default_transaction_read_only",
    ),
];

/// Returns the hint for a source of `default_transaction_read_only`.
pub(super) fn of_setting(source: &str) -> &'static str {
    SETTINGS.iter().find(|(name, _)| *name == source).map_or(READ_ONLY_SETTING, |(_, hint)| hint)
}

/// Returns the hint for a kind of failure, for errors without a hint of their own.
pub(super) fn of_kind(kind: DbErrorKind) -> Option<&'static str> {
    match kind {
        DbErrorKind::Unreachable => Some("check that the server runs and that host and port are right"),
        DbErrorKind::NotReady => Some("wait until the server has started, then run the command again"),
        DbErrorKind::TooManyConnections => Some("raise max_connections, or put a pooler in front of the server"),
        DbErrorKind::Authentication => Some("check user and password of DATABASE_URL, and pg_hba.conf on the server"),
        DbErrorKind::NoSuchDatabase => Some("create the database (createdb NAME), or correct its name in DATABASE_URL"),
        DbErrorKind::NoSuchFile => Some("correct the path in DATABASE_URL, or add ?mode=rwc to create the file"),
        DbErrorKind::CannotOpen => {
            Some("check the path in DATABASE_URL, and the permissions of the file and its directory")
        }
        DbErrorKind::Corrupt => Some("restore a backup; keep the damaged file for inspection"),
        DbErrorKind::PermissionDenied => Some("use a role or file permissions that allow this"),
        DbErrorKind::ReadOnly => {
            Some("name every server in DATABASE_URL, with target_session_attrs=read-write, or wait for the failover")
        }
        DbErrorKind::ReadOnlySetting => Some(READ_ONLY_SETTING),
        DbErrorKind::DiskFull => Some("free space on the disk of the database, then run the command again"),
        DbErrorKind::Storage => Some("the disk of the database fails: see the server's log and the kernel's log"),
        DbErrorKind::Interrupted => {
            Some("raise or reset the timeout that the message names, then run the command again")
        }
        DbErrorKind::Conflict => Some(
            "run it again; on the standby set hot_standby_feedback = on or raise max_standby_streaming_delay, or use the primary",
        ),
        DbErrorKind::PreparedStatementLost => Some(
            "add prepared_statements=false to DATABASE_URL, or use PgBouncer 1.21 with max_prepared_statements, or its session mode",
        ),
        DbErrorKind::Locked => Some("find who holds the lock, then run the command again"),
        DbErrorKind::Tls => Some("check sslmode and sslrootcert of DATABASE_URL"),
        DbErrorKind::UndefinedTable | DbErrorKind::Refused => None,
    }
}

/// Returns every hint of this file.
pub(super) fn of_errors() -> impl Iterator<Item = &'static str> {
    let kinds = DbErrorKind::iter().filter_map(of_kind);
    let of_network = [STORED_VALUE, SOCKET, NO_SOCKET, REFUSED, BROKEN, UNKNOWN_HOST, MISSING_RIGHTS];
    kinds.chain(of_network).chain(SETTINGS.map(|(_, hint)| hint))
}
