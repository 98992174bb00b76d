//! `authsvc serve`: boot sequence and shutdown.
//!
//! The service listens first, so that probes get responses from the start. It waits for the database, migrates, seeds
//! in development, and becomes ready. Then it makes scheduled backups and stops on a signal. A signal during boot stops
//! it at once, because migrations are atomic or can run again.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use entity::maintenance_run::RunKind;
use tokio::task::JoinHandle;

use super::boot_rights;
use super::boot_status::BootStatus;
use super::error::{Error, Subject};
use super::output::Output;
use super::progress::MigrationProgressLog;
use crate::auth::oauth::Providers;
use crate::auth::{Auth, AuthParts, Keys, LogMailer, Mailer, NoMailer, Passwords, ProviderTokens};
use crate::clock::Stopwatch;
use crate::config::{Config, Environment};
use crate::db::Pool;
use crate::health::{self, HealthCollector, SignIn};
use crate::http::{Api, BootStage, Build, ListenSettings, Metrics, Server};
use crate::maintain::{self, BackupJob, Worker};
use crate::migrate::{self, MigrateAction, MigrationEvent, MigrationProgress, MigrationReport};
use crate::shutdown;

#[derive(clap::Args)]
#[command(after_help = "\
Listens on AUTHSVC_LISTEN (127.0.0.1:8080) for clients and on AUTHSVC_ADMIN_LISTEN (127.0.0.1:9090)
for operators.

Examples:
  authsvc serve                                      use authsvc.db, with development data
  DATABASE_URL_FILE=/run/secrets/url authsvc serve   production; also needs AUTHSVC_JWT_KEY_FILE")]
pub(super) struct Arguments {}

/// File name of a developer's signing key, in the working directory.
const DEVELOPMENT_KEY: &str = "authsvc-jwt.pem";

/// Interval between two reads of the password hash kinds in use.
const HASH_KINDS_EVERY: Duration = Duration::from_secs(60 * 60);

/// Build information for the metrics.
const BUILD: Build = Build {
    version: env!("CARGO_PKG_VERSION"),
    commit: env!("AUTHSVC_COMMIT"),
    migration: env!("AUTHSVC_NEWEST_MIGRATION"),
};

pub(super) async fn run(_: &Arguments, config: &Config, _: Output) -> Result<u8, Error> {
    tracing::info!(version = super::settings::VERSION, database = %config.database_url, environment = %config.environment, "starting");
    let boot_status = BootStatus::new(&config.notify)?;
    let sign_in = if can_sign(config) { SignIn::Possible } else { SignIn::NoKey };
    let collector = HealthCollector::new(health::HealthSettings { sign_in, ..super::settings::health(config) });
    let metrics = Metrics::new(BUILD).map_err(io::Error::other)?;
    let api = Api::new(config.api.clone());
    collector.watch_forwarding(api.forwarding());
    let listen = ListenSettings {
        public: config.listen,
        admin: config.admin_listen,
        admin_hosts: config.admin_hosts.clone(),
        database_connections: config.pool.connections(),
    };
    // before the first response, because a supervisor may send the signal right after it
    let stop = shutdown::requested();
    let server = Server::start(listen, boot_status.readiness(), &collector, &metrics, &api).await?;
    tokio::pin!(stop);
    let booted = tokio::select! {
        signal = &mut stop => {
            tracing::info!("{} during boot: stopping", signal?);
            boot_status.stopping();
            server.stop(config.shutdown_timeout).await;
            return Ok(0);
        }
        booted = boot(config, &boot_status, &api) => booted,
    };
    let BootedService { pool, auth } = match booted {
        Ok(booted) => booted,
        Err(error) => {
            boot_status.stopping();
            server.stop(Duration::from_secs(1)).await;
            return Err(error);
        }
    };
    collector.watch(pool.clone());
    if let Some(auth) = &auth {
        collector.watch_hashing(Arc::new(auth.passwords().clone()));
    }
    let samples = tokio::spawn(collector.clone().sample());
    let background = BackgroundJobs::start(config, &pool, auth)?;
    let signal = stop.await?;
    tracing::info!("{signal}: stopping");
    boot_status.stopping();
    samples.abort();
    let (drained, ()) = tokio::join!(server.stop(config.shutdown_timeout), background.stop(config.shutdown_timeout));
    if !drained {
        tracing::warn!("requests were still running after {:?} and were cut off", config.shutdown_timeout);
    }
    collector.close().await;
    let _ = tokio::time::timeout(Duration::from_secs(5), pool.close()).await;
    tracing::info!("stopped");
    Ok(0)
}

