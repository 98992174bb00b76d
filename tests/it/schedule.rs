//! Scheduled backups: one for each time, whatever the number of replicas, and no remains of a stopped one.

use std::collections::BTreeSet;
use std::path::Path;

use authsvc::backup::Retention;
use authsvc::config::{Config, Variables};
use authsvc::db::{DatabaseUrl, Defaults, ExclusiveLock, Pool, PoolUse};
use authsvc::maintain::{BackupAttempt, BackupJob, Schedule, ScheduledVerification};
use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use crate::support::database::{ENGINES, block_on};
use crate::support::{Cluster, Database, Engine, Program, eventually};

const EVERY_SECOND: &str = "* * * * * *";

/// A program that backs up every second, into a directory that others can share.
fn scheduled(database: &Database, directory: &Path) -> Program {
    Program::on(database)
        .env("AUTHSVC_BACKUP_SCHEDULE", EVERY_SECOND)
        .env("BACKUP_DIR", directory.join("backups").to_str().unwrap())
}

/// `scheduled outcome filename` of the backups in `maintenance_runs`.
fn runs(database: &Database) -> Vec<[String; 3]> {
    let sql = "SELECT coalesce(counts ->> 'scheduled', 'by hand'), coalesce(outcome, 'running'), coalesce(counts ->> 'filename', '') \
               FROM maintenance_runs WHERE kind = 'backup' ORDER BY id";
    let rows = database.query(sql);
    rows.iter().map(|row| row.split('|').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap()).collect()
}

fn with_outcome(database: &Database, outcome: &str) -> usize {
    runs(database).iter().filter(|[_, found, _]| found == outcome).count()
}

