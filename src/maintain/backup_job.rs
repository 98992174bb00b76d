//! Scheduled backup: made under the exclusive lock and recorded, followed by retention and, if configured, by a test
//! restore.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use entity::maintenance_run::{RunKind, RunOutcome};

use super::service_runs::{self, RunEnd, ServiceRun};
use crate::backup::retention::{KeepReason, RetentionMode, RetentionReport};
use crate::backup::{self, BackupDestination, BackupRequest, Metadata, Retention};
use crate::clock;
use crate::db::{DatabaseUrl, Error, ExclusiveLock, Pool};
use crate::migrate::MigrationSettings;
use tokio_util::sync::CancellationToken;

/// Time limits for recording the end of a run. After a stop it is shorter, because the shutdown waits for it.
const RECORDING: Duration = Duration::from_secs(10);
const RECORDING_A_STOP: Duration = Duration::from_secs(1);
/// Time limit for trying the lock.
const ASKING: Duration = Duration::from_secs(30);

/// Verification of a scheduled backup after it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScheduledVerification {
    /// The backup is read back and compared, as every backup is.
    Off,
    /// The backup is restored into a scratch database and compared with its metadata.
    Restore,
}

/// Outcome of an attempt at a scheduled time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupAttempt {
    /// This replica made the backup.
    Made,
    /// The backup failed. The cause was logged and recorded.
    Failed,
    /// The backup of this time was made before, here or on another replica.
    Served,
    /// Another replica holds the lock.
    Busy,
    /// A stop was requested.
    Stopped,
}

/// Settings and connections of the scheduled backups.
pub struct BackupJob {
    /// URL of the database.
    pub url: DatabaseUrl,
    /// Connection pool for the records.
    pub pool: Pool,
    /// Directory of the backups.
    pub directory: PathBuf,
    /// Retention of the backups.
    pub retention: Retention,
    /// Verification of each backup after it was made.
    pub verification: ScheduledVerification,
    /// Settings of the migrations in a test restore.
    pub settings: MigrationSettings,
    /// Version of authsvc, recorded in each backup.
    pub app_version: String,
    /// Name of the environment, recorded in each backup.
    pub environment: String,
}

impl BackupJob {
    /// Returns true if the backup of a scheduled time was begun and may be unfinished. False if the database does not
    /// answer.
    pub(super) async fn is_begun(&self, scheduled: DateTime<Utc>) -> bool {
        service_runs::is_begun(&self.pool, scheduled).await.unwrap_or_else(|error| {
            tracing::debug!("it is unknown whether a backup was left unfinished: {error}");
            false
        })
    }

    /// Makes the backup of a scheduled time, unless another replica makes or has made it.
    ///
    /// # Errors
    /// Returns an error if the database does not answer, or refuses the lock or the record.
    pub async fn attempt(&self, scheduled: DateTime<Utc>, stop: &CancellationToken) -> Result<BackupAttempt, Error> {
        let lock = async {
            let lock = tokio::time::timeout(ASKING, ExclusiveLock::try_acquire(&self.url)).await;
            lock.unwrap_or_else(|_| Err(Error::timed_out(ASKING)))
        };
        let Some(lock) = stop.run_until_cancelled(lock).await else { return Ok(BackupAttempt::Stopped) };
        let Some(lock) = lock? else { return Ok(BackupAttempt::Busy) };
        let done = self.run_locked(scheduled, stop).await;
        lock.release().await;
        done
    }

    async fn run_locked(&self, scheduled: DateTime<Utc>, stop: &CancellationToken) -> Result<BackupAttempt, Error> {
        let begin = async {
            if service_runs::is_served(&self.pool, scheduled).await? {
                return Ok(None);
            }
            let counts = service_runs::counts(Some(scheduled), None);
            ServiceRun::begin(&self.pool, RunKind::Backup, counts).await.map(Some)
        };
        let Some(begun) = stop.run_until_cancelled(begin).await else { return Ok(BackupAttempt::Stopped) };
        let Some(run) = begun? else { return Ok(BackupAttempt::Served) };
        // the warning runs as its own task, because a hanging file system can block this thread
        let watch = tokio::spawn(warn_while_running(scheduled));
        let made = stop.run_until_cancelled(self.make()).await;
        watch.abort();
        match made {
            Some(Ok(made)) => {
                self.record_made(&run, scheduled, &made).await;
                if self.verification == ScheduledVerification::Restore {
                    self.verify(&made, stop).await;
                }
                Ok(BackupAttempt::Made)
            }
            Some(Err(error)) => {
                log_failure("the scheduled backup", &error);
                let counts = service_runs::counts(Some(scheduled), None);
                run.end(end(RunOutcome::Failed, counts, Some(error.to_string())), RECORDING).await;
                Ok(BackupAttempt::Failed)
            }
            None => {
                tracing::info!("the scheduled backup was stopped, and no file is left");
                let counts = service_runs::counts(Some(scheduled), None);
                run.end(end(RunOutcome::Cancelled, counts, None), RECORDING_A_STOP).await;
                Ok(BackupAttempt::Stopped)
            }
        }
    }

