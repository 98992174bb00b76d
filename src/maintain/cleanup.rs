//! Removing what has had its time: tokens, events, records of runs, files of backups.
//!
//! In batches, each a short transaction. A batch is as large as takes about the time it is given; one that took long, because others are at
//! work, is followed by a pause as long, and on SQLite, where others cannot write meanwhile, every one is. It goes by the index until more than a twentieth of the table is removed, and then, from
//! PostgreSQL 14 on, by ranges of pages. It can be stopped after any batch; what is removed is removed.

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

/// Rows of the first batch, and of the largest one.
const ROWS: (u64, u64) = (2_000, 20_000);
/// Pages of the first range, and of the largest one.
const PAGES: (u64, u64) = (32, 256);
/// A share of the table from which on ranges of pages are faster than an index.
const MANY: f64 = 0.05;
/// How often a batch is tried that others are in the way of.
const ATTEMPTS: u32 = 5;
/// How long the record of an end may take.
const RECORDING: Duration = Duration::from_secs(5);

/// What it takes to clean up.
pub struct Cleanup {
    /// The database.
    pub url: DatabaseUrl,
    /// Connections to it, for the records.
    pub pool: Pool,
    /// Where backups are.
    pub backup_dir: PathBuf,
    /// How long they are kept; `None`: they are left alone.
    pub backup_retention: Option<Retention>,
    /// How long events and records are kept.
    pub retention_days: RetentionDays,
    /// How long a batch is to take.
    pub batch: Duration,
}

/// What was removed, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CleanupReport {
    /// Whether nothing was removed.
    pub dry_run: bool,
    /// Whether it was stopped before the end.
    pub cancelled: bool,
    /// Refresh tokens that had expired.
    pub expired_tokens: u64,
    /// Refresh tokens that were revoked for a day.
    pub revoked_tokens: u64,
    /// Expired tokens of providers; erased, their accounts keep the link.
    pub oauth_tokens: u64,
    /// Events after their retention.
    pub auth_events: u64,
    /// Records of runs after theirs.
    pub maintenance_runs: u64,
    /// Counts of failed logins that are forgotten.
    pub login_throttles: u64,
    /// Used OAuth states that would have expired.
    pub oauth_states: u64,
    /// Devices without a login for 90 days.
    pub known_devices: u64,
    /// Files of backups.
    pub backups: u64,
    /// Short transactions that it took.
    pub batches: u64,
    /// The longest of them.
    pub longest_batch_ms: u64,
    /// All of it.
    pub duration_ms: u64,
}

/// Why it did not come to its end. What was removed before is removed.
#[derive(Debug, thiserror::Error)]
pub enum CleanupError {
    /// The database refused, or gave no answer.
    #[error(transparent)]
    Database(#[from] Error),
    /// Backups could not be looked through.
    #[error(transparent)]
    Backups(#[from] backup::Error),
    /// The database is newer than this program.
    #[error(transparent)]
    Schema(#[from] migrate::Error),
    /// Another process holds the exclusive lock.
    #[error("another process is at work on this database: a cleanup or a scheduled backup")]
    Busy,
    /// There are no tables.
    #[error("the database is empty")]
    Empty,
    /// The tables are not those of this program.
    #[error("the schema is not that of this program; pending migrations: {pending}")]
    Pending {
        /// How many.
        pending: usize,
    },
}

impl CleanupError {
    /// What to do about it.
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

    /// By the names that metrics have.
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
    /// What the database or the file system said.
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

    /// Removes it, under the exclusive lock, and records the run.
    ///
    /// # Errors
    /// Another process holds the exclusive lock, or what the database or the file system said.
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

    /// Files of backups that have had their time.
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

    /// One kind after the other, until a stop.
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

/// The removal of one kind.
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

    /// Through the whole table. It does not look into the index again, which is full of dead entries by then.
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

    /// A batch by the index, and how long it took. Where somebody is in the way for too long, it is tried again.
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

    /// Pauses after a batch that took long, and on SQLite, which has room for one writer, after every batch; whether a stop
    /// was asked for.
    async fn is_stopped(&mut self, took: Duration) -> bool {
        let is_alone = self.connection.backend() == Backend::Sqlite;
        let pause = if is_alone || took > self.target * 2 { took } else { Duration::ZERO };
        self.cleaned.cancelled = self.stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none();
        self.cleaned.cancelled
    }

    /// A size that is likely to take as long as a batch is to take.
    fn fitting(&self, size: u64, took: Duration, most: u64) -> u64 {
        let ratio = self.target.as_secs_f64() / took.as_secs_f64().max(1e-6);
        ((size as f64 * ratio.clamp(0.25, 2.0)) as u64).clamp(most / 64, most)
    }
}
