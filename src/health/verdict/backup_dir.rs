//! Checks of backups: the age of the newest one, and the state of BACKUP_DIR.

use std::time::Duration;

use crate::health::backup_dir::{BackupDirFigures, BackupDirFindings};
use crate::health::check::{HealthCheck, HealthStatus};
use crate::health::pluralized::pluralized;
use crate::health::thresholds::Thresholds;

pub(super) fn backups(figures: &BackupDirFigures, thresholds: &Thresholds) -> Option<HealthCheck> {
    let hint = "run `authsvc backup`, or set AUTHSVC_BACKUP_SCHEDULE (AUTHSVC_BACKUP_MAX_AGE is the limit)";
    if let Some(lost) = &figures.findings.lost {
        let hint = "check whether BACKUP_DIR is the right directory and is mounted, search for copies, and run `authsvc backup`";
        return Some(HealthCheck::new("backups", HealthStatus::Degraded, lost.clone(), hint));
    }
    let age = figures.backups.age_seconds.map(|age| Duration::from_secs(age.max(0).unsigned_abs()));
    let told = age.map(|age| humantime::format_duration(age).to_string());
    let Some(limit) = thresholds.backup_max_age else {
        let message =
            told.map_or("none, and none is expected here".to_owned(), |age| format!("the newest is {age} old"));
        return Some(HealthCheck::healthy("backups", message));
    };
    let Some((age, told)) = age.zip(told) else {
        if figures.backups.count.is_none() {
            let hint = "see `warnings`; let this user read BACKUP_DIR";
            return Some(HealthCheck::new(
                "backups",
                HealthStatus::Degraded,
                "none is known, and BACKUP_DIR cannot be read",
                hint,
            ));
        }
        return Some(HealthCheck::new("backups", HealthStatus::Degraded, "there is no backup of this database", hint));
    };
    let limit_told = humantime::format_duration(limit);
    Some(if age > limit {
        HealthCheck::new(
            "backups",
            HealthStatus::Degraded,
            format!("the newest is {told} old, more than {limit_told}"),
            hint,
        )
    } else {
        HealthCheck::healthy("backups", format!("the newest is {told} old"))
    })
}

/// Check of backups that will not restore or have a wrong time, although their recorded runs count as backups.
pub(super) fn backup_files(found: &BackupDirFindings) -> Option<HealthCheck> {
    let named = |names: &[String], one: &str, many: &str| {
        let first = names.first()?;
        let more = if names.len() > 1 { ", …" } else { "" };
        Some(format!("{}: {first}{more}", pluralized(names.len() as u64, one, many)))
    };
    let open = found.open_to_others.map(|mode| format!("BACKUP_DIR has mode {mode:04o}: other users can write there"));
    let all: Vec<String> = [
        named(&found.broken, "file does not match its metadata", "files do not match their metadata"),
        named(&found.orphaned, "metadata has no file", "metadata have no file"),
        named(
            &found.in_future,
            "file has a time in the future, from a wrong clock",
            "files have a time in the future, from a wrong clock",
        ),
        open,
    ]
    .into_iter()
    .flatten()
    .collect();
    if all.is_empty() {
        return None;
    }
    let hint = if found.open_to_others.is_some() {
        "run `chmod go-w` on BACKUP_DIR: no backup is made there until then"
    } else {
        "see `authsvc list-backups`; run `authsvc backup`, and remove these files if no valid copy exists"
    };
    Some(HealthCheck::new("backup_files", HealthStatus::Degraded, all.join("; "), hint))
}
