//! Retention (P7): removed files are expired, made by this program, and older than a valid backup. All others are kept.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use authsvc::backup::retention::{KeepReason, RetentionMode, RetentionReport};
use authsvc::backup::{Metadata, Retention, retain};
use authsvc::config::{Config, Variables};
use chrono::{DateTime, Utc};

use crate::support::Program;

const NOW: &str = "2026-06-15T12:00:00Z";
/// More than any backup of these tests is old.
const LONG_AGO: u64 = 1000;

/// A directory of backups whose ages are chosen.
struct Backups(tempfile::TempDir);

fn now() -> DateTime<Utc> {
    NOW.parse().unwrap()
}

fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

fn meta(file: &Path) -> PathBuf {
    PathBuf::from(format!("{}.meta", file.display()))
}

impl Backups {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A real, whole backup of a named database, made at that time.
    fn made_at(&self, at: DateTime<Utc>, database: &str) -> String {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/format1_sqlite.sql.gz");
        let name = format!("backup_{}.sql.gz", at.format("%Y%m%d_%H%M%S"));
        std::fs::copy(&fixture, self.path(&name)).unwrap();
        let text = std::fs::read_to_string(meta(&fixture)).unwrap();
        let mut metadata: Metadata = serde_json::from_str(&text).unwrap();
        (metadata.filename, metadata.created_at, metadata.database_url) = (name.clone(), at, database.to_owned());
        self.describe(&name, &metadata);
        name
    }

    fn aged(&self, age: u64) -> String {
        self.made_at(now() - days(age), "sqlite:a.db")
    }

    fn metadata(&self, name: &str) -> Metadata {
        serde_json::from_str(&std::fs::read_to_string(meta(&self.path(name))).unwrap()).unwrap()
    }

    fn describe(&self, name: &str, metadata: &Metadata) {
        std::fs::write(meta(&self.path(name)), serde_json::to_string(metadata).unwrap()).unwrap();
    }

    /// Changes a byte in the middle, and not the size.
    fn damage(&self, name: &str) {
        let mut bytes = std::fs::read(self.path(name)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x20;
        std::fs::write(self.path(name), bytes).unwrap();
    }

    fn files(&self) -> BTreeSet<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }

    /// Applies a retention of seven days. Each reported file is deleted with its metadata, and no other file is.
    fn retain(&self) -> RetentionReport {
        let retention: Retention = "7d".parse().unwrap();
        let before = self.files();
        let plan = retain(self.0.path(), retention, now(), RetentionMode::Plan).unwrap();
        assert_eq!(self.files(), before, "a plan changes nothing");
        let report = retain(self.0.path(), retention, now(), RetentionMode::Apply).unwrap();
        assert_eq!(report, plan);
        let mut expected = before;
        for name in removed(&report) {
            assert!(expected.remove(name), "{name}");
            if !name.ends_with(".meta") {
                expected.remove(&format!("{name}.meta"));
            }
        }
        assert_eq!(self.files(), expected);
        report
    }
}

fn removed(report: &RetentionReport) -> Vec<&str> {
    report.removed.iter().map(|removed| removed.name.as_str()).collect()
}

fn reason<'a>(report: &'a RetentionReport, name: &str) -> &'a KeepReason {
    &report.kept.iter().find(|kept| kept.name == name).unwrap_or_else(|| panic!("{name} in {report:#?}")).reason
}

#[test]
fn what_is_old_goes_with_its_metadata() {
    let backups = Backups::new();
    let [young, old, older] = [6, 8, 300].map(|age| backups.aged(age));
    let report = backups.retain();
    assert_eq!(removed(&report), [&old, &older]);
    assert_eq!(report.removed_bytes, 2 * backups.path(&young).metadata().unwrap().len());
    assert_eq!(*reason(&report, &young), KeepReason::NewestValid);
    assert_eq!(removed(&backups.retain()), Vec::<&str>::new(), "there is nothing left to do");
    assert_eq!(*reason(&backups.retain(), &young), KeepReason::Recent);
}

