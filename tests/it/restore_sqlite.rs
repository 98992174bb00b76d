//! A restore into a SQLite file keeps the file's own settings and the objects of other programs in it.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use crate::backup::{backup, backups, rows, shell};
use crate::restore::{content, restored};
use crate::support::database::Engine;
use crate::support::{Database, Program};

const USERS: &str = "INSERT INTO users (email, username, password_hash) VALUES ('a@example.com', 'a', 'x'), ('b@example.com', 'ü', 'x')";
/// What the file says about itself.
const SETTINGS: [&str; 7] =
    ["encoding", "page_size", "auto_vacuum", "user_version", "application_id", "default_cache_size", "journal_mode"];

/// A migrated file that was made with these settings.
fn made_with(settings: &str) -> Database {
    let database = Database::empty(Engine::Sqlite);
    let path = database.path();
    shell(&format!("sqlite3 {} \"{settings}; VACUUM; CREATE TABLE t (a); DROP TABLE t\"", path.display()));
    Program::on(&database).run(&["migrate"]).success();
    database.execute(USERS);
    database
}

fn settings(path: &Path) -> Vec<String> {
    let connection = rusqlite::Connection::open(path).unwrap();
    let value = |name: &&str| {
        let sql = format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}");
        connection.query_row(&sql, [], |row| row.get::<_, String>(0)).unwrap_or_default()
    };
    SETTINGS.iter().map(value).collect()
}

fn objects(database: &Database) -> Vec<String> {
    database.query("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name")
}

fn restore(database: &Database, file: &Path) -> serde_json::Value {
    Program::on(database).run(&["restore", "--yes", "--json", file.to_str().unwrap()]).success().json()
}

#[test]
fn what_the_file_says_about_itself_is_kept() {
    for others in ["", "CREATE TABLE notes (a INTEGER)"] {
        for made in [
            "PRAGMA encoding = 'UTF-16le'; PRAGMA page_size = 8192",
            "PRAGMA encoding = 'UTF-16be'; PRAGMA auto_vacuum = FULL",
            "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA page_size = 512",
        ] {
            for journal in ["WAL", "DELETE"] {
                let database = made_with(made);
                let path = database.path();
                database.execute(others);
                let expected = content(&database).0;
                let program = Program::on(&database);
                let file = backup(&program, &[]);
                shell(&format!(
                    "sqlite3 {} 'PRAGMA journal_mode = {journal}; PRAGMA user_version = 77; PRAGMA application_id = 1234; PRAGMA default_cache_size = 555; DELETE FROM users'",
                    path.display()
                ));
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
                chown(&path, None, Some(1)).unwrap();
                let (before, objects_before) = (settings(&path), objects(&database));
                let found = std::fs::metadata(&path).unwrap();
                restore(&database, &file);
                assert_eq!(settings(&path), before, "{made}, {journal}, {others}");
                assert_eq!(objects(&database), objects_before);
                assert!(content(&database) == restored(&expected), "{made}, {journal}, {others}");
                let now = std::fs::metadata(&path).unwrap();
                assert_eq!((now.mode(), now.uid(), now.gid()), (found.mode(), found.uid(), found.gid()));
                assert_eq!(database.one("PRAGMA integrity_check"), "ok");
                let next = "INSERT INTO users (email, username, password_hash) VALUES ('c@example.com', 'c', 'x') RETURNING id";
                assert_eq!(database.one(next), "3");
            }
        }
    }
}

#[test]
fn a_file_in_place_of_a_damaged_one_has_its_mode_and_owner() {
    let database = made_with("PRAGMA page_size = 4096");
    let program = Program::on(&database);
    let file = backup(&program, &[]);
    let path = database.path();
    for end in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(path.with_file_name(format!("test.db{end}")));
    }
    std::fs::write(&path, "no database ".repeat(1000)).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o660)).unwrap();
    chown(&path, Some(1), Some(1)).unwrap();
    Program::on(&database).run(&["restore", "--yes", "--no-safety-backup", file.to_str().unwrap()]).success();
    let now = std::fs::metadata(&path).unwrap();
    assert_eq!((now.mode() & 0o777, now.uid(), now.gid()), (0o660, 1, 1));
    assert_eq!(database.one("SELECT count(*) FROM users"), "2");
}

#[test]
fn what_other_programs_have_in_the_file_is_kept() {
    for journal in ["WAL", "DELETE"] {
        for others in ["", "CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT, u INTEGER REFERENCES users (id)); CREATE INDEX n ON notes (u);
             CREATE TRIGGER ofnotes AFTER INSERT ON notes BEGIN UPDATE users SET active = 1; END; INSERT INTO notes (u) VALUES (1), (NULL);
             CREATE VIEW names AS SELECT username FROM users; CREATE TRIGGER ofview INSTEAD OF INSERT ON names BEGIN SELECT 1; END"] {
            let database = made_with("PRAGMA page_size = 4096");
            let expected = content(&database).0;
            let program = Program::on(&database);
            let file = backup(&program, &[]);
            database.execute(&format!(
                "PRAGMA journal_mode = {journal}; CREATE INDEX mine ON users (active) WHERE active; CREATE TABLE log (what TEXT); DROP TABLE log;
                 CREATE TRIGGER audit AFTER DELETE ON users BEGIN INSERT INTO auth_events (kind) VALUES ('logout'); END; {others}; ANALYZE; DELETE FROM auth_events"
            ));
            let before = objects(&database);
            let report = restore(&database, &file);
            assert_eq!(objects(&database), before, "{journal}, {others}");
            assert!(content(&database) == restored(&expected), "{journal}, {others}");
            let notes = report["warnings"].to_string();
            assert!(notes.contains("it was kept: index users.mine") && notes.contains("trigger users.audit"), "{notes}");
            if !others.is_empty() {
                assert_eq!(database.query("SELECT id, u FROM notes ORDER BY id"), ["1|1", "2|∅"]);
                assert_eq!(database.query("SELECT username FROM names ORDER BY 1"), ["a", "ü"]);
                assert!(!notes.contains("point to rows"), "{notes}");
                database.execute("INSERT INTO users (id, email, username, password_hash) VALUES (99, 'z@example.com', 'z', 'x'); INSERT INTO notes (id, u) VALUES (9, 99)");
                let notes = restore(&database, &file)["warnings"].to_string();
                assert!(notes.contains("rows of `notes` point to rows of `users`"), "{notes}");
            }
        }
    }
}

#[test]
fn what_cannot_be_kept_is_refused_by_name_before_the_first_write() {
    for (change, named) in [
        ("ALTER TABLE users ADD COLUMN phone TEXT", vec!["column users.phone"]),
        (
            "DROP INDEX idx_users_last_login; CREATE INDEX idx_users_last_login ON users (active)",
            vec!["index `idx_users_last_login`"],
        ),
        (
            "ALTER TABLE users ADD COLUMN phone TEXT; ALTER TABLE oauth_states ADD COLUMN note TEXT",
            vec!["column users.phone", "column oauth_states.note"],
        ),
    ] {
        let database = made_with("PRAGMA page_size = 4096");
        let program = Program::on(&database);
        let file = backup(&program, &[]);
        database.execute(change);
        let (before, objects_before) = (rows(&database), objects(&database));
        let saved = backups(&program.directory().join("backups")).len();
        let error = program.run(&["restore", file.to_str().unwrap()]).code(1).error();
        assert!(named.iter().all(|named| error.contains(named)), "{error}");
        assert!(rows(&database) == before && objects(&database) == objects_before, "{error}");
        assert_eq!(backups(&program.directory().join("backups")).len(), saved);
    }
}