    async fn make(&self) -> Result<Metadata, backup::Error> {
        let request = BackupRequest {
            target: BackupDestination::Directory(self.directory.clone()),
            compressed: true,
            validated: true,
            app_version: self.app_version.clone(),
            environment: self.environment.clone(),
        };
        backup::create(&self.url, &request, clock::now(), &no_progress()).await
    }

    /// Records the backup at once, and the retention's result afterwards. A kill in between leaves a recorded backup.
    async fn record_made(&self, run: &ServiceRun<'_>, scheduled: DateTime<Utc>, made: &Metadata) {
        tracing::info!(filename = made.filename, bytes = made.size, "scheduled backup made");
        for name in &made.not_included {
            tracing::warn!("not in the backup, because no migration makes it: {name}");
        }
        let mut counts = service_runs::counts(Some(scheduled), Some(made));
        service_runs::add_place(&mut counts, &self.directory);
        run.end(end(RunOutcome::Succeeded, counts.clone(), None), RECORDING).await;
        match backup::retain(&self.directory, self.retention, clock::now(), RetentionMode::Apply) {
            Ok(report) => {
                log_retention(&report);
                if !report.removed.is_empty() {
                    counts["removed"] = report.removed.len().into();
                    counts["removed_bytes"] = report.removed_bytes.into();
                    run.end(end(RunOutcome::Succeeded, counts, None), RECORDING).await;
                }
            }
            Err(error) => {
                log_failure("removing old backups", &error);
                let error = format!("removing old backups: {error}");
                run.end(end(RunOutcome::Succeeded, counts, Some(error)), RECORDING).await;
            }
        }
    }

    /// Verifies the backup by a test restore, recorded as its own run.
    async fn verify(&self, made: &Metadata, stop: &CancellationToken) {
        let counts = service_runs::counts(None, Some(made));
        let begun = stop.run_until_cancelled(ServiceRun::begin(&self.pool, RunKind::Verify, counts.clone())).await;
        let run = match begun {
            Some(Ok(run)) => run,
            Some(Err(error)) => {
                return tracing::error!("the verification of the scheduled backup cannot begin: {error}");
            }
            None => return,
        };
        let (outcome, error, patience) = match stop.run_until_cancelled(self.test_restore(&made.filename)).await {
            Some(Ok(())) => (RunOutcome::Succeeded, None, RECORDING),
            Some(Err(error)) => {
                log_failure("the verification of the scheduled backup", &error);
                (RunOutcome::Failed, Some(error.to_string()), RECORDING)
            }
            None => {
                let removed = backup::drop_own_scratch(&self.url);
                if !matches!(tokio::time::timeout(RECORDING_A_STOP, removed).await, Ok(Ok(()))) {
                    tracing::warn!("the scratch database still exists; the next verification drops it");
                }
                (RunOutcome::Cancelled, None, RECORDING_A_STOP)
            }
        };
        run.end(end(outcome, counts, error), patience).await;
    }

    /// Restores the backup into a scratch database. An invalid backup is an error.
    async fn test_restore(&self, filename: &str) -> Result<(), backup::Error> {
        let file = self.directory.join(filename);
        let verdict = backup::test_restore(&self.url, &file, &self.settings, clock::now(), &no_progress()).await?;
        if verdict.valid { Ok(()) } else { Err(backup::Error::NotValid { reasons: verdict.reasons }) }
    }
}

/// Interval of the warnings about a running backup.
const STILL_RUNNING: Duration = Duration::from_mins(15);

/// Logs a warning at each interval until it is aborted.
async fn warn_while_running(scheduled: DateTime<Utc>) {
    let watch = clock::Stopwatch::start();
    loop {
        tokio::time::sleep(STILL_RUNNING).await;
        let passed = humantime::format_duration(Duration::from_secs(watch.elapsed().as_secs()));
        tracing::warn!(
            hint = "check whether BACKUP_DIR answers (`ls` hangs, too), and for locks in the database",
            "the scheduled backup of {scheduled} has been running for {passed}; no other backup is made meanwhile"
        );
    }
}

/// Progress receiver that ignores all events.
fn no_progress() -> Arc<dyn backup::BackupProgress> {
    Arc::new(())
}

fn end(outcome: RunOutcome, counts: serde_json::Value, error: Option<String>) -> RunEnd {
    RunEnd { outcome, counts, error }
}

fn log_failure(what: &str, error: &backup::Error) {
    tracing::error!(hint = error.hint(), "{what} failed: {error}");
}

fn log_retention(report: &RetentionReport) {
    if !report.removed.is_empty() {
        tracing::info!(files = report.removed.len(), bytes = report.removed_bytes, "old backups removed");
    }
    for kept in &report.kept {
        match &kept.reason {
            KeepReason::NotValid(reasons) => tracing::warn!("{} is not valid: {}", kept.name, reasons.join("; ")),
            KeepReason::FromTheFuture => {
                tracing::warn!("{} has a time in the future: a clock was or is wrong", kept.name)
            }
            _ => {}
        }
    }
}
