//! States in which the program changes nothing. Each has its reason, its hint and its exit code.

use crate::support::database::ENGINES;
use crate::support::{Database, Engine, Program};

#[test]
fn a_newer_database_is_refused_with_4() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        newer(&database, false);
        for command in [&["migrate"][..], &["rollback", "--yes"]] {
            let error = Program::on(&database).run(command).code(4).error();
            assert!(error.contains("newer than this program") && error.contains("042_of_the_future"), "{error}");
        }
        let status = Program::on(&database).run(&["status", "--check"]).code(3).json();
        assert_eq!(status["state"], "newer");
        let status = Program::on(&database).run(&["status"]).success().json();
        assert_eq!(status["migrations"].as_array().unwrap().last().unwrap()["checksum"], "unknown");
    }
}

#[test]
fn a_newer_database_whose_migrations_are_compatible_is_served() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        newer(&database, true);
        let outcome = Program::on(&database).run(&["migrate", "--json"]).success();
        assert_eq!(outcome.json()["unknown"][0], "042_of_the_future");
        Program::on(&database).serve().ready().stop().success();
        // what it does not know it cannot undo
        Program::on(&database).run(&["rollback", "--yes"]).code(4);
    }
}

fn newer(database: &Database, compatible: bool) {
    database.execute(&format!(
        "INSERT INTO seaql_migrations VALUES ('042_of_the_future', 1);
         INSERT INTO authsvc_migrations VALUES ('042_of_the_future', 'x', 'applied', {compatible}, 1, 1, '9.0')"
    ));
}

#[test]
fn a_changed_migration_is_refused_with_5() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        database.execute("UPDATE authsvc_migrations SET checksum = 'other' WHERE version = '002_add_indexes'");
        for command in [&["migrate"][..], &["rollback", "--yes"]] {
            let error = Program::on(&database).run(command).code(5).error();
            assert!(error.contains("changed: 002_add_indexes"), "{error}");
        }
        let status = Program::on(&database).run(&["status", "--check"]).code(3).json();
        assert_eq!((&status["state"], &status["migrations"][1]["checksum"]), (&"changed".into(), &"changed".into()));
    }
}

#[test]
fn tables_without_history_are_refused() {
    for engine in ENGINES {
        let database = Database::empty(engine);
        let program = Program::on(&database);
        if engine == Engine::Sqlite {
            std::fs::write(database.path(), "").unwrap();
        }
        database.execute("CREATE TABLE somebody_elses (id INTEGER)");
        let error = program.run(&["migrate"]).code(1).error();
        assert!(error.contains("somebody_elses") && error.contains("--baseline"), "{error}");
        assert_eq!(program.run(&["status"]).success().json()["state"], "no_history");
        let error = program.run(&["migrate", "--baseline", "004"]).code(1).error();
        assert!(error.contains("missing: table users"), "{error}");
    }
}

#[test]
fn a_migration_pending_below_an_applied_one_is_refused() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        database.execute("DELETE FROM authsvc_migrations WHERE version LIKE '008%'; DELETE FROM seaql_migrations WHERE version LIKE '008%'");
        let error = Program::on(&database).run(&["migrate"]).code(1).error();
        let told = format!("008_auth_events is not applied, but the later {} is", authsvc::migrate::newest());
        assert!(error.contains(&told), "{error}");
    }
}

#[test]
fn drift_is_reported_and_refuses_only_what_breaks_the_program() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let program = Program::on(&database);
        program.run(&["rollback", "--yes"]).success();
        database.execute("DROP INDEX idx_users_last_login");
        let status = program.run(&["status", "--check"]).code(3).json();
        assert_eq!(status["state"], "drifted");
        assert_eq!(status["drift"][0]["change"], "missing");
        // it slows queries down; it breaks none
        let migrated = program.run(&["migrate"]).success();
        assert!(migrated.stderr.contains("drifted: missing: index users.idx_users_last_login"), "{}", migrated.stderr);
        // without pending migrations it is reported, too
        let migrated = program.run(&["migrate"]).success();
        assert!(migrated.stderr.contains("drifted: missing: index users.idx_users_last_login"), "{}", migrated.stderr);
        database.execute("CREATE INDEX idx_users_last_login ON users (last_login)");
        // an index that another program added is reported, but refuses nothing
        database.execute("CREATE INDEX by_hand ON users (created_at)");
        let status = program.run(&["status", "--check"]).code(3).json();
        assert_eq!(status["drift"][0]["object"], "index users.by_hand");
        program.run(&["migrate"]).success();
        database.execute("DROP INDEX by_hand");
        program.run(&["status", "--check"]).success();
        // a table of another program is ignored
        database.execute("CREATE TABLE somebody_elses (id INTEGER)");
        program.run(&["status", "--check"]).success();
        database.execute("ALTER TABLE users RENAME COLUMN avatar_url TO picture");
        let error = program.run(&["migrate"]).code(1).error();
        assert!(error.contains("drifted") && error.contains("missing: column users.avatar_url"), "{error}");
    }
}

#[test]
fn a_failing_migration_leaves_what_was_before_it() {
    // 005 refuses addresses that differ only in case; 008's table is in the way of 008
    let database = Database::empty(Engine::Postgres);
    let program = Program::on(&database);
    program.run(&["migrate", "--to", "007"]).success();
    database.execute("CREATE TABLE auth_events (id INTEGER)");
    let error = program.run(&["migrate"]).code(1).error();
    assert!(
        error.contains("migration/postgres/008_auth_events.sql:9: ")
            && error.contains("(42P07)")
            && error.contains("CREATE TABLE auth_events"),
        "{error}"
    );
    assert_eq!(database.ledger().last().unwrap(), "007_switch_tables applied");
    database.execute("DROP TABLE auth_events");
    program.run(&["migrate"]).success();

    let database = Database::empty(Engine::Sqlite);
    let program = Program::on(&database);
    program.run(&["migrate", "--to", "006"]).success();
    database.execute("CREATE TABLE auth_events (id INTEGER)");
    let error = program.run(&["migrate"]).code(1).error();
    assert!(error.contains("migration/sqlite/008_auth_events.sql:6: ") && error.contains("already exists"), "{error}");
    assert_eq!(database.ledger().last().unwrap(), "006_copy_rows applied", "the run is one transaction");
}
