//! Cleanup: removes expired tokens, events, run records and backup files.
//!
//! Rows are removed in batches, each a short transaction. The batch size adapts so that a batch takes about the
//! configured time. A batch that took long under load is followed by an equally long pause. On SQLite every batch is,
//! because other writers are blocked meanwhile.
//!
//! Removal uses the index until it has removed more than a twentieth of the table. From PostgreSQL 14 on, it then uses
//! ranges of pages. It can be stopped after any batch, and the rows removed so far are not restored.

use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use entity::maintenance_run::{RunKind, RunOutcome};
use serde::Serialize;
use serde_json::json;

use super::progress::{CleanupEvent, CleanupProgress};
use super::service_runs::{RunEnd, ServiceRun};
use crate::backup::retention::RetentionMode;
use crate::backup::{self, Retention};
use crate::clock::Stopwatch;
use crate::db::{self, Backend, CleanupKind, Connection, DatabaseUrl, Error, ExclusiveLock, Pool, RetentionDays};
use crate::migrate;
use tokio_util::sync::CancellationToken;

/// Rows in the first batch and in the largest batch.
const ROWS: (u64, u64) = (2_000, 20_000);
/// Pages in the first range and in the largest range.
const PAGES: (u64, u64) = (32, 256);
/// Share of the table above which ranges of pages are faster than the index.
const MANY: f64 = 0.05;
/// Number of attempts at a batch that waits for other sessions' locks.
const ATTEMPTS: u32 = 5;
/// Time limit for recording the end of a run.
const RECORDING: Duration = Duration::from_secs(5);

/// Settings and connections of a cleanup.
pub struct Cleanup {
    /// URL of the database.
    pub url: DatabaseUrl,
    /// Connection pool for the records.
    pub pool: Pool,
    /// Directory of the backups.
    pub backup_dir: PathBuf,
    /// Retention of backups. `None` if no backups are removed.
    pub backup_retention: Option<Retention>,
    /// Retention of events and run records, in days.
    pub retention_days: RetentionDays,
    /// Target duration of a batch.
    pub batch: Duration,
}

/// Numbers of rows and files that were removed or would be removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CleanupReport {
    /// True if nothing was removed.
    pub dry_run: bool,
    /// True if the cleanup was stopped before its end.
    pub cancelled: bool,
    /// Number of expired refresh tokens.
    pub expired_tokens: u64,
    /// Number of refresh tokens revoked for more than a day.
    pub revoked_tokens: u64,
    /// Number of expired OAuth tokens. They are erased, and the accounts keep their links.
    pub oauth_tokens: u64,
    /// Number of events older than their retention.
    pub auth_events: u64,
    /// Number of run records older than their retention.
    pub maintenance_runs: u64,
    /// Number of expired counts of failed logins.
    pub login_throttles: u64,
    /// Number of used OAuth states past their expiry.
    pub oauth_states: u64,
    /// Number of devices without a login in the last 90 days.
    pub known_devices: u64,
    /// Number of backup files.
    pub backups: u64,
    /// Number of batches, each a short transaction.
    pub batches: u64,
    /// Duration of the longest batch, in milliseconds.
    pub longest_batch_ms: u64,
    /// Duration of the whole cleanup, in milliseconds.
    pub duration_ms: u64,
}

/// Reason why a cleanup did not finish. Rows removed so far are not restored.
#[derive(Debug, thiserror::Error)]
pub enum CleanupError {
    /// The database refused a statement or did not answer.
    #[error(transparent)]
    Database(#[from] Error),
    /// The backup directory could not be read.
    #[error(transparent)]
    Backups(#[from] backup::Error),
    /// The database is newer than this program.
    #[error(transparent)]
    Schema(#[from] migrate::Error),
    /// Another process holds the exclusive lock.
    #[error("another process runs a cleanup or a scheduled backup on this database")]
    Busy,
    /// The database has no tables.
    #[error("the database is empty")]
    Empty,
    /// The schema is not the one of this program.
    #[error("the schema is not the one of this program; pending migrations: {pending}")]
    Pending {
        /// Number of pending migrations.
        pending: usize,
    },
}

impl CleanupError {
    /// Hint for the operator: how to solve the problem.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Database(error) => error.hint(),
            Self::Backups(error) => error.hint(),
            Self::Schema(error) => error.hint(),
            Self::Busy => Some("wait until it has ended, then run the command again".to_owned()),
            Self::Empty => Some("run `authsvc migrate`".to_owned()),
            Self::Pending { .. } => Some("run `authsvc migrate` first".to_owned()),
        }
    }
}

impl CleanupReport {
    fn count(&mut self, kind: CleanupKind) -> &mut u64 {
        match kind {
            CleanupKind::ExpiredTokens => &mut self.expired_tokens,
            CleanupKind::RevokedTokens => &mut self.revoked_tokens,
            CleanupKind::OauthTokens => &mut self.oauth_tokens,
            CleanupKind::AuthEvents => &mut self.auth_events,
            CleanupKind::MaintenanceRuns => &mut self.maintenance_runs,
            CleanupKind::LoginThrottles => &mut self.login_throttles,
            CleanupKind::OauthStates => &mut self.oauth_states,
            CleanupKind::KnownDevices => &mut self.known_devices,
        }
    }

