//! Ids after a restore: an id that was given out in the file or in the live database is never given out again.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::accounts::served;
use crate::backup::{backup, shell};
use crate::support::api::register;
use crate::support::database::ENGINES;
use crate::support::{Cluster, Database, Engine, Program};

const NEXT_USER: &str =
    "INSERT INTO users (email, username, password_hash) VALUES ('next@example.com', 'next', 'x') RETURNING id";
const USERS: &str = "INSERT INTO users (email, username, password_hash) VALUES ('a@example.com', 'a', 'x'), ('b@example.com', 'b', 'x')";

fn restore(database: &Database, file: &Path) -> Value {
    Program::on(database).run(&["restore", "--yes", "--json", file.to_str().unwrap()]).success().json()
}

/// Registered after the backup, and deleted by the restore: its id must not become the id of another account.
#[test]
fn an_id_of_an_account_that_a_restore_removes_is_not_given_out_again() {
    for engine in ENGINES {
        for others in [false, true] {
            let database = Database::migrated(engine);
            if others {
                // a table of another program: the file's pages are not copied then
                database.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY)");
            }
            let server = served(&database);
            register(server.public, "alice").status(201);
            let program = Program::on(&database);
            let file = backup(&program, &[]);
            let bob = register(server.public, "bob").status(201).json()["user"]["id"].as_i64().unwrap();
            // an id that is deleted again was given out, too
            database.execute(
                "DELETE FROM refresh_tokens; DELETE FROM auth_events; DELETE FROM users WHERE username = 'bob'",
            );
            restore(&database, &file);
            let carol = register(server.public, "carol").status(201).json()["user"]["id"].as_i64().unwrap();
            assert!(carol > bob, "{engine:?}: {carol} after {bob}");
            assert_eq!(database.one("SELECT count(*) FROM users"), "2");
        }
    }
}

/// The greatest of the file's sequence, the live one's, and the ids in either.
#[test]
fn a_sequence_goes_on_behind_the_file_and_the_live_database() {
    for engine in ENGINES {
        for (in_file, live, expected) in [(50, 20, "51"), (20, 50, "51"), (1, 1, "3")] {
            let database = Database::migrated(engine);
            database.execute(USERS);
            set(&database, engine, in_file);
            let program = Program::on(&database);
            let file = backup(&program, &[]);
            set(&database, engine, live);
            restore(&database, &file);
            assert_eq!(database.one(NEXT_USER), expected, "{engine:?}: {in_file} in the file, {live} in the database");
        }
        let database = Database::migrated(engine);
        let program = Program::on(&database);
        let file = backup(&program, &[]);
        database
            .execute("INSERT INTO users (id, email, username, password_hash) VALUES (900, 'z@example.com', 'z', 'x')");
        restore(&database, &file);
        assert_eq!(database.one(NEXT_USER), "901", "{engine:?}: an id that no sequence gave out");
    }
}

fn set(database: &Database, engine: Engine, value: i64) {
    database.execute(&match engine {
        Engine::Postgres => format!("SELECT setval('users_id_seq', {value})"),
        Engine::Sqlite => format!("UPDATE sqlite_sequence SET seq = {value} WHERE name = 'users'"),
    });
}

#[test]
fn settings_of_a_sequence_and_its_values_are_kept_together() {
    let database = Database::migrated(Engine::Postgres);
    database.execute(USERS);
    let program = Program::on(&database);
    let file = backup(&program, &[]);
    database
        .execute("ALTER SEQUENCE users_id_seq INCREMENT BY 10 MINVALUE 100 START WITH 100 RESTART WITH 200 CACHE 3");
    restore(&database, &file);
    assert_eq!(database.one(NEXT_USER), "200");
    assert_eq!(
        database.one(
            "SELECT seqincrement, seqmin, seqstart, seqcache FROM pg_sequence WHERE seqrelid = 'users_id_seq'::regclass"
        ),
        "10|100|100|3"
    );
}

/// A dump without its lines of sequences.
fn without_setval(database: &Database) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("dump.sql");
    let cluster = Cluster::shared();
    shell(&format!(
        "pg_dump -h {} -p {} -U postgres {} | grep -v setval > {}",
        cluster.socket().display(),
        cluster.port,
        database.name(),
        file.display()
    ));
    (directory, file)
}

