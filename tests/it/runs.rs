//! `maintenance_runs`: commands record their runs, except runs that changed nothing.

use std::time::Duration;

use authsvc::db::{DatabaseUrl, Defaults};
use authsvc::maintain::record_migration;
use authsvc::migrate::{self, MigrateAction, MigrationSettings, migrations, newest};
use entity::maintenance_run::RunKind;

use crate::support::database::{ENGINES, block_on};
use crate::support::program::{Outcome, get};
use crate::support::{CANARY, Database, Engine, Program, eventually};

/// Kind, outcome, and of a migration what it did.
fn runs(database: &Database) -> Vec<String> {
    let counts = "counts ->> 'recorded', counts ->> 'migrations'";
    let runs = database.query(&format!("SELECT kind, outcome, {counts} FROM maintenance_runs ORDER BY id"));
    runs.into_iter().map(|run| run.replace(", ", ",")).collect()
}

/// A run of a command that must have been able to tell of itself, or have nothing to tell.
#[track_caller]
fn run(program: &Program, arguments: &[&str]) -> Outcome {
    let outcome = program.run(arguments).success();
    assert!(!outcome.stderr.contains("not recorded in maintenance_runs"), "{}", outcome.stderr);
    outcome
}

#[test]
fn a_migration_is_recorded_once_there_is_a_table_and_something_was_done() {
    for engine in ENGINES {
        let database = Database::empty(engine);
        let program = Program::on(&database).env("AUTHSVC_ENV", "test");
        run(&program, &["migrate", "--dry-run"]);
        run(&program, &["migrate", "--to", "008"]);
        run(&program, &["migrate"]);
        run(&program, &["migrate"]);
        run(&program, &["migrate", "--dry-run"]);
        program.run(&["migrate", "--to", "042"]).code(2);
        let names: Vec<_> = migrations().iter().filter(|known| known.number > 8).map(|known| known.name).collect();
        let told = format!("migrate|succeeded|0|{}", serde_json::to_string(&names).unwrap());
        assert_eq!(runs(&database), [told], "{engine:?}");
        let took = "SELECT count(*) FROM maintenance_runs WHERE finished_at >= started_at";
        assert_eq!(database.one(took), "1");
        // a rollback is recorded while the table of records exists
        run(&program, &["rollback", "--yes", "--no-safety-backup"]);
        run(&program, &["migrate"]);
        let told = runs(&database);
        let of = |kind: &str| format!("{kind}|succeeded|0|[\"{}\"]", newest());
        assert_eq!(told[1..], [of("rollback"), of("migrate")]);
        // the table is dropped with its records
        run(&program, &["rollback", "--yes", "--to", "008"]);
        run(&program, &["rollback", "--yes", "--to", "0"]);
        let server = program.serve().ready();
        let metric = "authsvc_maintenance_last_run_timestamp_seconds{kind=\"migrate\",outcome=\"succeeded\"}";
        eventually("the metric", || get(server.admin, "/metrics").unwrap().1.contains(metric).then_some(()));
        server.stop().success();
        let found = runs(&database);
        assert_eq!((found.len(), found[0].split(',').count()), (1, migrations().len()), "{engine:?}: {found:?}");
        Program::on(&database).env("AUTHSVC_ENV", "test").serve().ready().stop().success();
        assert_eq!(runs(&database), found, "a boot with nothing to do wrote something");
    }
}

