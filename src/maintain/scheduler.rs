//! Waits for the scheduled times, and serves each.

use std::io;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::backup_job::{BackupAttempt, BackupJob};
use super::schedule::Schedule;
use super::worker::Worker;
use crate::clock;
use crate::migrate::with_jitter;
use tokio_util::sync::CancellationToken;

/// It waits in slices, because the wall clock can be set and a machine can be suspended.
const SLICE: Duration = Duration::from_secs(30);
/// A time that nobody has begun to serve for so long is left out.
const LATEST: TimeDelta = TimeDelta::hours(1);
/// Between two attempts for one time, growing.
const PAUSES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));

/// Makes backups by a schedule, in a thread of its own. A stop cancels the one that is under way, and nothing is left of it.
///
/// # Errors
/// The system gives no thread.
pub fn schedule_backups(schedule: Schedule, backups: BackupJob) -> io::Result<Worker> {
    Worker::start("backups", move |stop| async move { run(&schedule, &backups, &stop).await })
}

async fn run(schedule: &Schedule, backups: &BackupJob, stop: &CancellationToken) {
    tracing::info!(%schedule, retention = %backups.retention, "backups are made by a schedule, in UTC");
    let Some(mut served) = stop.run_until_cancelled(start(schedule, backups, clock::now())).await else { return };
    loop {
        let now = clock::now();
        // where the clock was set back, it goes on from there
        served = served.min(now);
        let Some(next) = schedule.next_after(served) else { return };
        if let Ok(wait @ 1..) = u64::try_from((next - now).num_milliseconds()) {
            let slice = Duration::from_millis(wait).min(SLICE);
            if stop.run_until_cancelled(tokio::time::sleep(slice)).await.is_none() {
                return;
            }
            continue;
        }
        // of several times that passed meanwhile, the last
        let scheduled = schedule.last_until(now).unwrap_or(next);
        let following = schedule.next_after(scheduled).unwrap_or(DateTime::<Utc>::MAX_UTC);
        if serve(scheduled, following.min(scheduled + LATEST), backups, stop).await == BackupAttempt::Stopped {
            return;
        }
        served = scheduled;
    }
}

/// From when on times are served: from now, but with the last one if its backup was begun and its replica was replaced.
async fn start(schedule: &Schedule, backups: &BackupJob, now: DateTime<Utc>) -> DateTime<Utc> {
    match schedule.last_until(now).filter(|last| now - last < LATEST) {
        Some(last) if backups.is_begun(last).await => last - TimeDelta::seconds(1),
        _ => now,
    }
}

/// Tries until the backup of a time is made, here or elsewhere, or it is too late for it.
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