fn files(directory: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(directory.join("backups")).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn replicas_make_one_backup_for_each_time() {
    for (engine, replicas) in [(Engine::Postgres, 8), (Engine::Sqlite, 2)] {
        let database = Database::migrated(engine);
        let directory = tempfile::tempdir().unwrap();
        let servers: Vec<_> = (0..replicas).map(|_| scheduled(&database, directory.path()).serve()).collect();
        let servers: Vec<_> = servers.into_iter().map(crate::support::program::Server::ready).collect();
        let before = with_outcome(&database, "succeeded");
        eventually("four backups", || (with_outcome(&database, "succeeded") >= before + 4).then_some(()));
        servers.iter().for_each(|server| server.running.signal("TERM"));
        for server in servers {
            server.running.wait().success();
        }
        let runs = runs(&database);
        let made: Vec<_> = runs.iter().filter(|[_, outcome, _]| outcome == "succeeded").collect();
        let times: BTreeSet<_> = made.iter().map(|[scheduled, ..]| scheduled).collect();
        assert_eq!(times.len(), made.len(), "{engine:?}: a time was served twice: {runs:#?}");
        assert!(runs.iter().all(|[_, outcome, _]| outcome == "succeeded" || outcome == "cancelled"), "{runs:#?}");
        let expected: BTreeSet<_> =
            made.iter().flat_map(|[_, _, name]| [name.clone(), format!("{name}.meta")]).collect();
        assert_eq!(files(directory.path()), expected, "{engine:?}");
    }
}

/// A backup that waits until `users` is released, begun by a replica.
fn stuck() -> (Database, tempfile::TempDir, crate::support::database::Session, crate::support::program::Server) {
    let database = Database::migrated(Engine::Postgres);
    let directory = tempfile::tempdir().unwrap();
    let server = Program::on(&database).serve().ready();
    server.stop().success();
    let mut session = database.session();
    session.execute("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE");
    let server = scheduled(&database, directory.path()).serve().ready();
    eventually("a backup is begun", || {
        let unfinished = files(directory.path()).iter().any(|name| name.ends_with(".unfinished"));
        (unfinished && with_outcome(&database, "running") == 1).then_some(())
    });
    (database, directory, session, server)
}

#[test]
fn sigterm_during_a_backup_leaves_nothing_and_a_cancelled_run() {
    let (database, directory, _session, server) = stuck();
    let outcome = server.stop().success();
    assert!(outcome.stderr.contains("was stopped, and no file is left"), "{}", outcome.stderr);
    assert_eq!(files(directory.path()), BTreeSet::new());
    assert_eq!(with_outcome(&database, "cancelled"), 1);
    assert_eq!(database.one("SELECT count(*) FROM maintenance_runs WHERE finished_at IS NULL"), "0");
}

#[test]
fn kill_9_of_the_replica_at_work_lets_another_go_on() {
    let (database, directory, mut session, server) = stuck();
    let other = scheduled(&database, directory.path()).serve().ready();
    assert_eq!(
        runs(&database).len(),
        1,
        "one at a time: {:#?}",
        database.query(
            "SELECT kind, outcome, started_at::text, finished_at::text, counts::text, error FROM maintenance_runs"
        )
    );
    server.running.signal("KILL");
    session.execute("COMMIT");
    eventually("another's backup", || (with_outcome(&database, "succeeded") > 0).then_some(()));
    other.stop().success();
    assert!(files(directory.path()).iter().all(|name| !name.ends_with(".unfinished")), "the leftover is swept");
    assert_eq!(with_outcome(&database, "running"), 1, "the record of a killed run is unchanged");
}

#[test]
fn a_failure_is_recorded_and_the_schedule_goes_on() {
    let database = Database::migrated(Engine::Sqlite);
    let directory = tempfile::tempdir().unwrap();
    let backups = directory.path().join("backups");
    std::fs::write(&backups, "in the way").unwrap();
    let server = scheduled(&database, directory.path()).serve().ready();
    eventually("a failure", || (with_outcome(&database, "failed") > 0).then_some(()));
    std::fs::remove_file(&backups).unwrap();
    eventually("a backup", || (with_outcome(&database, "succeeded") > 0).then_some(()));
    let outcome = server.stop().success();
    let failures = with_outcome(&database, "failed");
    let told = outcome.stderr.lines().filter(|line| line.contains("the scheduled backup failed")).collect::<Vec<_>>();
    assert_eq!(told.len(), failures, "each is told once");
    assert!(told[0].contains("is not a directory") && told[0].contains("set BACKUP_DIR"), "{}", told[0]);
    let errors = database.query("SELECT error FROM maintenance_runs WHERE outcome = 'failed'");
    assert!(errors[0].contains("is not a directory"), "{errors:?}");
}

#[test]
fn a_database_that_is_gone_at_the_time_is_tried_again() {
    let cluster = Cluster::start(&[]);
    let database = Database::on(&cluster, None);
    let directory = tempfile::tempdir().unwrap();
    let server = scheduled(&database, directory.path()).serve().ready();
    eventually("a backup", || (with_outcome(&database, "succeeded") > 0).then_some(()));
    cluster.crash();
    eventually("503", || crate::support::program::get(server.public, "/readyz").filter(|(status, _)| *status == 503));
    cluster.launch(&[]);
    let before = with_outcome(&database, "succeeded");
    eventually("another", || (with_outcome(&database, "succeeded") > before).then_some(()));
    server.stop().success();
}

#[test]
fn retention_follows_a_scheduled_backup() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let program = Program::on(&database);
        let made = program.run(&["backup", "--json"]).success().json();
        let old = made["filename"].as_str().unwrap();
        let meta = program.directory().join(format!("backups/{old}.meta"));
        let text = std::fs::read_to_string(&meta).unwrap();
        let mut document: serde_json::Value = serde_json::from_str(&text).unwrap();
        document["created_at"] = "2020-01-01T00:00:00Z".into();
        std::fs::write(&meta, document.to_string()).unwrap();
        let server = scheduled(&database, program.directory()).env("AUTHSVC_BACKUP_RETENTION", "2w").serve().ready();
        eventually("removal", || (!meta.exists()).then_some(()));
        server.stop().success();
        assert!(!files(program.directory()).contains(old));
        let removed =
            database.query("SELECT counts ->> 'removed' FROM maintenance_runs WHERE counts ->> 'removed' <> ''");
        assert_eq!(removed, ["1"]);
    }
}