/// Background jobs of the service.
struct BackgroundJobs {
    backups: Option<Worker>,
    cleanup: Option<Worker>,
    reencryption: Option<JoinHandle<()>>,
    hash_kinds: Option<JoinHandle<()>>,
}

impl BackgroundJobs {
    fn start(config: &Config, pool: &Pool, auth: Option<Arc<Auth>>) -> Result<Self, Error> {
        let schedule = |schedule| maintain::schedule_backups(schedule, backups(config, pool));
        // backup files are removed only after a scheduled backup, so that manual backups are not removed unexpectedly
        let clean = |interval| maintain::schedule_cleanups(interval, super::settings::cleanup(config, pool, None));
        Ok(Self {
            backups: config.backup_schedule.clone().map(schedule).transpose()?,
            cleanup: config.cleanup_interval.map(clean).transpose()?,
            hash_kinds: auth.clone().map(|auth| tokio::spawn(async move { read_hash_kinds(&auth).await })),
            reencryption: auth.map(|auth| tokio::spawn(async move { reencrypt_tokens(&auth).await })),
        })
    }

    /// Stops all jobs within this time limit.
    async fn stop(self, patience: Duration) {
        // each link is replaced in one statement, so an abort leaves none half done
        [&self.reencryption, &self.hash_kinds].into_iter().flatten().for_each(JoinHandle::abort);
        tokio::join!(
            stop_worker(self.backups, "scheduled backup", patience),
            stop_worker(self.cleanup, "cleanup", patience)
        );
    }
}

async fn stop_worker(worker: Option<Worker>, what: &str, patience: Duration) {
    if let Some(worker) = worker
        && !worker.stop(patience).await
    {
        tracing::warn!("a {what} was still running after {patience:?} and is cut off");
    }
}

/// Reads hourly which password hash kinds are in use, so that a refused login takes as long as the slowest kind.
async fn read_hash_kinds(auth: &Auth) {
    loop {
        if let Err(error) = auth.read_hash_kinds().await {
            tracing::warn!("the kinds of password hashes in use could not be read; next try in an hour: {error}");
        }
        tokio::time::sleep(HASH_KINDS_EVERY).await;
    }
}

/// Re-encrypts the OAuth tokens with the current key, once per start.
async fn reencrypt_tokens(auth: &Auth) {
    match auth.reencrypt_tokens(crate::clock::now()).await {
        Ok(done) if done.links + done.undecryptable == 0 => {}
        Ok(done) => tracing::info!(
            reencrypted = done.links,
            undecryptable = done.undecryptable,
            "OAuth tokens were encrypted with other keys"
        ),
        Err(error) => {
            tracing::warn!("not all OAuth tokens were re-encrypted; the next start continues: {error}")
        }
    }
}

/// Settings of the scheduled backups.
fn backups(config: &Config, pool: &Pool) -> BackupJob {
    BackupJob {
        url: config.database_url.clone(),
        pool: pool.clone(),
        directory: config.backup_dir.clone(),
        retention: config.backup_retention,
        verification: config.backup_verification,
        settings: super::settings::migration(config),
        app_version: super::settings::app_version(),
        environment: config.environment.to_string(),
    }
}

/// Result of a successful boot.
struct BootedService {
    pool: Pool,
    /// Authentication service. `None` if no signing key is set.
    auth: Option<Arc<Auth>>,
}

/// Boots the service: migration, privilege check, development data, connection pool.
async fn boot(config: &Config, boot_status: &BootStatus, api: &Api) -> Result<BootedService, Error> {
    migrate_when_reachable(config, boot_status).await?;
    boot_rights::wait(config, boot_status).await?;
    let database = |source| Error::Database { subject: Subject::of(config), source };
    if config.environment == Environment::Development {
        boot_status.enter(BootStage::Seeding);
        super::seed::fill_at_boot(config).await?;
    }
    let pool = Pool::open(&config.database_url, config.pool).await.map_err(database)?;
    let auth = application(config, &pool)?.map(Arc::new);
    api.open(auth.clone());
    boot_status.ready(pool.clone()).await;
    tracing::info!("ready");
    Ok(BootedService { pool, auth })
}

