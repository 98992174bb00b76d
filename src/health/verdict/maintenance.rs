//! Checks of free space, runs, indexes, sequences, transaction ids, dead rows and slow statements.

use chrono::{DateTime, TimeDelta, Utc};

use crate::backup;
use crate::health::backup_dir::BackupDirFigures;
use crate::health::check::{HealthCheck, HealthStatus};
use crate::health::extended::ExtendedFigures;
use crate::health::maintenance::{CatalogueFigures, DeadRows, SequenceBehind};
use crate::health::pluralized::pluralized;
use crate::health::report::{IndexHealth, RecordedRun};
use crate::health::size::size_text;
use crate::health::thresholds::Thresholds;

/// Transaction id ages for a warning and for an error, of two thousand million. Autovacuum acts from 200 million, so a
/// greater age means that it has failed.
const OLD_IDS: u64 = 500_000_000;
const OLDEST_IDS: u64 = 1_500_000_000;

/// Check of the free space. The next backup is expected to be as large as the last one.
pub(super) fn free_space(figures: &BackupDirFigures, thresholds: &Thresholds) -> Option<HealthCheck> {
    let free = figures.free_bytes?;
    let needed = thresholds.free_space.max(figures.backups.last_size_bytes.unwrap_or_default() * 2);
    let message = format!("{} are free for backups", size_text(free));
    if free >= needed {
        return Some(HealthCheck::healthy("free_space", message));
    }
    let message = format!("{message}, less than {}", size_text(needed));
    let hint = "remove old backups, or give BACKUP_DIR more space (AUTHSVC_HEALTH_FREE_SPACE is the limit)";
    Some(HealthCheck::new("free_space", HealthStatus::Degraded, message, hint))
}

/// Kinds of runs that recur. A failed migration or restore was already reported to its operator, and there may be no
/// next run that clears it. Its remains show in the schema.
const RECURRING: [&str; 3] = ["backup", "cleanup", "verify"];

/// Age above which an unfinished run is stuck or its process was killed.
const STUCK: TimeDelta = TimeDelta::hours(6);

/// Check of kinds whose newest run failed or does not end.
pub(super) fn runs(runs: Option<&[RecordedRun]>, now: DateTime<Utc>) -> Option<HealthCheck> {
    let all = runs?.iter().filter(|run| RECURRING.contains(&run.kind.as_str()));
    // a time in the future would hide later runs
    let runs: Vec<&RecordedRun> = all.filter(|run| !backup::is_in_future(run.started_at, now)).collect();
    let is_newest = |run: &RecordedRun, outcomes: &[&str]| {
        let hides = |other: &&&RecordedRun| {
            other.kind == run.kind && other.outcome.as_deref().is_some_and(|outcome| outcomes.contains(&outcome))
        };
        !runs.iter().filter(hides).any(|other| other.started_at > run.started_at)
    };
    let told = |run: &RecordedRun| format!("{} of {}", run.kind, run.started_at.format("%F %R"));
    let failed = runs.iter().filter(|run| run.outcome.as_deref() == Some("failed"));
    let failed: Vec<String> = failed
        .filter(|run| is_newest(run, &["succeeded", "failed"]))
        .map(|run| format!("{}: {}", told(run), run.error.as_deref().unwrap_or("")))
        .collect();
    let stuck = runs.iter().filter(|run| run.outcome.is_none() && now - run.started_at > STUCK);
    let stuck: Vec<String> =
        stuck.filter(|run| is_newest(run, &["succeeded", "failed", "cancelled"])).map(|run| told(run)).collect();
    let found: Vec<String> = [("failed", failed), ("began and has not ended", stuck)]
        .into_iter()
        .filter_map(|(word, runs)| (!runs.is_empty()).then(|| format!("{word}: {}", runs.join("; "))))
        .collect();
    if found.is_empty() {
        return Some(HealthCheck::healthy("maintenance", "the newest backup, cleanup and verification did not fail"));
    }
    let hint = "see the log of that time, and whether BACKUP_DIR answers; the next successful run clears this";
    Some(HealthCheck::new("maintenance", HealthStatus::Degraded, found.join("; "), hint))
}

pub(super) fn indexes(indexes: &IndexHealth) -> Option<HealthCheck> {
    let invalid = indexes.invalid.as_ref()?;
    let (unused, duplicate) = (listed(indexes.unused.as_ref()), listed(indexes.duplicate.as_ref()));
    if !invalid.is_empty() {
        let hint = "they are written and never read; drop them with DROP INDEX CONCURRENTLY, then recreate them";
        return Some(HealthCheck::new(
            "indexes",
            HealthStatus::Degraded,
            format!("invalid: {}", invalid.join(", ")),
            hint,
        ));
    }
    // superfluous indexes cost writes and space, but break nothing
    let found: Vec<String> = [("unused", unused), ("duplicate", duplicate)]
        .into_iter()
        .filter_map(|(word, names)| Some(format!("{word}: {}", names?)))
        .collect();
    let mut check = HealthCheck::healthy("indexes", "all are valid");
    if !found.is_empty() {
        check = HealthCheck::healthy("indexes", format!("all are valid; {}", found.join("; ")));
        check.hint = "those that no migration made cost writes and space: consider dropping them".to_owned();
    }
    Some(check)
}

