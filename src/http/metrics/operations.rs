//! Metrics of operation: build, health status, migrations, backups, cleanup.

use chrono::{DateTime, Utc};
use prometheus::Result;

use super::families::Families;
use crate::health::{
    BackupHealth, Counters, DetailedHealthReport, HealthCheck, HealthReading, HealthReport, HealthStatus,
    MaintenanceHealth, RecordedRun,
};

/// Build of this program, for `authsvc_build_info`.
#[derive(Debug, Clone, Copy)]
pub struct Build {
    /// Version of the package.
    pub version: &'static str,
    /// Git commit of the build.
    pub commit: &'static str,
    /// Newest migration in the program.
    pub migration: &'static str,
}

/// Adds the metric of the build, which needs no report.
pub(super) fn describe_build(families: &Families, build: Build) -> Result<()> {
    families.gauges(
        "authsvc_build_info",
        "Always 1. Version, git commit and newest migration of this program, from its build.",
        ["version", "commit", "migration"],
        [([build.version, build.commit, build.migration], 1_u32)],
    )
}

pub(super) fn describe(families: &Families, reading: &HealthReading) -> Result<()> {
    let HealthReading { detailed, counters, .. } = reading;
    report(families, detailed)?;
    migrations(families, &detailed.basic_health)?;
    backups(families, &detailed.backups, detailed.storage.backup_free_bytes)?;
    cleanup(families, detailed.authentication_health.last_cleanup, counters)?;
    maintenance(families, &detailed.maintenance)
}

fn report(families: &Families, detailed: &DetailedHealthReport) -> Result<()> {
    families.gauges(
        "authsvc_environment_info",
        "Always 1. The environment that this process was started for, from AUTHSVC_ENV.",
        ["environment"],
        [([&detailed.basic_health.environment], 1_u32)],
    )?;
    families.gauge(
        "authsvc_report_timestamp_seconds",
        "Time at which the figures of this scrape were read, in seconds since 1970, by this program's clock.",
        detailed.timestamp,
    )?;
    families.gauge(
        "authsvc_health_status",
        "Status of the detailed report, the worst of its checks: 0 healthy, 1 degraded, 2 unhealthy.",
        severity(detailed.overall_status),
    )?;
    let verdict = |check: &HealthCheck| ([check.name.clone()], severity(check.status));
    families.gauges(
        "authsvc_health_check_status",
        "Verdict of each check of the detailed report: 0 healthy, 1 degraded, 2 unhealthy.",
        ["check"],
        detailed.checks.iter().map(verdict),
    )
}

fn severity(status: HealthStatus) -> u32 {
    match status {
        HealthStatus::Healthy => 0,
        HealthStatus::Degraded => 1,
        HealthStatus::Unhealthy => 2,
    }
}

fn migrations(families: &Families, report: &HealthReport) -> Result<()> {
    let migrations = &report.migrations;
    families.gauges(
        "authsvc_migrations",
        "Migrations by state: applied to the database, or in this program and pending. From the migration ledger.",
        ["state"],
        [(["applied"], migrations.applied), (["pending"], migrations.pending)],
    )?;
    families.gauge(
        "authsvc_schema_drift",
        "1 if the live schema differs from the schema of the applied migrations, else 0. From the database's catalogue.",
        migrations.drift,
    )
}

fn backups(families: &Families, backups: &BackupHealth, free_bytes: Option<u64>) -> Result<()> {
    families.gauge(
        "authsvc_backup_last_success_timestamp_seconds",
        "Time of the newest backup, in seconds since 1970. From BACKUP_DIR and maintenance_runs.",
        backups.last_backup,
    )?;
    families.gauge(
        "authsvc_backup_last_size_bytes",
        "Size of the newest backup in bytes. From BACKUP_DIR and maintenance_runs.",
        backups.last_size_bytes,
    )?;
    families.gauge(
        "authsvc_backup_last_verified_timestamp_seconds",
        "Time of the last verification by a test restore, in seconds since 1970. From the backups' metadata and maintenance_runs.",
        backups.last_verified,
    )?;
    families.gauge(
        "authsvc_backup_files",
        "Number of backups of this database in the BACKUP_DIR of this process.",
        backups.count,
    )?;
    families.gauge(
        "authsvc_backup_free_bytes",
        "Free bytes for this user in the file system of BACKUP_DIR.",
        free_bytes,
    )
}

fn cleanup(families: &Families, last: Option<DateTime<Utc>>, counters: &Counters) -> Result<()> {
    families.gauge(
        "authsvc_cleanup_last_success_timestamp_seconds",
        "End of the last cleanup that succeeded, in seconds since 1970. From maintenance_runs.",
        last,
    )?;
    families.counters(
        "authsvc_cleanup_deleted_total",
        "Items that cleanups of any process removed since this process began, by kind. From maintenance_runs.",
        ["what"],
        counters.cleanup_deleted.iter().map(|(what, deleted)| ([what], Some(*deleted))),
    )
}

fn maintenance(families: &Families, maintenance: &MaintenanceHealth) -> Result<()> {
    let outcome = |run: &RecordedRun| run.outcome.clone().unwrap_or_else(|| "unfinished".to_owned());
    let seconds = |run: &RecordedRun| run.finished_at.map(|end| (end - run.started_at).as_seconds_f64());
    let runs = &maintenance.last_runs;
    families.gauges(
        "authsvc_maintenance_last_run_timestamp_seconds",
        "End of the last run of each kind and outcome, in seconds since 1970. For an unfinished run (running or \
         killed), its start. From maintenance_runs.",
        ["kind", "outcome"],
        runs.iter().map(|run| ([run.kind.clone(), outcome(run)], run.finished_at.unwrap_or(run.started_at))),
    )?;
    families.gauges(
        "authsvc_maintenance_last_run_duration_seconds",
        "Duration of the last finished run of each kind and outcome, in seconds. From maintenance_runs.",
        ["kind", "outcome"],
        runs.iter().map(|run| ([run.kind.clone(), outcome(run)], seconds(run))),
    )
}
