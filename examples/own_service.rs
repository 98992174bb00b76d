//! The service as a library, in a program of your own: its own mailer, its own start.
//!
//! It reads the variables of docs/CONFIGURATION.md, migrates, and serves both listeners until SIGTERM or SIGINT. The
//! mailer prints each message to stdout. Put the client of your mail provider there.
//! `DATABASE_URL='sqlite:authsvc.db?mode=rwc' cargo run --example own_service`

#![expect(clippy::print_stdout, reason = "the mailer of the example prints its messages")]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use authsvc::auth::oauth::Providers;
use authsvc::auth::{Auth, AuthParts, Keys, Mailer, Passwords, ProviderTokens};
use authsvc::config::Config;
use authsvc::db::Pool;
use authsvc::health::{HealthCollector, HealthSettings, SignIn};
use authsvc::http::{Api, Build, ListenSettings, Metrics, Readiness, Server};
use authsvc::migrate::{self, MigrateAction, MigrationSettings};
use authsvc::shutdown;
use entity::value::Email;
use secrecy::{ExposeSecret as _, SecretString};

/// Sends the message that verifies an address, as a link into the application.
struct PrintingMailer;

#[async_trait]
impl Mailer for PrintingMailer {
    async fn send_verification(&self, to: &Email, token: &SecretString) -> Result<(), String> {
        println!("to {}: https://app.example.com/verify#{}", to.as_str(), token.expose_secret());
        Ok(())
    }

    /// The message arrives, so an account with an unverified address can be verified later.
    fn delivers(&self) -> bool {
        true
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let config = Config::load()?;
    let stop = shutdown::requested();
    // probes and health get answers during the migration; the API returns 503 until it is opened
    let (api, readiness) = (Api::new(config.api.clone()), Arc::<Readiness>::default());
    let collector = HealthCollector::new(health_settings(&config));
    let metrics = Metrics::new(Build { version: "1.0.0", commit: "unknown", migration: migrate::newest() })?;
    let server = Server::start(listen_settings(&config), readiness.clone(), &collector, &metrics, &api).await?;

    let settings = MigrationSettings {
        patience: config.lock_wait,
        lock_timeout: config.lock_timeout,
        app_version: "own_service 1.0.0".to_owned(),
    };
    migrate::migrate(&config.database_url, MigrateAction::latest(), &settings, &()).await?;
    let pool = Pool::open(&config.database_url, config.pool).await?;
    api.open(Some(Arc::new(application(&config, &pool)?)));
    collector.watch(pool.clone());
    readiness.ready(pool.clone()).await;

    stop.await?;
    server.stop(config.shutdown_timeout).await;
    collector.close().await;
    pool.close().await;
    Ok(())
}

/// Accounts and sessions on this database, with the mailer of this program.
fn application(config: &Config, pool: &Pool) -> Result<Auth, Box<dyn Error>> {
    let keys = match &config.jwt_keys {
        Some(keys) => keys.clone(),
        // a new key is written there; all replicas need the same one
        None => Arc::new(Keys::of_file(Path::new("jwt.pem"))?),
    };
    let parts = AuthParts {
        passwords: Passwords::new(2)?.with_patience(config.api.timeout),
        mailer: Arc::new(PrintingMailer),
        issuer: config.public_url.as_str().to_owned(),
        providers: Providers::new(config.oauth.clone(), keys.flow_key())?,
        provider_tokens: config.vault.clone().map_or(ProviderTokens::Dropped, ProviderTokens::Sealed),
        session_max_age: config.session_max_age,
        keys,
    };
    Ok(Auth::new(pool.clone(), parts))
}

fn listen_settings(config: &Config) -> ListenSettings {
    ListenSettings {
        public: config.listen,
        admin: config.admin_listen,
        admin_hosts: config.admin_hosts.clone(),
        database_connections: config.pool.connections(),
    }
}

fn health_settings(config: &Config) -> HealthSettings {
    HealthSettings {
        url: config.database_url.clone(),
        environment: config.environment.to_string(),
        backup_dir: config.backup_dir.clone(),
        thresholds: config.thresholds.clone(),
        sign_in: SignIn::Possible,
    }
}