    /// Counts under the names that the metrics use.
    fn counts(&self) -> serde_json::Value {
        json!({
            "refresh_tokens": self.expired_tokens + self.revoked_tokens,
            "oauth_tokens": self.oauth_tokens,
            "auth_events": self.auth_events,
            "maintenance_runs": self.maintenance_runs,
            "login_throttles": self.login_throttles,
            "oauth_states": self.oauth_states,
            "known_devices": self.known_devices,
            "backups": self.backups,
        })
    }
}

impl Cleanup {
    /// Counts what would be removed. Read-only.
    ///
    /// # Errors
    /// Returns an error if the database or the file system fails.
    pub async fn plan(&self, now: DateTime<Utc>) -> Result<CleanupReport, CleanupError> {
        let watch = Stopwatch::start();
        let mut connection = self.connect().await?;
        let mut cleaned = CleanupReport { dry_run: true, ..CleanupReport::default() };
        for kind in CleanupKind::ALL {
            *cleaned.count(kind) = connection.count_removable(kind, self.retention_days).await?;
        }
        connection.hang_up().await;
        cleaned.backups = self.files(now, RetentionMode::Plan)?;
        cleaned.duration_ms = watch.milliseconds();
        Ok(cleaned)
    }

    /// Removes expired rows and files under the exclusive lock, and records the run.
    ///
    /// # Errors
    /// Returns [`CleanupError::Busy`] if another process holds the lock, or an error of the database or file system.
    pub async fn run(
        &self,
        now: DateTime<Utc>,
        stop: &CancellationToken,
        progress: &dyn CleanupProgress,
    ) -> Result<CleanupReport, CleanupError> {
        let mut connection = self.connect().await?;
        let Some(lock) = ExclusiveLock::try_acquire(&self.url).await? else { return Err(CleanupError::Busy) };
        let done = self.run_locked(&mut connection, now, stop, progress).await;
        connection.hang_up().await;
        lock.release().await;
        done
    }

    /// Number of expired backup files. In mode `Apply` they are removed.
    fn files(&self, now: DateTime<Utc>, mode: RetentionMode) -> Result<u64, CleanupError> {
        let Some(retention) = self.backup_retention else { return Ok(0) };
        Ok(backup::retain(&self.backup_dir, retention, now, mode)?.removed.len() as u64)
    }

    async fn connect(&self) -> Result<Connection, CleanupError> {
        let mut connection = Connection::open(&self.url).await?;
        let state = migrate::state(&mut connection).await?;
        migrate::refuse_newer(&state, connection.backend())?;
        let standing = migrate::HistorySummary::of(&state, connection.backend());
        match standing.summary {
            _ if standing.is_current() => Ok(connection),
            migrate::HistoryState::Empty => Err(CleanupError::Empty),
            _ => Err(CleanupError::Pending { pending: standing.pending }),
        }
    }

    async fn run_locked(
        &self,
        connection: &mut Connection,
        now: DateTime<Utc>,
        stop: &CancellationToken,
        progress: &dyn CleanupProgress,
    ) -> Result<CleanupReport, CleanupError> {
        let watch = Stopwatch::start();
        let run = ServiceRun::begin(&self.pool, RunKind::Cleanup, json!({})).await?;
        let mut cleaned = CleanupReport::default();
        let done = self.rows(connection, stop, progress, &mut cleaned).await;
        let done = match done {
            Ok(()) if !cleaned.cancelled => {
                progress.event(CleanupEvent::Backups);
                self.files(now, RetentionMode::Apply).map(|files| cleaned.backups = files)
            }
            done => done,
        };
        cleaned.duration_ms = watch.milliseconds();
        let outcome = match &done {
            Err(_) => RunOutcome::Failed,
            Ok(()) if cleaned.cancelled => RunOutcome::Cancelled,
            Ok(()) => RunOutcome::Succeeded,
        };
        let error = done.as_ref().err().map(ToString::to_string);
        run.end(RunEnd { outcome, counts: cleaned.counts(), error }, RECORDING).await;
        done.map(|()| cleaned)
    }

