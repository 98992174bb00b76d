//! Configuration: the only module that reads the environment. `docs/CONFIGURATION.md` documents every variable.
//!
//! Variables come from the process, then from `.env` in the working directory. Every secret `X` can be given as a file
//! named by `X_FILE`. It is an error to set both, or to set a variable to an empty value (`variables`). An unknown
//! variable that starts with `AUTHSVC_` causes a warning.

mod api;
mod backups;
mod cleanup;
mod database;
mod dotenv;
mod environment;
mod error;
mod health;
mod oauth;
mod supervisor;
mod terminal;
mod variables;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
pub use environment::Environment;
pub use error::Error;
pub use supervisor::SupervisorSettings;
pub use terminal::TerminalSettings;
pub use variables::Variables;

use crate::auth::BaseUrl;
use crate::auth::Keys;
use crate::auth::oauth::OauthSettings;
use crate::auth::vault::Vault;
use crate::backup::Retention;
use crate::db::{DatabaseUrl, PoolUse, RetentionDays};
use crate::health::Thresholds;
use crate::http::ApiSettings;
use crate::maintain::{Schedule, ScheduledVerification};

/// Configuration of the program, parsed and validated.
#[derive(Debug)]
pub struct Config {
    /// URL of the database, from `DATABASE_URL` or `DATABASE_URL_FILE`.
    pub database_url: DatabaseUrl,
    /// Kind of installation, from `AUTHSVC_ENV`. Without a server's URL, `APP_ENV` and then `GO_ENV` are read, too.
    pub environment: Environment,
    /// Address of the public listener, from `AUTHSVC_LISTEN`.
    pub listen: SocketAddr,
    /// Address of the operators' listener, from `AUTHSVC_ADMIN_LISTEN`.
    pub admin_listen: SocketAddr,
    /// Host names that the operators' listener accepts, in lower case, from `AUTHSVC_ADMIN_HOSTS`.
    pub admin_hosts: Vec<String>,
    /// URL of the public listener as clients see it, from `AUTHSVC_PUBLIC_URL`.
    pub public_url: BaseUrl,
    /// Age at which a session ends, however often it is refreshed, from `AUTHSVC_SESSION_MAX_AGE`.
    pub session_max_age: TimeDelta,
    /// Login with OAuth providers, from `AUTHSVC_GOOGLE_…`, `AUTHSVC_GITHUB_…` and `AUTHSVC_OAUTH_REDIRECT_URL`.
    pub oauth: OauthSettings,
    /// Keys that encrypt the OAuth tokens, from `AUTHSVC_ENCRYPTION_KEY` or `AUTHSVC_ENCRYPTION_KEY_FILE`.
    pub vault: Option<Arc<Vault>>,
    /// Keys that sign access tokens, from `AUTHSVC_JWT_KEY` or `AUTHSVC_JWT_KEY_FILE`.
    pub jwt_keys: Option<Arc<Keys>>,
    /// Settings of the public API.
    pub api: ApiSettings,
    /// Connections that requests share, from `AUTHSVC_DATABASE_MAX_CONNECTIONS`.
    pub pool: PoolUse,
    /// Longest time that `serve` waits for the database at boot, from `AUTHSVC_DATABASE_WAIT`.
    pub database_wait: Duration,
    /// Longest wait for another migrator and for locked tables, from `AUTHSVC_LOCK_WAIT`.
    pub lock_wait: Duration,
    /// Longest wait of one migration statement for a lock, from `AUTHSVC_LOCK_TIMEOUT`.
    pub lock_timeout: Duration,
    /// Time that running requests may take after SIGTERM, from `AUTHSVC_SHUTDOWN_TIMEOUT`.
    pub shutdown_timeout: Duration,
    /// Notifications to systemd, from `NOTIFY_SOCKET` and `WATCHDOG_USEC`.
    pub notify: SupervisorSettings,
    /// Directory of the backups, from `BACKUP_DIR`.
    pub backup_dir: PathBuf,
    /// Schedule of the backups that `serve` makes, from `AUTHSVC_BACKUP_SCHEDULE`.
    pub backup_schedule: Option<Schedule>,
    /// Retention of backups, from `AUTHSVC_BACKUP_RETENTION`.
    pub backup_retention: Retention,
    /// Verification of scheduled backups by a test restore, from `AUTHSVC_BACKUP_VERIFY`.
    pub backup_verification: ScheduledVerification,
    /// Interval at which `serve` cleans up, from `AUTHSVC_CLEANUP_INTERVAL`.
    pub cleanup_interval: Option<Duration>,
    /// Target duration of a cleanup batch, from `AUTHSVC_CLEANUP_BATCH`.
    pub cleanup_batch: Duration,
    /// Retention of events and run records, from `AUTHSVC_AUTH_EVENTS_RETENTION` and
    /// `AUTHSVC_MAINTENANCE_RUNS_RETENTION`.
    pub kept: RetentionDays,
    /// Thresholds of the health reports.
    pub thresholds: Thresholds,
    /// Log filter in the syntax of `RUST_LOG`, from `AUTHSVC_LOG`.
    pub log_filter: Option<String>,
    /// True if the log format is `json`, from `AUTHSVC_LOG_FORMAT`.
    pub log_json: bool,
    /// Warnings about the configuration, such as unknown variables.
    pub warnings: Vec<String>,
}

