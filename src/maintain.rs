//! Background jobs of `serve` (scheduled backups and cleanups), and records of all maintenance runs.
//!
//! Any number of replicas share a database, and each has the schedule. At a scheduled time each one *tries* the lock of
//! [`crate::db::ExclusiveLock`]. The lock holder checks in `maintenance_runs` whether that time was already served, so
//! replicas with different clocks make one backup. The others retry until the next time. If the lock holder is killed
//! midway, another replica makes the backup. A time that no replica has begun within an hour is skipped.
//!
//! Invariants: At most one run has the outcome `succeeded` or `failed` for a scheduled time, while the lock's
//! connection lives. A stop leaves no unfinished file. A failure is logged once, with its hint, and the schedule
//! continues.
//!
//! A new job needs a file beside `backup_job.rs` with its work under the lock, and its own kind in `maintenance_runs`.

mod backup_job;
mod backup_scheduler;
mod cleanup;
mod cleanup_job;
mod command_runs;
mod progress;
mod schedule;
mod service_runs;
mod worker;

pub use backup_job::{BackupAttempt, BackupJob, ScheduledVerification};
pub use backup_scheduler::schedule_backups;
pub use cleanup::{Cleanup, CleanupError, CleanupReport};
pub use cleanup_job::schedule_cleanups;
pub use command_runs::{CommandOutcome, record_backup, record_migration, record_restore, record_run};
pub use progress::{CleanupEvent, CleanupProgress};
pub use schedule::Schedule;
pub use worker::Worker;
