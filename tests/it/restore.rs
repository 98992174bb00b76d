//! `restore`: a backup replaces the database, on both engines and across them, completely or not at all.

use std::path::{Path, PathBuf};

use crate::backup::{TABLES, backup, backups, odd_rows, rows, seeded, shell};
use crate::support::database::ENGINES;
use crate::support::{Cluster, Database, Engine, Program};

/// What a database holds without the records of restores, and how those ended: a restore adds one row, its own.
pub(crate) fn content(database: &Database) -> (Vec<Vec<String>>, Vec<String>) {
    let mut rows = rows(database);
    let field = |row: &str, at: usize| row.split('|').nth(at).unwrap().to_owned();
    let at = TABLES.iter().position(|table| *table == "maintenance_runs").unwrap();
    let runs = std::mem::take(&mut rows[at]);
    let (restores, others): (Vec<_>, Vec<_>) = runs.into_iter().partition(|row| field(row, 1) == "restore");
    rows[at] = others;
    (without_identity(rows), restores.iter().map(|row| field(row, 4)).collect())
}

/// What it holds once that state was restored into it: the very same, and the record of it.
pub(crate) fn restored(rows: &[Vec<String>]) -> (Vec<Vec<String>>, Vec<String>) {
    (without_identity(rows.to_vec()), vec!["succeeded".to_owned()])
}

/// A restore keeps which database it is, whatever the file says.
pub(crate) fn without_identity(mut rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    // rows that were compared before have lost it already
    if rows.len() == TABLES.len() {
        rows.remove(TABLES.iter().position(|table| *table == "database_identity").unwrap());
    }
    rows
}

fn restore(program: &Program, file: &Path) -> serde_json::Value {
    program.run(&["restore", "--yes", "--json", file.to_str().unwrap()]).success().json()
}

#[test]
fn p3_restored_it_equals_the_database() {
    for engine in ENGINES {
        let source = seeded(engine);
        odd_rows(&source, engine);
        let program = Program::on(&source);
        let expected = rows(&source);
        let file = backup(&program, &[]);
        let next = "INSERT INTO auth_events (kind) VALUES ('logout') RETURNING id";
        let next_id = source.one(next);
        for target in [Database::empty(engine), seeded(engine)] {
            let program = Program::on(&target);
            let report = restore(&program, &file);
            assert!(content(&target) == restored(&expected), "{engine:?}");
            Program::on(&target).run(&["status", "--check"]).success();
            assert_eq!(target.one(next), next_id, "sequences go on where they were");
            assert_eq!(report["tables"].as_array().unwrap().len(), TABLES.len());
        }
    }
}

/// Where and what a restored row of the other engine is.
const NEUTRAL: [&str; 4] = [
    "SELECT id, email, username, password_hash, avatar_url, provider, provider_id, failed_login_count FROM users ORDER BY id",
    "SELECT id, user_id, provider, provider_id, access_token, refresh_token, key_id FROM oauth_providers ORDER BY id",
    "SELECT id, user_id, token_hash, family_id FROM refresh_tokens ORDER BY id",
    "SELECT id, kind, detail, email, ip, user_agent FROM auth_events ORDER BY id",
];

fn neutral(database: &Database) -> Vec<Vec<String>> {
    NEUTRAL.iter().map(|sql| database.query(sql)).collect()
}

#[test]
fn p3_across_engines_and_back() {
    for (from, to) in [(Engine::Postgres, Engine::Sqlite), (Engine::Sqlite, Engine::Postgres)] {
        let source = seeded(from);
        odd_rows(&source, from);
        // what seeding counted is written in each engine's own form
        source.execute("DELETE FROM maintenance_runs");
        if from == Engine::Postgres {
            source.execute("UPDATE users SET last_login = NULL WHERE username IN ('ada', 'grace')");
        }
        source.execute(
            "INSERT INTO maintenance_runs (kind, counts) VALUES ('cleanup', '{\"a\": \"ü\", \"b\": [1, 2.5, null]}')",
        );
        let origin = Program::on(&source);
        let mut expected = without_identity(rows(&source));
        let there = backup(&origin, &[]);
        let middle = Database::empty(to);
        let program = Program::on(&middle);
        restore(&program, &there);
        program.run(&["status", "--check"]).success();
        assert!(neutral(&middle) == neutral(&source), "{from:?} to {to:?}");
        let back_again = backup(&program, &[]);
        let end = Database::empty(from);
        restore(&Program::on(&end), &back_again);
        Program::on(&end).run(&["status", "--check"]).success();
        let (mut found, restores) = content(&end);
        assert_eq!(restores, ["succeeded", "succeeded"]);
        // a checksum is that of each engine's SQL, and the same again after the way back
        assert_eq!(
            (found.remove(1).len(), found.remove(0).len()),
            (expected.remove(1).len(), expected.remove(0).len())
        );
        // a default of SQLite's that falls on a whole second comes back without its zeros
        let short = |rows: &[Vec<String>]| format!("{rows:?}").replace(".000+00:00", "+00:00");
        assert!(short(&found) == short(&expected), "{from:?} and back");
        let next = "INSERT INTO auth_events (kind) VALUES ('logout') RETURNING id";
        assert_eq!(middle.one(next), source.one(next));
    }
}

