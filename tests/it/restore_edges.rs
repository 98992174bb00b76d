//! Edge cases of a restore: sequences, numbers, documents, and files beside the database.

use std::path::Path;

use crate::backup::{backup, rows, seeded, shell};
use crate::restore::{content, restored};
use crate::support::database::ENGINES;
use crate::support::{Database, Engine, Program};

const NEXT_USER: &str =
    "INSERT INTO users (email, username, password_hash) VALUES ('next@example.com', 'next', 'x') RETURNING id";

/// Restores a database's backup into another; that one.
fn carried(source: &Database, target: Database) -> Database {
    let program = Program::on(source);
    restore(&target, &backup(&program, &[]));
    target
}

fn restore(target: &Database, file: &Path) -> serde_json::Value {
    Program::on(target).run(&["restore", "--yes", "--json", file.to_str().unwrap()]).success().json()
}

#[test]
fn ids_of_empty_tables_begin_with_1_on_the_way_back() {
    for (first, second) in [(Engine::Postgres, Engine::Sqlite), (Engine::Sqlite, Engine::Postgres)] {
        let middle = carried(&Database::migrated(first), Database::empty(second));
        let end = carried(&middle, Database::empty(first));
        assert_eq!(end.one(NEXT_USER), "1", "{first:?} to {second:?} and back");
        assert_eq!(middle.one(NEXT_USER), "1", "{first:?} to {second:?}");
    }
}

#[test]
fn an_id_that_was_given_out_is_not_given_out_again() {
    for engine in ENGINES {
        let source = seeded(engine);
        source.execute("DELETE FROM users WHERE id = (SELECT max(id) FROM users)");
        let expected = source.one("SELECT max(id) + 2 FROM users");
        for other in ENGINES {
            let target = carried(&source, Database::empty(other));
            let end = carried(&target, Database::empty(engine));
            for database in [target, end] {
                assert_eq!(database.one(NEXT_USER), expected, "{engine:?} to {other:?}");
            }
        }
    }
}

/// `ALTER SEQUENCE … RESTART WITH` sets a value that was not given out yet.
#[test]
fn a_sequence_that_was_set_anew_goes_on_from_there() {
    let source = Database::migrated(Engine::Postgres);
    source.execute("ALTER SEQUENCE users_id_seq RESTART WITH 5000; SELECT setval('auth_events_id_seq', 77, false)");
    for engine in ENGINES {
        let target = carried(&source, Database::empty(engine));
        assert_eq!(target.one(NEXT_USER), "5000", "{engine:?}");
        assert_eq!(target.one("INSERT INTO auth_events (kind) VALUES ('logout') RETURNING id"), "77", "{engine:?}");
    }
}

#[test]
fn ids_as_large_as_they_get_are_backed_up() {
    let source = Database::migrated(Engine::Sqlite);
    source.execute(
        "INSERT INTO auth_events (id, kind) VALUES (9223372036854775807, 'logout');
         INSERT INTO maintenance_runs (id, kind) VALUES (9223372036854775807, 'seed');
         INSERT INTO users (id, email, username, password_hash) VALUES (9223372036854775807, 'a@example.com', 'a', 'x')",
    );
    for engine in ENGINES {
        let target = carried(&source, Database::empty(engine));
        assert_eq!(target.one("SELECT id FROM users"), "9223372036854775807", "{engine:?}");
    }
}

