//! Scheduler: waits for the scheduled times and makes a backup at each.

use std::io;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::backup_job::{BackupAttempt, BackupJob};
use super::schedule::Schedule;
use super::worker::Worker;
use crate::clock;
use crate::migrate::with_jitter;
use tokio_util::sync::CancellationToken;

/// Longest single sleep, because the wall clock can be set and a machine can be suspended.
const SLICE: Duration = Duration::from_secs(30);
/// Age at which a scheduled time is skipped if no replica has begun its backup.
const LATEST: TimeDelta = TimeDelta::hours(1);
/// First and longest pause between two attempts at one time.
const PAUSES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));

/// Starts a thread that makes backups by a schedule. A stop cancels the running backup and leaves no unfinished file.
///
/// # Errors
/// Returns an error if the system cannot create a thread.
pub fn schedule_backups(schedule: Schedule, backups: BackupJob) -> io::Result<Worker> {
    Worker::start("backups", move |stop| async move { run(&schedule, &backups, &stop).await })
}

async fn run(schedule: &Schedule, backups: &BackupJob, stop: &CancellationToken) {
    tracing::info!(%schedule, retention = %backups.retention, "backups are made by a schedule, in UTC");
    let Some(mut served) = stop.run_until_cancelled(start(schedule, backups, clock::now())).await else { return };
    loop {
        let now = clock::now();
        // if the clock was set back, continue from the new time
        served = served.min(now);
        let Some(next) = schedule.next_after(served) else { return };
        if let Ok(wait @ 1..) = u64::try_from((next - now).num_milliseconds()) {
            let slice = Duration::from_millis(wait).min(SLICE);
            if stop.run_until_cancelled(tokio::time::sleep(slice)).await.is_none() {
                return;
            }
            continue;
        }
        // if several times have passed, serve only the last one
        let scheduled = schedule.last_until(now).unwrap_or(next);
        let following = schedule.next_after(scheduled).unwrap_or(DateTime::<Utc>::MAX_UTC);
        if serve(scheduled, following.min(scheduled + LATEST), backups, stop).await == BackupAttempt::Stopped {
            return;
        }
        served = scheduled;
    }
}

/// Time after which scheduled times are served. That is now, or just before the last time if its backup was left
/// unfinished by another replica.
async fn start(schedule: &Schedule, backups: &BackupJob, now: DateTime<Utc>) -> DateTime<Utc> {
    match schedule.last_until(now).filter(|last| now - last < LATEST) {
        Some(last) if backups.is_begun(last).await => last - TimeDelta::seconds(1),
        _ => now,
    }
}

/// Retries until the backup of a time is made, here or on another replica, or the deadline passes.
async fn serve(
    scheduled: DateTime<Utc>,
    deadline: DateTime<Utc>,
    backups: &BackupJob,
    stop: &CancellationToken,
) -> BackupAttempt {
    let (mut pause, longest) = PAUSES;
    let mut told = false;
    loop {
        let attempt = match backups.attempt(scheduled, stop).await {
            Ok(BackupAttempt::Busy) => BackupAttempt::Busy,
            Ok(attempt) => return attempt,
            Err(error) => {
                if !told {
                    tracing::error!(hint = error.hint(), "the scheduled backup cannot begin: {error}");
                    told = true;
                }
                BackupAttempt::Failed
            }
        };
        if clock::now() + pause >= deadline {
            return attempt;
        }
        if stop.run_until_cancelled(tokio::time::sleep(with_jitter(pause))).await.is_none() {
            return BackupAttempt::Stopped;
        }
        pause = (pause * 2).min(longest);
    }
}