#[test]
fn a_safety_backup_comes_first_and_brings_everything_back() {
    for engine in ENGINES {
        let database = seeded(engine);
        let program = Program::on(&database);
        let file = backup(&program, &[]);
        database.execute("DELETE FROM refresh_tokens; UPDATE users SET username = 'changed' WHERE username = 'ada'");
        let before = rows(&database);
        let report = restore(&program, &file);
        let safety = program.directory().join("backups").join(report["safety_backup"].as_str().unwrap());
        assert_ne!(rows(&database), before);
        restore(&program, &safety);
        assert_eq!(content(&database), restored(&before));
        let count = backups(&program.directory().join("backups")).len();
        program.run(&["restore", "--yes", "--no-safety-backup", file.to_str().unwrap()]).success();
        assert_eq!(backups(&program.directory().join("backups")).len(), count);
    }
}

#[test]
fn without_a_terminal_it_needs_yes() {
    let database = seeded(Engine::Sqlite);
    let program = Program::on(&database);
    let file = backup(&program, &[]);
    let error = program.run(&["restore", file.to_str().unwrap()]).code(2).error();
    assert!(error.contains("--yes"), "{error}");
}

/// A backup of every older state of the schema, with rows in it, becomes the newest schema.
#[test]
fn older_backups_are_migrated() {
    for engine in ENGINES {
        for number in ["0", "001", "002", "004", "005", "006", "007", "008"] {
            let database = Database::empty(engine);
            let program = Program::on(&database);
            program.run(&["migrate", "--to", if number == "0" { "001" } else { number }]).success();
            if number == "0" {
                program.run(&["rollback", "--yes", "--to", "0"]).success();
            } else {
                database.execute(
                    "INSERT INTO users (email, username, password_hash) VALUES ('a@example.com', 'a', 'x');
                     INSERT INTO refresh_tokens (user_id, token_hash, expires_at) VALUES (1, 'h', '2027-01-01T00:00:00+00:00')",
                );
            }
            let file = backup(&program, &[]);
            for target in ENGINES.map(Database::empty) {
                let program = Program::on(&target);
                restore(&program, &file);
                program.run(&["status", "--check"]).success();
                let users = if number == "0" { "0|0" } else { "1|1" };
                assert_eq!(
                    target.one("SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM refresh_tokens)"),
                    users
                );
            }
        }
    }
}

#[test]
fn files_of_the_first_format_are_restored() {
    for engine in ["postgres", "sqlite"] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/fixtures/format1_{engine}.sql.gz"));
        for target in ENGINES.map(Database::empty) {
            let program = Program::on(&target);
            restore(&program, &file);
            program.run(&["status", "--check"]).success();
            assert_eq!(target.one("SELECT count(*) FROM users"), "13");
            assert_eq!(target.one("SELECT count(*) FROM refresh_tokens"), "8");
        }
    }
}

/// A database of the legacy manager, dumped with the options of that program.
fn earlier_dump(options: &str) -> (tempfile::TempDir, PathBuf) {
    let database = Database::empty(Engine::Postgres);
    database.execute(
        &std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/earlier_manager.sql"))
            .unwrap(),
    );
    database.execute("UPDATE users SET username = E'ta\\tb\\\\ \\\\.' WHERE id = 9; CREATE TABLE other (a TEXT); INSERT INTO other VALUES ('COPY public.users (id) FROM stdin;')");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("dump.sql");
    let cluster = Cluster::shared();
    shell(&format!(
        "pg_dump -h {} -p {} -U postgres {options} -f {} {}",
        cluster.socket().display(),
        cluster.port,
        file.display(),
        database.name()
    ));
    (directory, file)
}

#[test]
fn plain_dumps_of_the_earlier_manager_are_restored() {
    for options in ["", "-Z9", "--clean --create", "--clean --if-exists --no-owner -Z1"] {
        let (_directory, file) = earlier_dump(options);
        for target in ENGINES.map(Database::empty) {
            let program = Program::on(&target);
            let report = restore(&program, &file);
            program.run(&["status", "--check"]).success();
            assert_eq!(target.one("SELECT count(*) FROM users"), "12009");
            assert_eq!(target.one("SELECT username FROM users WHERE id = 9"), "ta\tb\\ \\.");
            assert_eq!(report["seed_accounts"].as_array().unwrap().len(), 9, "{report}");
            assert_eq!(report["passed_over"], serde_json::json!(["migration_records", "other"]));
            assert_eq!(
                target.one(
                    "INSERT INTO users (email, username, password_hash) VALUES ('z@example.com', 'z', 'x') RETURNING id"
                ),
                "50001"
            );
        }
    }
    let (_directory, file) = earlier_dump("--inserts");
    let error = Program::on(&Database::empty(Engine::Sqlite))
        .run(&["restore", "--yes", file.to_str().unwrap()])
        .code(3)
        .error();
    assert!(error.contains("without --inserts"), "{error}");
}