#[test]
fn a_backup_by_hand_is_recorded_once_it_is_there_or_has_failed() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let made = Program::on(&database).run(&["backup", "--json"]).success().json();
        let expected = ["by hand".to_owned(), "succeeded".to_owned(), made["filename"].as_str().unwrap().to_owned()];
        assert_eq!(runs(&database), [expected]);
        Program::on(&database).env("BACKUP_DIR", "/dev/null").run(&["backup"]).code(1);
        Program::on(&database).run(&["backup", "--output", "-"]).success();
        assert_eq!(runs(&database).len(), 2);
        let told = database.one("SELECT error FROM maintenance_runs WHERE kind = 'backup' AND outcome = 'failed'");
        assert!(told.contains("/dev/null"), "{told}");
    }
}

#[test]
fn a_time_is_served_once_and_taken_over_from_who_was_stopped() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let directory = tempfile::tempdir().unwrap();
        let at = |text: &str| -> DateTime<Utc> { text.parse().unwrap() };
        let now: DateTime<Utc> = std::time::SystemTime::now().into();
        let (first, second, third) = (now, now + chrono::TimeDelta::hours(1), now + chrono::TimeDelta::hours(2));
        let record = |time: DateTime<Utc>, outcome: &str| {
            let time = time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
            database.execute(&format!(
                "INSERT INTO maintenance_runs (kind, outcome, counts) VALUES ('backup', {outcome}, '{{\"scheduled\":\"{time}\"}}')"
            ));
        };
        record(first, "NULL");
        record(second, "'cancelled'");
        record(third, "'failed'");
        block_on(async {
            let url = DatabaseUrl::parse(&database.url, &Defaults::default()).unwrap();
            let backups = BackupJob {
                pool: Pool::open(&url, PoolUse::SERVE).await.unwrap(),
                url: url.clone(),
                directory: directory.path().to_owned(),
                retention: Retention::default(),
                verification: ScheduledVerification::Off,
                settings: authsvc::migrate::MigrationSettings {
                    patience: std::time::Duration::from_secs(60),
                    lock_timeout: std::time::Duration::from_secs(2),
                    app_version: "test".to_owned(),
                },
                app_version: "test".to_owned(),
                environment: "test".to_owned(),
            };
            let stop = CancellationToken::new();
            let turn = ExclusiveLock::try_acquire(&url).await.unwrap().unwrap();
            assert_eq!(backups.attempt(first, &stop).await.unwrap(), BackupAttempt::Busy, "{engine:?}");
            turn.release().await;
            for (time, expected) in [
                (first, BackupAttempt::Made),
                (first, BackupAttempt::Served),
                (second, BackupAttempt::Made),
                (third, BackupAttempt::Served),
                (at("2001-01-01T00:00:00Z"), BackupAttempt::Made),
            ] {
                assert_eq!(backups.attempt(time, &stop).await.unwrap(), expected, "{engine:?} {time}");
            }
            stop.cancel();
            assert_eq!(backups.attempt(now, &stop).await.unwrap(), BackupAttempt::Stopped);
        });
    }
}

#[test]
fn what_a_replica_left_midway_is_made_by_the_one_that_replaces_it() {
    for (engine, minutes, outcome) in [(Engine::Postgres, 2, "NULL"), (Engine::Sqlite, 30, "'cancelled'")] {
        let database = Database::migrated(engine);
        let now: DateTime<Utc> = std::time::SystemTime::now().into();
        let time = now - chrono::TimeDelta::minutes(minutes);
        let text = time.format("%Y-%m-%dT%H:%M:00Z").to_string();
        database.execute(&format!(
            "INSERT INTO maintenance_runs (kind, outcome, counts) VALUES ('backup', {outcome}, '{{\"scheduled\":\"{text}\"}}')"
        ));
        let daily = time.format("%M %H * * *").to_string();
        let server = Program::on(&database).env("AUTHSVC_BACKUP_SCHEDULE", &daily).serve().ready();
        eventually("the backup", || (with_outcome(&database, "succeeded") == 1).then_some(()));
        server.stop().success();
        assert_eq!(runs(&database)[1][0], text);
    }
}