fn listed(names: Option<&Vec<String>>) -> Option<String> {
    names.filter(|names| !names.is_empty()).map(|names| names.join(", "))
}

pub(super) fn sequences(extended: &ExtendedFigures) -> Option<HealthCheck> {
    if !extended.sequences_behind.is_empty() {
        return Some(sequences_behind(&extended.sequences_behind));
    }
    let used = extended.catalogue.sequence_used? * 100.0;
    let message = format!("the fullest sequence has given out {used:.1} % of its numbers");
    let hint = "make its column and sequence BIGINT before it ends: inserts will fail then";
    let status = if used < 80.0 {
        return Some(HealthCheck::healthy("sequences", message));
    } else if used < 95.0 {
        HealthStatus::Degraded
    } else {
        HealthStatus::Unhealthy
    };
    Some(HealthCheck::new("sequences", status, message, hint))
}

fn sequences_behind(behind: &[SequenceBehind]) -> HealthCheck {
    let fails = behind.iter().any(|sequence| sequence.fails);
    let named: Vec<String> = behind
        .iter()
        .map(|SequenceBehind { table, greatest_id, .. }| {
            format!("the sequence of `{table}` is behind its id {greatest_id}")
        })
        .collect();
    let effect = if fails { "inserts fail" } else { "ids of deleted rows can be given out again" };
    let status = if fails { HealthStatus::Unhealthy } else { HealthStatus::Degraded };
    let corrections: Vec<&str> = behind.iter().map(|sequence| sequence.correction.as_str()).collect();
    HealthCheck::new(
        "sequences",
        status,
        format!("{}: {effect}", named.join(", ")),
        format!("run: {}", corrections.join("; ")),
    )
}

pub(super) fn transaction_ids(catalogue: &CatalogueFigures) -> Option<HealthCheck> {
    let age = catalogue.transaction_id_age?;
    let message = format!("the oldest transaction id is {age} transactions old, of 2000000000");
    let hint = "autovacuum does not keep up: end long transactions, drop stale replication slots, run VACUUM (FREEZE)";
    let status = if age < OLD_IDS {
        return Some(HealthCheck::healthy("transaction_ids", message));
    } else if age < OLDEST_IDS {
        HealthStatus::Degraded
    } else {
        HealthStatus::Unhealthy
    };
    Some(HealthCheck::new("transaction_ids", status, message, hint))
}

pub(super) fn dead_rows(catalogue: &CatalogueFigures) -> Option<HealthCheck> {
    let found = catalogue.dead_rows.as_ref()?;
    if found.is_empty() {
        return Some(HealthCheck::healthy("dead_rows", "no table has more dead rows than live ones"));
    }
    let tables: Vec<String> = found.iter().map(|DeadRows { table, dead }| format!("{table} ({dead})")).collect();
    let hint = "autovacuum does not keep up: see autovacuum_vacuum_cost_limit, and end long transactions";
    let message = format!("more dead rows than live ones: {}", tables.join(", "));
    Some(HealthCheck::new("dead_rows", HealthStatus::Degraded, message, hint))
}

pub(super) fn slow_queries(slow: Option<u64>, thresholds: &Thresholds) -> Option<HealthCheck> {
    let slow = slow?;
    let limit = humantime::format_duration(thresholds.slow_query);
    if slow == 0 {
        return Some(HealthCheck::healthy(
            "slow_queries",
            format!("no statement takes longer than {limit} on average"),
        ));
    }
    // an analyst's slow report must not raise an alarm
    let mut check = HealthCheck::healthy(
        "slow_queries",
        pluralized(slow, "statement takes", "statements take") + &format!(" longer than {limit} on average"),
    );
    check.hint = "the slowest are in `queries`; look for one that needs an index".to_owned();
    Some(check)
}

pub(super) fn quick_check(extended: &ExtendedFigures) -> Option<HealthCheck> {
    let asked = extended.quick_check.iter().flatten();
    let found: Vec<&str> = asked.chain(&extended.damage).map(String::as_str).collect();
    if found.is_empty() {
        return extended
            .quick_check
            .as_ref()
            .map(|_| HealthCheck::healthy("quick_check", "SQLite finds its file undamaged"));
    }
    let hint =
        "the stored data is damaged: stop the service, keep a copy of it, and restore the newest verified backup";
    Some(HealthCheck::new("quick_check", HealthStatus::Unhealthy, found.join("; "), hint))
}