impl Config {
    /// Reads the process's environment and `.env`.
    ///
    /// # Errors
    /// Returns an error for the first variable that cannot be used.
    pub fn load() -> Result<Self, Error> {
        Self::from_variables(&Variables::of_process()?)
    }

    /// Parses the given variables.
    ///
    /// # Errors
    /// Returns an error for the first variable that cannot be used.
    pub fn from_variables(variables: &Variables) -> Result<Self, Error> {
        variables.check_all()?;
        let (database_url, choice) = database::url(variables)?;
        let (environment, ignored) = environment::read(variables, database_url.backend(), choice)?;
        let listen = variables.parsed("AUTHSVC_LISTEN", "127.0.0.1:8080", "an address and port like 0.0.0.0:8080")?;
        let public_url = oauth::public_url(variables, listen)?;
        let api = api::settings(variables, &public_url)?;
        Ok(Self {
            warnings: [variables.unknown(), ignored, database_url.warnings().to_vec()].concat(),
            database_url,
            environment,
            listen,
            oauth: oauth::settings(variables, &public_url, api.timeout)?,
            jwt_keys: api::jwt_keys(variables)?.map(Arc::new),
            api,
            session_max_age: api::session_max_age(variables)?,
            public_url,
            vault: oauth::vault(variables)?.map(Arc::new),
            admin_listen: variables.parsed(
                "AUTHSVC_ADMIN_LISTEN",
                "127.0.0.1:9090",
                "an address and port like 127.0.0.1:9090",
            )?,
            admin_hosts: api::admin_hosts(variables)?,
            pool: pool(variables)?,
            database_wait: variables.duration("AUTHSVC_DATABASE_WAIT", "5m")?,
            lock_wait: variables.duration("AUTHSVC_LOCK_WAIT", "60s")?,
            lock_timeout: lock_timeout(variables)?,
            shutdown_timeout: variables.duration("AUTHSVC_SHUTDOWN_TIMEOUT", "20s")?,
            notify: supervisor::notify(variables)?,
            backup_dir: PathBuf::from(variables.get("BACKUP_DIR").unwrap_or("backups")),
            backup_schedule: backups::schedule(variables)?,
            backup_retention: backups::retention(variables)?,
            backup_verification: backups::verification(variables)?,
            cleanup_interval: cleanup::interval(variables)?,
            cleanup_batch: variables.duration("AUTHSVC_CLEANUP_BATCH", "25ms")?,
            kept: cleanup::kept(variables)?,
            thresholds: health::thresholds(variables, environment)?,
            log_filter: variables.get("AUTHSVC_LOG").map(str::to_owned),
            log_json: log_json(variables)?,
        })
    }
}

fn log_json(variables: &Variables) -> Result<bool, Error> {
    match variables.get("AUTHSVC_LOG_FORMAT") {
        None | Some("text") => Ok(false),
        Some("json") => Ok(true),
        Some(other) => {
            Err(Error::invalid("AUTHSVC_LOG_FORMAT", format!("`{other}` is not a log format"), "use text or json"))
        }
    }
}

fn pool(variables: &Variables) -> Result<PoolUse, Error> {
    const NAME: &str = "AUTHSVC_DATABASE_MAX_CONNECTIONS";
    let Some(text) = variables.get(NAME) else { return Ok(PoolUse::SERVE) };
    variables.parsed(NAME, text, "a whole number from 1 to 65535").map(PoolUse::Serve)
}

/// Longest wait of a migration statement for a lock, within PostgreSQL's range. 0 ms is refused, because there it means
/// no limit.
fn lock_timeout(variables: &Variables) -> Result<Duration, Error> {
    const NAME: &str = "AUTHSVC_LOCK_TIMEOUT";
    let limit = variables.duration(NAME, "2s")?;
    if (Duration::from_millis(1)..=Duration::from_hours(24)).contains(&limit) {
        return Ok(limit);
    }
    let message = format!("`{}` is under a millisecond or over a day", variables.get(NAME).unwrap_or_default());
    Err(Error::invalid(NAME, message, "write a duration like 500ms or 2s"))
}