#[test]
fn times_are_those_of_cron_in_utc() {
    let at = |text: &str| -> DateTime<Utc> { text.parse().unwrap() };
    let nightly: Schedule = "0 3 * * *".parse().unwrap();
    assert_eq!(nightly.next_after(at("2026-03-29T00:59:59.5Z")), Some(at("2026-03-29T03:00:00Z")));
    assert_eq!(nightly.next_after(at("2026-03-29T03:00:00Z")), Some(at("2026-03-30T03:00:00Z")));
    assert_eq!(nightly.last_until(at("2026-03-29T03:00:00.9Z")), Some(at("2026-03-29T03:00:00Z")));
    assert_eq!(nightly.last_until(at("2026-03-29T02:59:59.9Z")), Some(at("2026-03-28T03:00:00Z")));
    let seconds: Schedule = EVERY_SECOND.parse().unwrap();
    assert_eq!(seconds.next_after(at("2026-01-01T00:00:00.2Z")), Some(at("2026-01-01T00:00:01Z")));
    assert_eq!(seconds.last_until(at("2026-01-01T00:00:01.7Z")), Some(at("2026-01-01T00:00:01Z")));
}

#[test]
fn configuration_that_cannot_be_used_is_refused_with_a_hint() {
    for (name, value, hint) in [
        ("AUTHSVC_BACKUP_SCHEDULE", "every night", "0 3 * * *"),
        ("AUTHSVC_BACKUP_SCHEDULE", "* * *", "five fields"),
        ("AUTHSVC_BACKUP_SCHEDULE", "61 * * * *", "five fields"),
        ("AUTHSVC_BACKUP_SCHEDULE", "0 0 30 2 *", "five fields"),
        ("AUTHSVC_BACKUP_SCHEDULE", "0 0 3 * * * 2026", "five fields"),
        ("AUTHSVC_BACKUP_RETENTION", "0h", "168h"),
        ("AUTHSVC_BACKUP_RETENTION", "a week", "168h"),
        ("AUTHSVC_BACKUP_VERIFY", "yes", "use off or restore"),
    ] {
        let error = Config::from_variables(&Variables::from([(name, value)])).unwrap_err();
        let text = format!("{error} | {}", error.hint());
        assert!(text.contains(name) && text.contains(value) && text.contains(hint), "{text}");
    }
    let program = Program::new().env("AUTHSVC_BACKUP_SCHEDULE", "61 * * * *");
    let error = program.run(&["serve"]).code(2).error();
    assert!(error.contains("AUTHSVC_BACKUP_SCHEDULE") && error.contains("hint: write five fields"), "{error}");
    assert_eq!(std::fs::read_dir(program.directory()).unwrap().count(), 0, "nothing was made");
    let config = Config::from_variables(&Variables::from([("AUTHSVC_BACKUP_SCHEDULE", "off")])).unwrap();
    assert!(config.backup_schedule.is_none() && config.backup_retention == Retention::default());
}

#[test]
fn a_scheduled_backup_is_proven_by_restoring_it() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let directory = tempfile::tempdir().unwrap();
        let server = scheduled(&database, directory.path()).env("AUTHSVC_BACKUP_VERIFY", "restore").serve().ready();
        eventually("a proof", || {
            let proven = "SELECT count(*) FROM maintenance_runs WHERE kind = 'verify' AND outcome = 'succeeded'";
            (database.one(proven) != "0").then_some(())
        });
        server.stop().success();
        let listed = Program::on(&database).env("BACKUP_DIR", directory.path().join("backups").to_str().unwrap());
        let oldest = listed.run(&["list-backups"]).success().json().as_array().unwrap().last().unwrap().clone();
        let meta = directory.path().join("backups").join(format!("{}.meta", oldest["name"].as_str().unwrap()));
        let meta: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(meta).unwrap()).unwrap();
        assert!(meta["verified_at"].is_string(), "{engine:?}: {meta}");
        assert_eq!(
            database.query("SELECT outcome, error FROM maintenance_runs WHERE outcome = 'failed'"),
            Vec::<String>::new()
        );
    }
}
