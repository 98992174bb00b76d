//! Progress of commands: a bar or a line at a terminal, log lines or nothing elsewhere.

mod backup;
mod cleanup;
mod migrate;

pub(super) use backup::BackupProgressBar;
pub(super) use cleanup::{CleanupProgressBar, kind_name};
pub(super) use migrate::{MigrationProgressDisplay, MigrationProgressLog};