/// Documents that are the same to PostgreSQL, which keeps their meaning and not their text.
#[test]
fn documents_are_carried_over_however_they_are_written() {
    let source = Database::migrated(Engine::Sqlite);
    let deep = format!("{}1e3{}", r#"{"a":["#.repeat(40), "]}".repeat(40));
    for text in [
        r#"{"z":1,"a":2,"a":3}"#,
        r#"{"n": [1e5, 1E+2, -0, 0.10, 10e-1, 1e400, -1.50e-3, 123456789012345678901234567890, 9223372036854775808]}"#,
        r#"{ "\u0061" : "\ud83d\ude00\/" }"#,
        &deep,
    ] {
        source.execute(&format!("INSERT INTO maintenance_runs (kind, counts) VALUES ('cleanup', '{text}')"));
    }
    let target = carried(&source, Database::empty(Engine::Postgres));
    let found = target.query("SELECT counts FROM maintenance_runs WHERE kind = 'cleanup' AND id <> 4 ORDER BY id");
    let zeros = "0".repeat(400);
    assert_eq!(found[0], r#"{"a": 3, "z": 1}"#);
    assert_eq!(
        found[1],
        format!(
            r#"{{"n": [100000, 100, 0, 0.10, 1.0, 1{zeros}, -0.00150, 123456789012345678901234567890, 9223372036854775808]}}"#
        )
    );
    assert_eq!(found[2], r#"{"a": "😀/"}"#);
    let back = carried(&target, Database::empty(Engine::Sqlite));
    assert_eq!(back.query("SELECT counts FROM maintenance_runs WHERE kind = 'cleanup' AND id <> 4 ORDER BY id"), found);
}

/// What a killed process leaves beside a file that was then removed belongs to no database any more.
#[test]
fn a_log_without_its_database_is_not_played_into_the_new_one() {
    let source = seeded(Engine::Sqlite);
    let maker = Program::on(&source);
    let expected = rows(&source);
    let file = backup(&maker, &[]);
    for (ending, mode) in [("-wal", "PRAGMA journal_mode = WAL;"), ("-journal", "PRAGMA journal_mode = DELETE;")] {
        let target = seeded(Engine::Sqlite);
        let live = target.path();
        // the content of the log is not checkpointed, or not committed, until this connection closes
        let open = rusqlite::Connection::open(&live).unwrap();
        open.execute_batch(&format!("{mode} PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = 1; BEGIN; UPDATE users SET username = username || ' of the log'; CREATE TABLE big AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT i, hex(randomblob(100)) h FROM n;")).unwrap();
        if ending == "-wal" {
            open.execute_batch("COMMIT").unwrap();
        }
        let log = live.with_file_name(format!("test.db{ending}"));
        let kept = live.with_file_name("kept");
        std::fs::copy(&log, &kept).unwrap();
        drop(open);
        for path in [&live, &live.with_file_name("test.db-shm"), &log] {
            let _ = std::fs::remove_file(path);
        }
        std::fs::rename(&kept, &log).unwrap();
        let report = restore(&target, &file);
        assert!(content(&target) == restored(&expected), "{ending} was played into the database");
        assert_eq!(target.one("PRAGMA integrity_check"), "ok");
        assert!(report["warnings"].to_string().contains("missing database file"), "{report}");
        assert!(live.with_file_name(format!("test.db.damaged-1{ending}")).exists(), "it is kept");
    }
}

#[test]
fn metadata_that_is_no_file_is_refused_at_once() {
    let source = Database::migrated(Engine::Sqlite);
    let program = Program::on(&source);
    let file = backup(&program, &[]);
    let meta = format!("{}.meta", file.display());
    for script in [format!("rm {meta}; mkfifo {meta}"), format!("rm {meta}; ln -s /dev/zero {meta}")] {
        shell(&script);
        for command in [&["restore", "--yes"][..], &["verify-backup"]] {
            let arguments = [command, &[file.to_str().unwrap()]].concat();
            let outcome = program.run(&arguments).code(3);
            let said = format!("{}{}", outcome.stdout, outcome.stderr);
            assert!(said.contains("not a regular file"), "{said}");
        }
    }
}

#[test]
fn what_killed_proofs_left_beside_the_database_is_swept_by_the_next() {
    let database = seeded(Engine::Sqlite);
    let program = Program::on(&database);
    let file = backup(&program, &[]);
    let beside = |name: &str| database.path().with_file_name(name);
    let dead =
        ["restore", "restore-lock"].map(|end| beside(&format!("..test.db.authsvc_verify_20260101000000_1.{end}")));
    let alive =
        ["restore", "restore-lock"].map(|end| beside(&format!("..test.db.authsvc_verify_20260101000000_2.{end}")));
    let others = [beside("..other.db.authsvc_verify_1.restore-lock"), beside("..test.db.restore-lock")];
    for path in dead.iter().chain(&alive).chain(&others) {
        std::fs::write(path, "left").unwrap();
    }
    let lock = std::fs::File::open(&alive[1]).unwrap();
    lock.lock().unwrap();
    program.run(&["verify-backup", "--restore", file.to_str().unwrap()]).success();
    let there = |paths: &[std::path::PathBuf]| paths.iter().map(|path| path.exists()).collect::<Vec<_>>();
    assert_eq!(there(&dead), [false, false]);
    assert_eq!((there(&alive), there(&others)), (vec![true; 2], vec![true; 2]));
    assert_eq!(std::fs::read(&alive[0]).unwrap(), b"left");
}