#[test]
fn p7_retention_never_removes_the_newest_valid_backup_nor_a_foreign_file() {
    let backups = Backups::new();
    let [newest, second] = [LONG_AGO, LONG_AGO + 1].map(|age| backups.aged(age));
    let alone = backups.made_at(now() - days(LONG_AGO + 2), "postgres://app:****@db:5432/app");
    let foreign = ["notes.txt", "backup_20200101_000000.sql.gz", "backup_20200101_000000.sql", "dump.sql.gz.meta"];
    for name in foreign {
        std::fs::write(backups.path(name), "mine").unwrap();
    }
    std::fs::create_dir(backups.path("backup_20200102_000000.sql.gz")).unwrap();
    std::fs::write(backups.path("backup_20200103_000000.sql.gz.meta"), "{}").unwrap();
    let report = backups.retain();
    assert_eq!(removed(&report), [&second]);
    assert_eq!(
        (reason(&report, &newest), reason(&report, &alone)),
        (&KeepReason::NewestValid, &KeepReason::NewestValid)
    );
    assert_eq!(*reason(&report, foreign[1]), KeepReason::NoMetadata);
}

#[test]
fn a_damaged_newest_backup_does_not_push_the_good_ones_out() {
    let backups = Backups::new();
    let [damaged, cut, good, old] = [1, 8, 9, 10].map(|age| backups.aged(age));
    backups.damage(&damaged);
    std::fs::write(backups.path(&cut), "").unwrap();
    let report = backups.retain();
    assert_eq!(removed(&report), [&old]);
    assert_eq!(*reason(&report, &good), KeepReason::NewestValid);
    assert!(matches!(reason(&report, &damaged), KeepReason::NotValid(reasons) if !reasons.is_empty()));
    assert!(matches!(reason(&report, &cut), KeepReason::WrongMetadata(_)));
    // without a whole one all stay
    backups.damage(&good);
    let another = backups.aged(20);
    backups.damage(&another);
    let report = backups.retain();
    assert_eq!(removed(&report), Vec::<&str>::new());
    assert!(report.kept.iter().all(|kept| !matches!(kept.reason, KeepReason::NewestValid)));
}

#[test]
fn a_clock_that_was_wrong_removes_nothing_that_is_needed() {
    let backups = Backups::new();
    let future = backups.made_at(now() + days(3650), "sqlite:a.db");
    let [newest, old] = [10, 11].map(|age| backups.aged(age));
    let report = backups.retain();
    assert_eq!(removed(&report), [&old]);
    assert_eq!(
        (reason(&report, &future), reason(&report, &newest)),
        (&KeepReason::FromTheFuture, &KeepReason::NewestValid)
    );
    // the clock is set back to before any of them
    let past = "2001-01-01T00:00:00Z".parse().unwrap();
    let report = retain(backups.0.path(), Retention::default(), past, RetentionMode::Apply).unwrap();
    assert_eq!(removed(&report), Vec::<&str>::new());
    let long: Retention = "200000y".parse().unwrap();
    assert_eq!(removed(&retain(backups.0.path(), long, now(), RetentionMode::Apply).unwrap()), Vec::<&str>::new());
}

#[test]
fn age_is_what_the_metadata_says_whatever_name_and_file_times_say() {
    let backups = Backups::new();
    let [newest, young, old] = [1, 2, 30].map(|age| backups.aged(age));
    let year_ago = std::time::UNIX_EPOCH;
    std::fs::File::options().append(true).open(backups.path(&young)).unwrap().set_modified(year_ago).unwrap();
    // an old name over young metadata
    let old_name = "backup_20200101_000000.sql.gz";
    std::fs::rename(backups.path(&young), backups.path(old_name)).unwrap();
    std::fs::remove_file(meta(&backups.path(&young))).unwrap();
    backups.describe(
        old_name,
        &Metadata { filename: old_name.to_owned(), created_at: now() - days(2), ..backups.metadata(&newest) },
    );
    let report = backups.retain();
    assert_eq!(removed(&report), [&old]);
    assert_eq!(*reason(&report, old_name), KeepReason::Recent);
}

