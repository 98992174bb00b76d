//! The only reader of the environment. Every variable is documented where it is read and in `docs/CONFIGURATION.md`.
//!
//! Variables come from the process, then from `.env` in the working directory. Every secret `X` can be given as a file
//! named by `X_FILE`; both at once is an error, and so is a variable that is set and has no value (`variables`). A variable
//! that starts with `AUTHSVC_` and is unknown is warned about.

mod api;
mod backups;
mod cleanup;
mod database;
mod dotenv;
mod environment;
mod health;
mod oauth;
mod supervisor;
mod terminal;
mod variables;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
pub use environment::Environment;
pub use supervisor::SupervisorSettings;
pub use terminal::TerminalSettings;
pub use variables::Variables;

use crate::auth::BaseUrl;
use crate::auth::Keys;
use crate::auth::oauth::OauthSettings;
use crate::auth::vault::Vault;
use crate::backup::Retention;
use crate::db::{DatabaseUrl, InvalidUrl, PoolUse, RetentionDays};
use crate::health::Thresholds;
use crate::http::ApiSettings;
use crate::maintain::{Schedule, ScheduledVerification};

/// What the environment says, parsed.
#[derive(Debug)]
pub struct Config {
    /// `DATABASE_URL` or `DATABASE_URL_FILE`.
    pub database_url: DatabaseUrl,
    /// `AUTHSVC_ENV`; without the URL of a server then `APP_ENV`, then `GO_ENV`.
    pub environment: Environment,
    /// `AUTHSVC_LISTEN`: the public listener.
    pub listen: SocketAddr,
    /// `AUTHSVC_ADMIN_LISTEN`: the operators' listener.
    pub admin_listen: SocketAddr,
    /// `AUTHSVC_ADMIN_HOSTS`: names under which the operators' listener answers, in lower case.
    pub admin_hosts: Vec<String>,
    /// `AUTHSVC_PUBLIC_URL`: where the public listener is reached from outside.
    pub public_url: BaseUrl,
    /// The age at which a session ends, however often it is refreshed; from AUTHSVC_SESSION_MAX_AGE.
    pub session_max_age: TimeDelta,
    /// `AUTHSVC_GOOGLE_…`, `AUTHSVC_GITHUB_…` and `AUTHSVC_OAUTH_REDIRECT_URL`: logging in through providers.
    pub oauth: OauthSettings,
    /// `AUTHSVC_ENCRYPTION_KEY` or `AUTHSVC_ENCRYPTION_KEY_FILE`: encrypts the providers' tokens.
    pub vault: Option<Arc<Vault>>,
    /// `AUTHSVC_JWT_KEY` or `AUTHSVC_JWT_KEY_FILE`: signs access tokens.
    pub jwt_keys: Option<Arc<Keys>>,
    /// What the public API lets through.
    pub api: ApiSettings,
    /// `AUTHSVC_DATABASE_MAX_CONNECTIONS`: how many connections requests share.
    pub pool: PoolUse,
    /// `AUTHSVC_DATABASE_WAIT`: how long `serve` waits for a database that is not there yet.
    pub database_wait: Duration,
    /// `AUTHSVC_LOCK_WAIT`: how long to wait for another migrator and for locked tables.
    pub lock_wait: Duration,
    /// `AUTHSVC_LOCK_TIMEOUT`: how long one statement of a migration may wait for a lock.
    pub lock_timeout: Duration,
    /// `AUTHSVC_SHUTDOWN_TIMEOUT`: how long running requests may take after SIGTERM.
    pub shutdown_timeout: Duration,
    /// `NOTIFY_SOCKET` and `WATCHDOG_USEC`: whom to tell how `serve` is doing.
    pub notify: SupervisorSettings,
    /// `BACKUP_DIR`: where backups are.
    pub backup_dir: PathBuf,
    /// `AUTHSVC_BACKUP_SCHEDULE`: when `serve` makes backups.
    pub backup_schedule: Option<Schedule>,
    /// `AUTHSVC_BACKUP_RETENTION`: how long backups are kept.
    pub backup_retention: Retention,
    /// `AUTHSVC_BACKUP_VERIFY`: whether a scheduled backup is proven.
    pub backup_verification: ScheduledVerification,
    /// `AUTHSVC_CLEANUP_INTERVAL`: how often `serve` cleans up.
    pub cleanup_interval: Option<Duration>,
    /// `AUTHSVC_CLEANUP_BATCH`: how long a batch of a cleanup is to take.
    pub cleanup_batch: Duration,
    /// `AUTHSVC_AUTH_EVENTS_RETENTION` and `AUTHSVC_MAINTENANCE_RUNS_RETENTION`.
    pub kept: RetentionDays,
    /// From where on a figure of the health reports is a finding.
    pub thresholds: Thresholds,
    /// `AUTHSVC_LOG`: a filter as `RUST_LOG` takes it.
    pub log_filter: Option<String>,
    /// `AUTHSVC_LOG_FORMAT`: `text` or `json`.
    pub log_json: bool,
    /// Things to tell that are no errors, such as unknown variables.
    pub warnings: Vec<String>,
}