    /// Removes one kind of rows after the other, until a stop is requested.
    async fn rows(
        &self,
        connection: &mut Connection,
        stop: &CancellationToken,
        progress: &dyn CleanupProgress,
        cleaned: &mut CleanupReport,
    ) -> Result<(), CleanupError> {
        for kind in CleanupKind::ALL {
            progress.event(CleanupEvent::Began(kind));
            KindCleanup {
                connection,
                kind,
                retention: self.retention_days,
                target: self.batch,
                stop,
                progress,
                cleaned,
            }
            .by_index()
            .await?;
            if cleaned.cancelled {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Removal of one kind of rows.
struct KindCleanup<'a> {
    connection: &'a mut Connection,
    kind: CleanupKind,
    retention: RetentionDays,
    target: Duration,
    stop: &'a CancellationToken,
    progress: &'a dyn CleanupProgress,
    cleaned: &'a mut CleanupReport,
}

impl KindCleanup<'_> {
    async fn by_index(mut self) -> Result<(), Error> {
        let (mut limit, most) = ROWS;
        let size = self.connection.size_of(self.kind).await?;
        let many = size.map(|size| ((size.rows.max(0.0) * MANY) as u64, size.pages));
        loop {
            let (removed, took) = self.batch(limit).await?;
            if removed > 0 {
                self.count(removed, took);
            }
            if removed < limit || self.is_stopped(took).await {
                return Ok(());
            }
            if let Some((_, pages)) = many.filter(|(share, _)| *self.cleaned.count(self.kind) > *share) {
                return self.by_pages(pages).await;
            }
            limit = self.fitting(limit, took, most);
        }
    }

    /// Removes rows in page ranges through the whole table. It does not use the index, which is full of dead entries by
    /// then.
    async fn by_pages(&mut self, pages: u64) -> Result<(), Error> {
        let ((mut step, most), mut from) = (PAGES, 0);
        while from < pages {
            let until = (from + step).min(pages);
            let watch = Stopwatch::start();
            let removed = self.connection.remove_in_pages(self.kind, self.retention, from..until).await?;
            self.count(removed, watch.elapsed());
            if self.is_stopped(watch.elapsed()).await {
                return Ok(());
            }
            from = until;
            step = self.fitting(step, watch.elapsed(), most);
        }
        Ok(())
    }

    fn count(&mut self, removed: u64, took: Duration) {
        *self.cleaned.count(self.kind) += removed;
        self.cleaned.batches += 1;
        self.progress.event(CleanupEvent::Removed(removed));
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.cleaned.longest_batch_ms = self.cleaned.longest_batch_ms.max(took);
    }

    /// Removes one batch by the index and returns its size and duration. A batch that times out on a lock is retried.
    async fn batch(&mut self, limit: u64) -> Result<(u64, Duration), Error> {
        let mut attempt = 1;
        loop {
            let watch = Stopwatch::start();
            match self.connection.remove_batch(self.kind, self.retention, limit).await {
                Err(error) if error.kind() == db::DbErrorKind::Locked && attempt < ATTEMPTS => attempt += 1,
                removed => return Ok((removed?, watch.elapsed())),
            }
            if self.is_stopped(watch.elapsed().min(self.target * 4)).await {
                return Ok((0, Duration::ZERO));
            }
        }
    }

    /// Pauses after a slow batch, and on SQLite after every batch, because SQLite allows one writer. Returns true if a
    /// stop was requested.
    async fn is_stopped(&mut self, took: Duration) -> bool {
        let is_alone = self.connection.backend() == Backend::Sqlite;
        let pause = if is_alone || took > self.target * 2 { took } else { Duration::ZERO };
        self.cleaned.cancelled = self.stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none();
        self.cleaned.cancelled
    }

    /// Batch size that is likely to take the target duration.
    fn fitting(&self, size: u64, took: Duration, most: u64) -> u64 {
        let ratio = self.target.as_secs_f64() / took.as_secs_f64().max(1e-6);
        ((size as f64 * ratio.clamp(0.25, 2.0)) as u64).clamp(most / 64, most)
    }
}