#[test]
fn seed_backup_proof_and_restore_are_recorded() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let program = Program::on(&database).env("AUTHSVC_ENV", "test");
        run(&program, &["seed"]);
        run(&program, &["seed"]);
        let made = run(&program, &["backup", "--json"]).json();
        let name = made["filename"].as_str().unwrap();
        let file = format!("backups/{name}");
        run(&program, &["verify-backup", "--restore", &file]);
        let kinds = || database.query("SELECT kind, outcome FROM maintenance_runs ORDER BY id");
        assert_eq!(kinds(), ["seed|succeeded", "backup|succeeded", "verify|succeeded"]);
        assert_eq!(database.one("SELECT counts ->> 'users' FROM maintenance_runs WHERE kind = 'seed'"), "13");
        let report = run(&program, &["restore", "--yes", "--json", &file]).json();
        // what was recorded after the backup went with the old content
        assert_eq!(kinds(), ["seed|succeeded", "restore|succeeded"], "{engine:?}");
        let of = |field: &str| {
            database.one(&format!("SELECT counts ->> '{field}' FROM maintenance_runs WHERE kind = 'restore'"))
        };
        let rows: u64 = report["tables"].as_array().unwrap().iter().map(|table| table["rows"].as_u64().unwrap()).sum();
        assert_eq!((of("file"), of("rows")), (file, rows.to_string()));
        assert_eq!(of("safety_backup"), report["safety_backup"].as_str().unwrap());
        // a file that is refused begins nothing
        std::fs::write(program.directory().join("other.sql"), "SELECT 1;").unwrap();
        program.run(&["restore", "--yes", "other.sql"]).code(3);
        assert_eq!(kinds().len(), 2);
        let last = program.run(&["detailed-health"]).json()["maintenance"]["last_runs"].clone();
        assert_eq!(last[0]["kind"], "restore", "{last}");
    }
}

#[test]
fn a_failed_rollback_is_recorded_with_its_reason() {
    let database = Database::migrated(Engine::Postgres);
    database.execute("CREATE VIEW mine AS SELECT kind FROM maintenance_runs");
    let program = Program::on(&database);
    let error = program.run(&["rollback", "--yes", "--to", "008"]).code(1).error();
    assert_eq!(
        database.query("SELECT kind, outcome FROM maintenance_runs ORDER BY id"),
        ["backup|succeeded", "rollback|failed"]
    );
    let told = database.one("SELECT error FROM maintenance_runs WHERE kind = 'rollback'");
    assert!(error.contains(&told) && told.contains("009_maintenance_runs.down.sql"), "{told}");
    // the command printed the error: it is no state of the service
    run(&program, &["migrate"]);
    let report = program.run(&["detailed-health"]).json();
    let checks = report["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == "maintenance").unwrap();
    assert_eq!(check["status"], "healthy", "{check}");
}

#[test]
fn refusals_and_silence_are_not_recorded_but_failures_are() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let url = DatabaseUrl::parse(&database.url, &Defaults::default()).unwrap();
        let settings = MigrationSettings {
            patience: Duration::from_secs(9),
            lock_timeout: Duration::from_secs(2),
            app_version: "t".to_owned(),
        };
        let took = Duration::from_secs(90);
        block_on(async {
            let current = migrate::migrate(&url, MigrateAction::latest(), &settings, &()).await.unwrap();
            record_migration(&url, RunKind::Migrate, took, Ok(&current)).await;
            let refusal = migrate::Error::Newer { names: vec!["042_x".to_owned()] };
            record_migration(&url, RunKind::Migrate, took, Err(&refusal)).await;
            let failure = migrate::Error::LockTimeout { what: "it's locked \\ \u{0}here", waited: took };
            record_migration(&url, RunKind::Migrate, took, Err(&failure)).await;
        });
        let found = database.query("SELECT kind, outcome, error FROM maintenance_runs");
        assert_eq!(found, ["migrate|failed|it's locked \\ here for 1m 30s"], "{engine:?}");
        let seconds = match engine {
            Engine::Postgres => "round(extract(epoch FROM finished_at - started_at))",
            Engine::Sqlite => "unixepoch(finished_at) - unixepoch(started_at)",
        };
        assert_eq!(database.one(&format!("SELECT CAST({seconds} AS INTEGER) FROM maintenance_runs")), "90");
    }
}

#[test]
fn a_role_that_may_not_is_let_be() {
    let database = Database::migrated(Engine::Postgres);
    let role = format!("r_{}", database.name());
    database.execute(&format!("CREATE ROLE {role} LOGIN PASSWORD '{CANARY}'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}; GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}"));
    let program = Program::new().env("DATABASE_URL", &database.url.replace("//app:", &format!("//{role}:")));
    run(&program, &["backup"]);
    assert_eq!(runs(&database), [""; 0]);
}