/// Returns true if signing keys are configured, or will be created in development.
fn can_sign(config: &Config) -> bool {
    config.jwt_keys.is_some() || config.environment.allows_seed()
}

/// Builds the authentication service if signing keys are available. In development and test they are created.
fn application(config: &Config, pool: &Pool) -> Result<Option<Auth>, Error> {
    let keys = match &config.jwt_keys {
        Some(keys) => keys.clone(),
        None if can_sign(config) => Arc::new(Keys::of_file(Path::new(DEVELOPMENT_KEY))?),
        None => {
            tracing::error!(
                "no account can log in: AUTHSVC_JWT_KEY is not set; `openssl genpkey -algorithm ed25519` makes one"
            );
            return Ok(None);
        }
    };
    let mailer: Arc<dyn Mailer> = if config.environment == Environment::Development {
        Arc::new(LogMailer)
    } else {
        tracing::info!("addresses of new accounts remain unverified: mail delivery is not configured");
        Arc::new(NoMailer)
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let providers = Providers::new(config.oauth.clone(), keys.flow_key())?;
    let parts = AuthParts {
        keys,
        passwords: Passwords::new(threads)?.with_patience(config.api.timeout),
        mailer,
        issuer: config.public_url.as_str().to_owned(),
        providers,
        provider_tokens: provider_tokens(config),
        session_max_age: config.session_max_age,
    };
    Ok(Some(Auth::new(pool.clone(), parts)))
}

/// Storage of OAuth tokens: encrypted with a key. Without one, in clear in development and test, elsewhere not at all.
fn provider_tokens(config: &Config) -> ProviderTokens {
    match &config.vault {
        Some(vault) => ProviderTokens::Sealed(vault.clone()),
        None if config.environment.allows_seed() => ProviderTokens::InClear,
        None => {
            if config.oauth.google.is_some() || config.oauth.github.is_some() {
                tracing::warn!(
                    "OAuth tokens are not stored: AUTHSVC_ENCRYPTION_KEY is not set; `openssl rand -base64 32` makes one"
                );
            }
            ProviderTokens::Dropped
        }
    }
}

/// Migrates, and retries while the database does not answer. Errors that waiting cannot solve fail at once.
async fn migrate_when_reachable(config: &Config, boot_status: &BootStatus) -> Result<(), Error> {
    let watch = Stopwatch::start();
    let mut pause = Duration::from_millis(100);
    loop {
        let (attempt, progress) = (Stopwatch::start(), BootProgress { boot_status });
        let settings = super::settings::migration(config);
        let done = migrate::migrate(&config.database_url, MigrateAction::latest(), &settings, &progress).await;
        let done = match done {
            Err(error) => Err(error.explained(&config.database_url).await),
            done => done,
        };
        let error = match done {
            Err(error) if error.is_transient() && watch.elapsed() + pause <= config.database_wait => error,
            done => {
                maintain::record_migration(&config.database_url, RunKind::Migrate, attempt.elapsed(), done.as_ref())
                    .await;
                log_migration(&done.map_err(Error::migrating(config))?);
                return Ok(());
            }
        };
        tracing::warn!("waiting for the database: {error}");
        boot_status.enter(BootStage::WaitingForDatabase { reason: error.to_string() });
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}

fn log_migration(report: &MigrationReport) {
    if !report.unknown.is_empty() {
        tracing::warn!("the database has newer, compatible migrations: {}", report.unknown.join(", "));
    }
    tracing::info!(migration = report.to.as_deref().unwrap_or("none"), "schema is up to date");
}

/// Reports migration progress to the log and to the readiness response.
struct BootProgress<'a> {
    boot_status: &'a BootStatus,
}

impl MigrationProgress for BootProgress<'_> {
    fn event(&self, event: MigrationEvent<'_>) {
        let current = match &event {
            MigrationEvent::Started { name, .. }
            | MigrationEvent::Retrying { name, .. }
            | MigrationEvent::Finished { name, .. } => Some((*name).to_owned()),
            MigrationEvent::WaitingForLock => None,
        };
        self.boot_status.enter(BootStage::Migrating { current, target: migrate::newest().to_owned() });
        MigrationProgressLog.event(event);
    }
}
