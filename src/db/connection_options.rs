//! Options with which the drivers open a connection, from the target of the database URL. It also checks a SQLite file
//! before a driver opens it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::sqlite::SqliteConnectOptions;

use super::error::{DbErrorKind, Error};
use super::url::{Host, PostgresTarget, SqliteMode, SqliteTarget, SslMode};
use crate::disk;

/// Builds the driver's options for a host, without encryption and sockets ([`super::connection_ways`]).
pub(super) fn postgres_options(target: &PostgresTarget, host: &Host) -> PgConnectOptions {
    let address = host.address.map_or_else(|| host.name.clone(), |address| address.to_string());
    let options = PgConnectOptions::new_without_pgpass()
        .host(&address)
        .port(host.port)
        .username(&target.user)
        .database(&target.database)
        .application_name(&target.application_name)
        // PgBouncer refuses unknown start-up parameters
        .extra_float_digits(None)
        .disable_statement_logging();
    // without a setting the driver would send an empty `options`, which PgBouncer refuses too
    let options = match target.startup.is_empty() {
        true => options,
        false => options.options(target.startup.iter().map(|(name, value)| (name, value))),
    };
    match target.exposed_password(host) {
        Some(password) => options.password(password),
        None => options,
    }
}

/// Adds the TLS settings of the target to the options, for a connection that the driver encrypts.
pub(super) fn with_driver_tls(target: &PostgresTarget, options: PgConnectOptions, mode: SslMode) -> PgConnectOptions {
    let mode = match mode {
        SslMode::Disable | SslMode::Allow => PgSslMode::Disable,
        SslMode::Prefer => PgSslMode::Prefer,
        SslMode::Require => PgSslMode::Require,
        SslMode::VerifyCa | SslMode::VerifyFull => PgSslMode::VerifyFull,
    };
    // the driver reads PGSSLROOTCERT itself; no file is wanted here
    let options = options.ssl_mode(mode).ssl_root_cert_from_pem(Vec::new());
    match &target.tls.client {
        Some((certificate, key)) => options.ssl_client_cert(certificate).ssl_client_key(key),
        None => options,
    }
}

pub(super) fn sqlite_options(target: &SqliteTarget) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(plain_name(&target.path))
        .read_only(target.mode == SqliteMode::ReadOnly)
        .immutable(is_immutable(target))
        .create_if_missing(target.mode == SqliteMode::Create)
        .busy_timeout(Duration::from_secs(5))
        .foreign_keys(true)
        .disable_statement_logging()
}

/// Returns the path in a form that SQLite reads as a file name, never as a URI or as a database in memory.
pub(super) fn plain_name(path: &Path) -> PathBuf {
    if path.is_absolute() { path.to_owned() } else { Path::new(".").join(path) }
}

/// Returns true if no process writes to the file while it is read. A file opened for reading, without a log beside it,
/// has no writer. In a directory without write permission no log can be created.
pub(super) fn is_immutable(target: &SqliteTarget) -> bool {
    target.mode == SqliteMode::ReadOnly && !target.beside("-wal").exists()
}

/// Checks a SQLite file before it is opened. SQLite itself reports each such error only as "unable to open database
/// file".
pub(super) fn check_file(target: &SqliteTarget) -> Result<(), Error> {
    let path = target.path.display();
    match std::fs::metadata(&target.path) {
        Ok(found) if found.is_dir() => Err(Error::new(DbErrorKind::CannotOpen, format!("`{path}` is a directory"))),
        Ok(found) => {
            let refuse =
                |path: &Path, error| Error::new(DbErrorKind::CannotOpen, format!("`{}` {error}", path.display()));
            disk::require_regular(&found).map_err(|error| refuse(&target.path, error))?;
            // SQLite opens these files itself, and would wait for a pipe
            for beside in ["-journal", "-wal", "-shm"].map(|ending| target.beside(ending)) {
                if let Ok(found) = std::fs::symlink_metadata(&beside) {
                    disk::require_regular(&found).map_err(|error| refuse(&beside, error))?;
                }
            }
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(Error::new(DbErrorKind::NoSuchFile, format!("the SQLite file `{path}` does not exist")))
        }
        Err(error) => Err(Error::new(DbErrorKind::PermissionDenied, format!("`{path}` cannot be opened: {error}"))),
    }
}