#[test]
fn a_dump_without_sequences_is_restored_above_its_ids() {
    let source = Database::migrated(Engine::Postgres);
    source.execute(USERS);
    let (_directory, file) = without_setval(&source);
    for engine in ENGINES {
        let target = Database::empty(engine);
        let report = restore(&target, &file);
        let notes = report["warnings"].to_string();
        // SQLite raises a sequence with each id that is inserted
        assert_eq!(notes.contains("`users` up to 2"), engine == Engine::Postgres, "{engine:?}: {notes}");
        assert!(!notes.contains("refresh_tokens"), "{notes}");
        let server = served(&target);
        assert_eq!(register(server.public, "carol").status(201).json()["user"]["id"], 3, "{engine:?}");
    }
}

/// An existing id is not reported as a used name or address.
#[test]
fn a_violated_primary_key_is_a_failure_of_the_service() {
    let database = Database::migrated(Engine::Postgres);
    database.execute(USERS);
    database.execute("SELECT setval('users_id_seq', 1, false)");
    let server = served(&database);
    let answer = register(server.public, "carol");
    assert_eq!(answer.status, 500, "{answer:?}");
    assert!(!answer.body.contains("users_pkey"), "{answer:?}");
    // the second number of the two, too; the third is free
    assert_eq!(register(server.public, "carol").status, 500);
    register(server.public, "carol").status(201);
    assert_eq!(register(server.public, "carol").problem(409), "taken");
    let log = server.stop().success().stderr;
    assert!(log.contains("users_pkey"), "{log}");
}

#[test]
fn a_sequence_behind_its_ids_is_found() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        database.execute(USERS);
        let program = Program::on(&database).env("AUTHSVC_ENV", "test");
        let check = || {
            let report = program.run(&["detailed-health"]).json();
            let checks = report["checks"].as_array().unwrap();
            checks.iter().find(|check| check["name"] == "sequences").unwrap().clone()
        };
        assert_eq!(check()["status"], "healthy", "{engine:?}");
        let (behind, status) = match engine {
            Engine::Postgres => {
                (vec!["SELECT setval('users_id_seq', 1)", "SELECT setval('users_id_seq', 2, false)"], "unhealthy")
            }
            Engine::Sqlite => (
                vec![
                    "UPDATE sqlite_sequence SET seq = 1 WHERE name = 'users'",
                    "DELETE FROM sqlite_sequence WHERE name = 'users'",
                ],
                "degraded",
            ),
        };
        for sql in behind {
            database.execute(sql);
            let found = check();
            assert_eq!(found["status"], status, "{engine:?}, {sql}: {found}");
            assert!(found["message"].as_str().unwrap().contains("`users` is behind its id 2"), "{found}");
            let correction = found["hint"].as_str().unwrap().strip_prefix("run: ").unwrap().to_owned();
            if engine == Engine::Postgres {
                database.execute(&correction);
                assert_eq!(check()["status"], "healthy", "{correction}");
            }
        }
        // a value that was set and not given out yet is not behind
        if engine == Engine::Postgres {
            database.execute("SELECT setval('users_id_seq', 3, false)");
            assert_eq!(check()["status"], "healthy");
        }
    }
}

/// A bound that the file's ids are beyond is carried over by a restore: it is refused before anything is written.
#[test]
fn a_sequence_that_ends_below_the_file_is_refused_before_the_first_write() {
    for source in ENGINES {
        let maker = Database::migrated(source);
        maker.execute(USERS);
        maker.execute("UPDATE users SET id = 4711 WHERE username = 'b'");
        if source == Engine::Postgres {
            maker.execute("SELECT setval('auth_events_id_seq', 900)");
        }
        let program = Program::on(&maker);
        let file = backup(&program, &[]);
        let target = Database::migrated(Engine::Postgres);
        target.execute("ALTER SEQUENCE users_id_seq MAXVALUE 4710; ALTER SEQUENCE auth_events_id_seq MAXVALUE 899");
        let there = Program::on(&target);
        // no question is asked, and none is answered
        let error = there.run(&["restore", file.to_str().unwrap()]).code(1).error();
        for part in ["`users_id_seq` ends at 4710", "up to 4711", "ALTER SEQUENCE users_id_seq AS bigint NO MAXVALUE"] {
            assert!(error.contains(part), "{part}: {error}");
        }
        assert_eq!(error.contains("`auth_events_id_seq` ends at 899"), source == Engine::Postgres, "{error}");
        assert!(!there.directory().join("backups").exists(), "a safety backup was made");
        target.execute(
            "ALTER SEQUENCE users_id_seq AS bigint NO MAXVALUE; ALTER SEQUENCE auth_events_id_seq AS bigint NO MAXVALUE",
        );
        restore(&target, &file);
        assert_eq!(target.one(NEXT_USER), "4712");
    }
}
