//! Settings of the commands, from the configuration.

use crate::backup::{BackupDestination, BackupRequest, Retention};
use crate::config::Config;
use crate::db::Pool;
use crate::health::{HealthSettings, SignIn};
use crate::maintain::Cleanup;
use crate::migrate::MigrationSettings;

/// Version of authsvc, with its commit and its newest migration.
pub(super) const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (commit ",
    env!("AUTHSVC_COMMIT"),
    ", migration ",
    env!("AUTHSVC_NEWEST_MIGRATION"),
    ")"
);

/// Version and commit of authsvc, recorded in the ledger and in backups.
pub(super) fn app_version() -> String {
    format!("{}+{}", env!("CARGO_PKG_VERSION"), env!("AUTHSVC_COMMIT"))
}

/// Request for the safety backup before a destructive command.
pub(super) fn safety_backup(config: &Config) -> BackupRequest {
    BackupRequest {
        target: BackupDestination::Directory(config.backup_dir.clone()),
        compressed: true,
        validated: true,
        app_version: app_version(),
        environment: config.environment.to_string(),
    }
}

/// Cleanup settings from the configuration.
pub(super) fn cleanup(config: &Config, pool: &Pool, retention: Option<Retention>) -> Cleanup {
    Cleanup {
        url: config.database_url.clone(),
        pool: pool.clone(),
        backup_dir: config.backup_dir.clone(),
        backup_retention: retention,
        retention_days: config.kept,
        batch: config.cleanup_batch,
    }
}

/// Health report settings from the configuration.
pub(super) fn health(config: &Config) -> HealthSettings {
    HealthSettings {
        url: config.database_url.clone(),
        environment: config.environment.to_string(),
        backup_dir: config.backup_dir.clone(),
        thresholds: config.thresholds.clone(),
        sign_in: SignIn::NotServed,
    }
}

/// Migration settings from the configuration.
pub(super) fn migration(config: &Config) -> MigrationSettings {
    MigrationSettings { patience: config.lock_wait, lock_timeout: config.lock_timeout, app_version: app_version() }
}