#[test]
fn metadata_that_leads_elsewhere_and_links_are_left_alone() {
    let backups = Backups::new();
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().join("backup_20200101_000000.sql.gz");
    let [newest, path, other, linked, link_meta, pipe] = [1, 30, 31, 32, 33, 34].map(|age| backups.aged(age));
    let with_name =
        |name: &str, filename: String| backups.describe(name, &Metadata { filename, ..backups.metadata(name) });
    with_name(&path, format!("../{}/backup_20200101_000000.sql.gz", outside.path().display()));
    with_name(&other, newest.clone());
    // the file is a link to one outside, and the metadata fits
    std::fs::rename(backups.path(&linked), &target).unwrap();
    symlink(&target, backups.path(&linked)).unwrap();
    let elsewhere = outside.path().join("meta");
    std::fs::rename(meta(&backups.path(&link_meta)), &elsewhere).unwrap();
    symlink(&elsewhere, meta(&backups.path(&link_meta))).unwrap();
    std::fs::remove_file(meta(&backups.path(&pipe))).unwrap();
    let made = std::process::Command::new("mkfifo").arg(meta(&backups.path(&pipe))).status().unwrap();
    assert!(made.success());
    let old = backups.aged(60);
    let report = backups.retain();
    assert_eq!(removed(&report), [&old]);
    assert!(target.exists() && elsewhere.exists());
    for name in [&path, &other, &link_meta, &pipe] {
        assert!(matches!(reason(&report, name), KeepReason::WrongMetadata(_)), "{name}");
    }
}

#[test]
fn metadata_whose_file_went_before_a_crash_goes_with_the_next_run() {
    let backups = Backups::new();
    let [newest, crashed, young] = [1, 30, 2].map(|age| backups.aged(age));
    for name in [&crashed, &young] {
        std::fs::remove_file(backups.path(name)).unwrap();
    }
    // beside a name of ours, but not of ours
    std::fs::write(meta(&meta(&backups.path(&crashed))), "mine").unwrap();
    let report = backups.retain();
    assert_eq!(removed(&report), [format!("{crashed}.meta")]);
    assert!(backups.path(&newest).exists() && meta(&backups.path(&young)).exists());
}

#[test]
fn a_file_that_cannot_be_removed_is_an_error_that_names_it() {
    let backups = Backups::new();
    backups.aged(1);
    let old = backups.aged(30);
    let locked = std::process::Command::new("chattr").arg("+i").arg(backups.path(&old)).status();
    if locked.is_ok_and(|status| status.success()) {
        let error = retain(backups.0.path(), Retention::default(), now(), RetentionMode::Apply).unwrap_err();
        std::process::Command::new("chattr").arg("-i").arg(backups.path(&old)).status().unwrap();
        assert!(error.to_string().contains(&old), "{error}");
        assert!(meta(&backups.path(&old)).exists(), "the file is deleted first");
    }
    let nowhere = backups.path("nowhere");
    assert_eq!(
        retain(&nowhere, Retention::default(), now(), RetentionMode::Apply).unwrap(),
        RetentionReport::default()
    );
}

#[test]
fn retentions_that_are_read_and_refused() {
    for (text, shown) in [("168h", "7days"), ("336h", "14days"), ("14d", "14days"), ("2w", "14days"), ("60m", "1h")] {
        assert_eq!(text.parse::<Retention>().unwrap().to_string(), shown);
    }
    assert_eq!(Retention::default(), "168h".parse().unwrap());
    for text in ["0s", "0h", "10ms", "", "-1d", "7", "week", "9999999999999999y", "500000000000y"] {
        text.parse::<Retention>().unwrap_err();
    }
    for text in ["6m", "59m 59s", "3599s", "1s"] {
        let why = text.parse::<Retention>().unwrap_err();
        assert!(why.contains("`m` is minutes") && why.contains("26w"), "{why}");
    }
}

#[test]
fn a_period_of_minutes_is_refused_where_it_is_meant_in_months() {
    for (name, value) in [
        ("AUTHSVC_BACKUP_RETENTION", "6m"),
        ("AUTHSVC_AUTH_EVENTS_RETENTION", "6m"),
        ("AUTHSVC_MAINTENANCE_RUNS_RETENTION", "12m"),
        ("AUTHSVC_BACKUP_MAX_AGE", "26m"),
    ] {
        let error = Config::from_variables(&Variables::from([(name, value)])).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(name) && text.contains(value) && text.contains("`m` is minutes"), "{text}");
    }
    let program = Program::new();
    let error = program.run(&["cleanup", "6m"]).code(2).stderr;
    assert!(error.contains("`m` is minutes") && error.contains("168h"), "{error}");
    assert!(!program.directory().join("authsvc.db").exists(), "nothing was opened");
}
