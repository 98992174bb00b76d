//! Command `authsvc seed`: inserts the development data.

use entity::maintenance_run::RunKind;

use super::error::{Error, Subject};
use super::output::{Output, Piped};
use super::usage_error::UsageError;
use crate::clock::{self, Stopwatch};
use crate::config::Config;
use crate::db::{Connection, Pool, PoolUse};
use crate::maintain::{self, CommandOutcome};
use crate::migrate;
use crate::seed;

#[derive(clap::Args)]
#[command(after_help = "\
seed/README.md lists the accounts and their password. Seeding twice changes nothing.
A database that holds any other account is refused.

Examples:
  authsvc seed                               seed authsvc.db in the working directory
  AUTHSVC_ENV=development authsvc seed       seed the database of DATABASE_URL")]
pub(super) struct Arguments {}

pub(super) async fn run(_: &Arguments, config: &Config, output: Output) -> Result<u8, Error> {
    if !config.environment.allows_seed() {
        return Err(UsageError::SeedEnvironment(config.environment).into());
    }
    let status = migrate::status(&config.database_url).await.map_err(Error::migrating(config))?;
    if status.pending > 0 || status.applied == 0 {
        return Err(UsageError::SeedSchema(config.database_url.to_string()).into());
    }
    refuse_newer(config).await.map_err(Error::migrating(config))?;
    let report = fill(config).await?;
    output.answer(&report, Piped::Text, || text(&report))?;
    Ok(0)
}

/// Refuses a database that a newer program migrated.
async fn refuse_newer(config: &Config) -> Result<(), migrate::Error> {
    let mut connection = Connection::open(&config.database_url).await?;
    let state = migrate::state(&mut connection).await;
    connection.hang_up().await;
    migrate::refuse_newer(&state?, config.database_url.backend())
}

/// Inserts the development data at boot, unless the database holds other accounts.
pub(super) async fn fill_at_boot(config: &Config) -> Result<(), Error> {
    match fill(config).await {
        Ok(report) => tracing::info!(users = report.users, "development data added"),
        Err(Error::Seed { source, .. }) if matches!(*source, seed::Error::OtherAccounts { .. }) => {
            tracing::info!("no development data added: {source}");
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Inserts the development data. The caller decides whether that is allowed.
async fn fill(config: &Config) -> Result<seed::SeedReport, Error> {
    let subject = Subject::of(config);
    let pool = Pool::open(&config.database_url, PoolUse::Migrate)
        .await
        .map_err(|source| Error::Database { subject: subject.clone(), source })?;
    let watch = Stopwatch::start();
    let seeded = seed::seed(&pool, clock::now(), config.lock_wait).await;
    pool.close().await;
    let is_refused = matches!(seeded, Err(seed::Error::OtherAccounts { .. }));
    if !is_refused && seeded.as_ref().ok() != Some(&seed::SeedReport::default()) {
        let ended = CommandOutcome::of(seeded.as_ref().map(|report| serde_json::json!(report)));
        maintain::record_run(&config.database_url, RunKind::Seed, watch.elapsed(), ended).await;
    }
    seeded.map_err(|source| Error::Seed { subject, source: Box::new(source) })
}

fn text(report: &seed::SeedReport) -> String {
    if *report == seed::SeedReport::default() {
        return "nothing to add: the development data already exists\n".to_owned();
    }
    format!(
        "added {} users, {} oauth_providers, {} refresh_tokens\n",
        report.users, report.oauth_providers, report.refresh_tokens
    )
}