/// A variable that cannot be used: which, why, and what to do. Never holds a secret's value.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database URL is refused.
    #[error("{variable}: {source}")]
    Url {
        /// Where it came from.
        variable: &'static str,
        /// Why.
        source: InvalidUrl,
    },
    /// Another variable is refused.
    #[error("{variable}: {message}")]
    Invalid {
        /// Its name.
        variable: String,
        /// Why.
        message: String,
        /// What to do.
        hint: String,
    },
}

impl Error {
    fn invalid(variable: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Invalid { variable: variable.into(), message: message.into(), hint: hint.into() }
    }

    /// What to do about it.
    pub fn hint(&self) -> &str {
        match self {
            Self::Url { source, .. } => source.hint(),
            Self::Invalid { hint, .. } => hint,
        }
    }
}

impl Config {
    /// Reads the process's environment and `.env`.
    ///
    /// # Errors
    /// The first variable that cannot be used.
    pub fn load() -> Result<Self, Error> {
        Self::from_variables(&Variables::of_process()?)
    }

    /// Parses given variables.
    ///
    /// # Errors
    /// The first variable that cannot be used.
    pub fn from_variables(variables: &Variables) -> Result<Self, Error> {
        variables.check_all()?;
        let (database_url, choice) = database::url(variables)?;
        let (environment, ignored) = environment::read(variables, database_url.backend(), choice)?;
        let listen = parsed(variables, "AUTHSVC_LISTEN", "127.0.0.1:8080", "an address and port like 0.0.0.0:8080")?;
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
            admin_listen: parsed(
                variables,
                "AUTHSVC_ADMIN_LISTEN",
                "127.0.0.1:9090",
                "an address and port like 127.0.0.1:9090",
            )?,
            admin_hosts: api::admin_hosts(variables)?,
            pool: pool(variables)?,
            database_wait: duration(variables, "AUTHSVC_DATABASE_WAIT", "5m")?,
            lock_wait: duration(variables, "AUTHSVC_LOCK_WAIT", "60s")?,
            lock_timeout: lock_timeout(variables)?,
            shutdown_timeout: duration(variables, "AUTHSVC_SHUTDOWN_TIMEOUT", "20s")?,
            notify: supervisor::notify(variables)?,
            backup_dir: PathBuf::from(variables.get("BACKUP_DIR").unwrap_or("backups")),
            backup_schedule: backups::schedule(variables)?,
            backup_retention: backups::retention(variables)?,
            backup_verification: backups::verification(variables)?,
            cleanup_interval: cleanup::interval(variables)?,
            cleanup_batch: duration(variables, "AUTHSVC_CLEANUP_BATCH", "25ms")?,
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
            Err(Error::invalid("AUTHSVC_LOG_FORMAT", format!("`{other}` is no log format"), "use text or json"))
        }
    }
}

fn pool(variables: &Variables) -> Result<PoolUse, Error> {
    const NAME: &str = "AUTHSVC_DATABASE_MAX_CONNECTIONS";
    let Some(text) = variables.get(NAME) else { return Ok(PoolUse::SERVE) };
    parsed(variables, NAME, text, "a whole number from 1 to 65535").map(PoolUse::Serve)
}

fn parsed<T: FromStr>(variables: &Variables, name: &'static str, default: &str, form: &str) -> Result<T, Error> {
    let text = variables.get(name).unwrap_or(default);
    text.parse().map_err(|_| Error::invalid(name, format!("`{text}` cannot be read"), format!("write {form}")))
}

/// How long a statement of a migration waits for a lock, in the range of PostgreSQL's setting: 0 ms is no limit there.
fn lock_timeout(variables: &Variables) -> Result<Duration, Error> {
    const NAME: &str = "AUTHSVC_LOCK_TIMEOUT";
    let limit = duration(variables, NAME, "2s")?;
    if (Duration::from_millis(1)..=Duration::from_hours(24)).contains(&limit) {
        return Ok(limit);
    }
    let message = format!("`{}` is under a millisecond or over a day", variables.get(NAME).unwrap_or_default());
    Err(Error::invalid(NAME, message, "write a duration like 500ms or 2s"))
}

fn duration(variables: &Variables, name: &'static str, default: &str) -> Result<Duration, Error> {
    let text = variables.get(name).unwrap_or(default);
    let refuse = |why: String| Error::invalid(name, format!("`{text}` {why}"), "write a duration like 30s, 5m or 1h");
    let duration = humantime::parse_duration(text).map_err(|error| refuse(format!("is no duration: {error}")))?;
    if duration.is_zero() { Err(refuse("is too short".to_owned())) } else { Ok(duration) }
}
