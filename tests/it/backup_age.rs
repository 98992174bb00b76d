//! The newest backup despite wrong clocks, and backups that were recorded but no longer exist.

use serde_json::Value;

use crate::backup::{backup, backups};
use crate::support::database::ENGINES;
use crate::support::{Database, Program};

fn check(report: &Value, name: &str) -> (String, String) {
    let found = report["checks"].as_array().unwrap().iter().find(|check| check["name"] == name);
    let text = |field: &str| found.map_or(String::new(), |check| check[field].as_str().unwrap().to_owned());
    (text("status"), text("message"))
}

fn report(program: &Program) -> Value {
    program.run(&["detailed-health"]).json()
}

#[test]
fn a_backup_from_the_future_is_reported_and_counts_for_nothing() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let program = Program::on(&database).env("AUTHSVC_BACKUP_MAX_AGE", "26h");
        let directory = program.directory().join("backups").display().to_string();
        let ahead = Program::on(&database).env("BACKUP_DIR", &directory).with_clock("+400d");
        let made = ahead.run(&["backup", "--json"]).success().json();
        let future = made["filename"].as_str().unwrap();
        let found = report(&program);
        assert_eq!(check(&found, "backup_files").0, "degraded", "{found}");
        assert!(check(&found, "backup_files").1.contains(future), "{found}");
        assert!(found["backups"]["age_seconds"].as_i64().is_none_or(|age| age >= 0), "{found}");
        let now = program.run(&["backup", "--json"]).success().json();
        let found = report(&program);
        assert_eq!(check(&found, "backups").0, "healthy", "{found}");
        assert!((0..60).contains(&found["backups"]["age_seconds"].as_i64().unwrap()), "{found}");
        let listed = program.run(&["list-backups"]).success().json();
        assert_eq!(listed[0]["name"], now["filename"], "the newest is first");
        assert_eq!((&listed[0]["in_future"], &listed[1]["in_future"]), (&false.into(), &true.into()));
        // it causes no deletion, and is not deleted
        let before = backups(&program.directory().join("backups"));
        program.run(&["cleanup", "1h"]).success();
        assert_eq!(backups(&program.directory().join("backups")), before);
    }
}

#[test]
fn backups_that_were_recorded_and_are_gone_are_lost() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let program = Program::on(&database);
        let first = backup(&program, &[]);
        assert_eq!(check(&report(&program), "backups").0, "healthy");
        let second = backup(&program, &[]);
        let meta = |file: &std::path::Path| format!("{}.meta", file.display());
        let keep = |file: &std::path::Path| (std::fs::read(file).unwrap(), std::fs::read(meta(file)).unwrap());
        let (content, metadata) = keep(&second);
        std::fs::remove_file(&second).unwrap();
        let found = report(&program);
        assert_eq!(check(&found, "backups").0, "degraded", "the newest is gone: {found}");
        assert!(check(&found, "backup_files").1.contains(".meta"), "metadata without its file: {found}");
        std::fs::remove_file(meta(&second)).unwrap();
        assert!(check(&report(&program), "backups").1.contains("2 recorded"), "{}", report(&program));
        std::fs::remove_file(&first).unwrap();
        std::fs::remove_file(meta(&first)).unwrap();
        let found = report(&program);
        assert_eq!(check(&found, "backups").0, "degraded");
        assert!(check(&found, "backups").1.contains("holds 0 backups"), "{found}");
        std::fs::remove_dir(first.parent().unwrap()).unwrap();
        assert_eq!(check(&report(&program), "backups").0, "degraded", "the directory is gone");
        std::fs::create_dir(first.parent().unwrap()).unwrap();
        std::fs::write(&second, content).unwrap();
        std::fs::write(meta(&second), metadata).unwrap();
        assert_eq!(check(&report(&program), "backups").0, "healthy", "{}", report(&program));
        // a replica without this directory does not know better than the records
        let elsewhere = Program::on(&database);
        assert_eq!(check(&report(&elsewhere), "backups").0, "healthy");
    }
}

#[test]
fn a_run_that_does_not_end_is_reported() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let ago = |hours: u32| match engine {
            crate::support::Engine::Postgres => format!("CURRENT_TIMESTAMP - INTERVAL '{hours} hours'"),
            crate::support::Engine::Sqlite => format!("strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '-{hours} hours')"),
        };
        let begun = |hours| {
            database
                .execute(&format!("INSERT INTO maintenance_runs (kind, started_at) VALUES ('backup', {})", ago(hours)))
        };
        let program = Program::on(&database);
        begun(5);
        assert_eq!(check(&report(&program), "maintenance").0, "healthy");
        database.execute("DELETE FROM maintenance_runs");
        begun(7);
        assert_eq!(check(&report(&program), "maintenance").0, "degraded");
        program.run(&["backup"]).success();
        assert_eq!(check(&report(&program), "maintenance").0, "healthy");
    }
}
