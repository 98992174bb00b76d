//! What `serve` does beside answering: backups by a schedule, and what became of every run.
//!
//! Any number of replicas share a database. Each has the schedule; at a scheduled time each *tries* the lock of
//! [`crate::db::ExclusiveLock`], and whoever has it looks into `maintenance_runs` whether that time was served already, so replicas
//! whose clocks differ do not make a backup each. Who does not get it tries again until the next time: if the holder is
//! killed or stopped midway, another makes the backup, or the one that replaces it. A time that nobody has begun within an hour is left out.
//!
//! Invariants: at most one run has the outcome `succeeded` or `failed` for a scheduled time, as long as the lock's connection
//! lives; a stop leaves no unfinished file; a failure is logged once, with its hint, and the schedule goes on.
//! To add a job: a file beside `backups.rs` with what it does under the lock, and its own kind in `maintenance_runs`.

mod backup_job;
mod cleanup;
mod cleanup_job;
mod command_runs;
mod progress;
mod schedule;
mod scheduler;
mod service_runs;
mod worker;

pub use backup_job::{BackupAttempt, BackupJob, ScheduledVerification};
pub use cleanup::{Cleanup, CleanupError, CleanupReport};
pub use cleanup_job::schedule_cleanups;
pub use command_runs::{CommandOutcome, record_backup, record_migration, record_restore, record_run};
pub use progress::{CleanupEvent, CleanupProgress};
pub use schedule::Schedule;
pub use scheduler::schedule_backups;
pub use worker::Worker;
