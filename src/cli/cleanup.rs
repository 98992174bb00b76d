//! Command `authsvc cleanup`: removes expired rows and backups, or counts them.

use std::time::Duration;

use super::error::{Error, Subject};
use super::output::{Output, Piped};
use super::progress::{CleanupProgressBar, kind_name};
use crate::backup::Retention;
use crate::clock::{self, Stopwatch};
use crate::config::Config;
use crate::db::{CleanupKind, Pool};
use crate::maintain::{Cleanup, CleanupError, CleanupEvent, CleanupProgress as _, CleanupReport};
use crate::shutdown;
use tokio_util::sync::CancellationToken;

#[derive(clap::Args)]
#[command(after_help = "\
Removes refresh tokens that are expired or were revoked a day ago, and erases expired OAuth tokens.
Accounts keep their links. Removes events and run records after their retention, and backups older
than RETENTION. The newest valid backup is always kept. Short transactions block no login. `serve`
cleans up every AUTHSVC_CLEANUP_INTERVAL, but removes backups only after a scheduled backup.

Examples:
  authsvc cleanup --dry-run      count what would be removed
  authsvc cleanup                also remove backups older than AUTHSVC_BACKUP_RETENTION (168h)
  authsvc cleanup 2w             keep backups for two weeks")]
pub(super) struct Arguments {
    /// How long backups are kept: 168h, 14d, 2w [default: AUTHSVC_BACKUP_RETENTION]
    retention: Option<Retention>,
    /// Count what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(arguments: &Arguments, config: &Config, output: Output) -> Result<u8, Error> {
    let pool = Pool::open(&config.database_url, config.pool).await.map_err(failed(config))?;
    let retention = arguments.retention.unwrap_or(config.backup_retention);
    let cleanup = super::settings::cleanup(config, &pool, Some(retention));
    let cleaned = if arguments.dry_run {
        cleanup.plan(clock::now()).await.map_err(failed(config))?
    } else {
        until_stopped(&cleanup, config, output).await?
    };
    drop(cleanup);
    pool.hang_up().await;
    output.answer(&cleaned, Piped::Text, || text(&cleaned))?;
    if cleaned.cancelled {
        Err(Error::Interrupted { signal: "a signal", left: "the rows removed so far are not restored" })
    } else {
        Ok(0)
    }
}

fn failed<E: Into<CleanupError>>(config: &Config) -> impl Fn(E) -> Error {
    let subject = Subject::of(config);
    move |error| Error::Cleanup { subject: subject.clone(), source: Box::new(error.into()) }
}

/// Runs the cleanup, and waits for the exclusive lock as a migrator does. A signal ends it after the current batch.
async fn until_stopped(cleanup: &Cleanup, config: &Config, output: Output) -> Result<CleanupReport, Error> {
    let stop = CancellationToken::new();
    let signal = async {
        let signal = shutdown::requested().await;
        stop.cancel();
        signal
    };
    let progress = CleanupProgressBar::new(output);
    let work = async {
        let watch = Stopwatch::start();
        loop {
            match cleanup.run(clock::now(), &stop, &progress).await {
                Err(CleanupError::Busy) if watch.elapsed() < config.lock_wait => {
                    progress.event(CleanupEvent::Waiting);
                    tokio::time::sleep(crate::migrate::with_jitter(Duration::from_millis(250))).await;
                }
                done => return done,
            }
        }
    };
    tokio::pin!(signal, work);
    tokio::select! {
        done = &mut work => return done.map_err(failed(config)),
        signal = &mut signal => tracing::info!("{}: stopping after this batch", signal?),
    }
    work.await.map_err(failed(config))
}

fn text(cleaned: &CleanupReport) -> String {
    let rows = [
        (kind_name(CleanupKind::ExpiredTokens), cleaned.expired_tokens),
        (kind_name(CleanupKind::RevokedTokens), cleaned.revoked_tokens),
        (kind_name(CleanupKind::OauthTokens), cleaned.oauth_tokens),
        (kind_name(CleanupKind::AuthEvents), cleaned.auth_events),
        (kind_name(CleanupKind::MaintenanceRuns), cleaned.maintenance_runs),
        (kind_name(CleanupKind::LoginThrottles), cleaned.login_throttles),
        (kind_name(CleanupKind::OauthStates), cleaned.oauth_states),
        (kind_name(CleanupKind::KnownDevices), cleaned.known_devices),
        ("backups", cleaned.backups),
    ];
    let mut text: String = rows.iter().map(|(name, count)| format!("{name:<24} {count:>10}\n")).collect();
    text.push_str(&if cleaned.dry_run {
        "would be removed; nothing was removed\n".to_owned()
    } else {
        let CleanupReport { batches, longest_batch_ms, duration_ms, .. } = cleaned;
        format!("removed in {duration_ms} ms: {batches} batches, the longest {longest_batch_ms} ms\n")
    });
    text
}
