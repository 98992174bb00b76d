//! Migrations that the build refuses, each in its own folder, with the file named. The tests run the code of
//! `build.rs`.

#[path = "../../build/migrations.rs"]
#[expect(dead_code, reason = "only the build script reads some fields")]
mod migrations;
#[path = "../../build/seed.rs"]
mod seed;
#[path = "../../build/sql.rs"]
pub(crate) mod sql;

use std::path::Path;
use std::process::Command;

/// A folder with a good migration 001 in both dialects, and these files over it.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let good: [(&str, &[u8]); 4] = [
        ("postgres/001_one.sql", b"CREATE TABLE t (id INT);\n"),
        ("postgres/001_one.down.sql", b"DROP TABLE t;\n"),
        ("sqlite/001_one.sql", b"CREATE TABLE t (id INT);\n"),
        ("sqlite/001_one.down.sql", b"DROP TABLE t;\n"),
    ];
    for (name, content) in good.iter().chain(files) {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    folder
}

/// The problems that the build prints, without the folder.
fn problems(files: &[(&str, &[u8])]) -> Vec<String> {
    let folder = folder(files);
    let prefix = format!("{}/", folder.path().display());
    let read = migrations::read(folder.path());
    read.err().unwrap_or_default().iter().map(|problem| problem.to_string().replace(&prefix, "")).collect()
}

#[track_caller]
fn refused(files: &[(&str, &[u8])], expected: &str) {
    let found = problems(files);
    assert!(found.iter().any(|problem| problem.contains(expected)), "{expected:?} in {found:?}");
}

const UP: &str = "postgres/001_one.sql";

#[test]
fn a_good_folder_is_read_in_order() {
    let pair: [(&str, &[u8]); 4] = [
        ("postgres/010_ten.sql", b"SELECT 10;"),
        ("postgres/010_ten.down.sql", b"SELECT 10;"),
        ("sqlite/010_ten.sql", b"-- migrate: noop\n"),
        ("sqlite/010_ten.down.sql", b"-- migrate: noop\n"),
    ];
    let folder = folder(&pair);
    let names: Vec<_> = migrations::read(folder.path())
        .unwrap()
        .into_iter()
        .map(|migration| (migration.number, migration.name))
        .collect();
    assert_eq!(names, [(1, "001_one".to_owned()), (10, "010_ten".to_owned())]);
}

#[test]
fn bad_and_reserved_numbers() {
    for name in [
        "one.sql",
        "1_one.sql",
        "01_one.sql",
        "0001_one.sql",
        "002one.sql",
        "002_.sql",
        "002_One.sql",
        "002_a b.sql",
        "+02_one.sql",
    ] {
        refused(
            &[(&format!("postgres/{name}"), b"SELECT 1;")],
            &format!("postgres/{name}: a migration is named NNN_name.sql"),
        );
    }
    refused(&[("postgres/000_zero.sql", b"SELECT 1;")], "postgres/000_zero.sql: numbers start at 001");
    refused(&[("postgres/003_seed.sql", b"SELECT 1;")], "postgres/003_seed.sql: number 003 is reserved");
    refused(&[("postgres/notes.txt", b"")], "postgres/notes.txt: is not NNN_name.sql");
}

#[test]
fn duplicate_numbers() {
    refused(&[("sqlite/001_other.sql", b"SELECT 1;")], "sqlite/001_other.sql: has the number of 001_one.sql");
}

#[test]
fn missing_twins_and_down_scripts() {
    refused(
        &[("postgres/002_two.sql", b"SELECT 1;"), ("postgres/002_two.down.sql", b"SELECT 1;")],
        "sqlite/002_two.sql: is missing",
    );
    let pair: [(&str, &[u8]); 3] = [
        ("postgres/002_two.sql", b"SELECT 1;"),
        ("sqlite/002_two.sql", b"SELECT 1;"),
        ("sqlite/002_two.down.sql", b"SELECT 1;"),
    ];
    refused(&pair, "postgres/002_two.down.sql: is missing");
    refused(&[("postgres/007_x.down.sql", b"SELECT 1;")], "postgres/007_x.down.sql: has no 007_x.sql");
    let irreversible: [(&str, &[u8]); 2] = [
        ("postgres/002_two.sql", b"-- migrate: irreversible\nSELECT 1;"),
        ("sqlite/002_two.sql", b"-- migrate: irreversible\nSELECT 1;"),
    ];
    assert_eq!(problems(&irreversible), Vec::<String>::new());
}

#[test]
fn empty_and_unreadable_files() {
    for text in ["", "\n\n", "-- only a comment\n", "/* and\nthis */", ";"] {
        refused(&[(UP, text.as_bytes())], "postgres/001_one.sql: is empty");
    }
    refused(&[(UP, b"-- migrate: noop\nSELECT 1;")], "has statements and says `-- migrate: noop`");
    refused(&[(UP, b"SELECT 1;\nSELECT '\xff';")], "postgres/001_one.sql:2: is not UTF-8");
}

#[test]
fn transaction_control_concurrently_and_pragmas() {
    for word in ["BEGIN", "commit", "ROLLBACK", "START TRANSACTION", "Savepoint x", "END"] {
        refused(&[(UP, format!("SELECT 1;\n{word};").as_bytes())], "postgres/001_one.sql:2: ");
    }
    refused(
        &[(UP, b"\nCREATE INDEX CONCURRENTLY i ON t (id);")],
        "postgres/001_one.sql:2: CONCURRENTLY cannot run in a transaction",
    );
    refused(&[("sqlite/001_one.down.sql", b"PRAGMA foreign_keys = OFF;")], "sqlite/001_one.down.sql:1: a PRAGMA");
    for text in [
        "-- migrate: no-transaction\nCREATE INDEX CONCURRENTLY i ON t (id);",
        "SELECT 'BEGIN; COMMIT; CONCURRENTLY';",
        "-- BEGIN; CONCURRENTLY\nSELECT 1; /* COMMIT; */",
        "DO $$ BEGIN COMMIT; END $$;",
        "CREATE TRIGGER x AFTER UPDATE ON t BEGIN UPDATE t SET id = CASE WHEN id > 1 THEN 1 END; SELECT 1; END;",
    ] {
        assert_eq!(problems(&[(UP, text.as_bytes())]), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn directives() {
    refused(
        &[(UP, b"-- migrate: no-transactoin\nSELECT 1;")],
        "postgres/001_one.sql:1: unknown directive `no-transactoin`",
    );
    refused(
        &[(UP, b"SELECT 1;\n-- migrate: compatible\n")],
        "postgres/001_one.sql:2: a directive stands before the first statement",
    );
    for value in ["", "5", "0s", "-1s", "5m"] {
        refused(&[(UP, format!("-- migrate: lock-timeout={value}\nSELECT 1;").as_bytes())], "is not like 500ms or 5s");
    }
    let good = folder(&[(UP, b"-- about\n--migrate: lock-timeout=250ms\n-- migrate: compatible\nSELECT 1;")]);
    let directives = &migrations::read(good.path()).unwrap()[0].scripts[0].up.directives.clone();
    assert_eq!(
        (directives.lock_timeout_ms, directives.compatible, directives.no_transaction),
        (Some(250), true, false)
    );
}

#[test]
fn what_is_never_closed() {
    for text in ["SELECT 'x;", "SELECT \"x;", "SELECT $$x;", "/* x", "SELECT E'\\';", "SELECT 1"] {
        refused(&[(UP, format!("SELECT 1;\n{text}").as_bytes())], "postgres/001_one.sql:2: ");
    }
    refused(&[(UP, b"\\i other.sql")], "a psql command");
}

fn checksum(text: &str) -> String {
    let folder = folder(&[(UP, text.as_bytes())]);
    migrations::read(folder.path()).unwrap()[0].scripts[0].up.checksum.clone()
}

#[test]
fn checksums_ignore_what_has_no_meaning_and_nothing_else() {
    let base = checksum("CREATE TABLE t (id INT, name TEXT DEFAULT 'a  b');\nSELECT 1;\n");
    for same in [
        "\u{feff}CREATE TABLE t (id INT, name TEXT DEFAULT 'a  b');\r\nSELECT 1;\r\n",
        "-- why\nCREATE TABLE t (\n    id INT, -- the id\n    name TEXT DEFAULT 'a  b'\n);   \n\n\nSELECT /* one */ 1;",
    ] {
        assert_eq!(checksum(same), base, "{same}");
    }
    for other in [
        "CREATE TABLE t (id INT, name TEXT DEFAULT 'a b');\nSELECT 1;\n",
        "CREATE TABLE t (id INT, name TEXT DEFAULT 'a  b');\nSELECT 2;\n",
        "CREATE TABLE t (id INT, name TEXT DEFAULT 'a  b');\n",
        "CREATE TABLE t (id INT, name TEXT DEFAULT 'A  b');\nSELECT 1;\n",
    ] {
        assert_ne!(checksum(other), base, "{other}");
    }
}

#[test]
fn statements_have_their_lines_and_lose_concurrently_where_asked() {
    let text =
        "-- c\nSELECT 1;\n\n  CREATE UNIQUE INDEX CONCURRENTLY\n  i ON t (concurrently_x); SELECT 'CONCURRENTLY';\n";
    let statements = sql::split(&sql::normalise(text)).unwrap();
    assert_eq!(statements.iter().map(|statement| statement.line).collect::<Vec<_>>(), [2, 4, 5]);
    assert_eq!(statements[1].without_word("CONCURRENTLY"), "CREATE UNIQUE INDEX i ON t (concurrently_x)");
    assert_eq!(statements[2].without_word("CONCURRENTLY"), "SELECT 'CONCURRENTLY'");
}

#[test]
fn seed_files() {
    let folder = tempfile::tempdir().unwrap();
    let check =
        || seed::check(folder.path()).err().unwrap_or_default().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(check().len(), seed::FILES.len());
    for file in seed::FILES {
        std::fs::write(folder.path().join(file), "[{}]").unwrap();
    }
    assert_eq!(check(), Vec::<String>::new());
    for (text, expected) in
        [("[]", "users.json: is empty"), ("[\n{]", "users.json:2: is not a JSON array"), ("{}", "is not a JSON array")]
    {
        std::fs::write(folder.path().join("users.json"), text).unwrap();
        assert!(check()[0].contains(expected), "{:?}", check());
    }
}

/// The real build script on a copy of the project that has nothing else to compile.
#[test]
fn the_build_itself_fails_with_the_file_named_and_runs_again_for_a_new_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let project = tempfile::tempdir().unwrap();
    for folder in ["build", "migration", "seed"] {
        assert!(Command::new("cp").arg("-r").arg(root.join(folder)).arg(project.path()).status().unwrap().success());
    }
    for file in ["build.rs", "Cargo.lock"] {
        std::fs::copy(root.join(file), project.path().join(file)).unwrap();
    }
    let manifest = "[package]\nname = \"probe\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[build-dependencies]\nserde_json = \"1\"\nsha2 = \"0.11\"\n";
    std::fs::write(project.path().join("Cargo.toml"), manifest).unwrap();
    std::fs::create_dir(project.path().join("src")).unwrap();
    std::fs::write(project.path().join("src/lib.rs"), "pub const NEWEST: &str = env!(\"AUTHSVC_NEWEST_MIGRATION\");")
        .unwrap();
    let build = || {
        let mut cargo = Command::new(env!("CARGO"));
        let output = cargo
            .args(["build", "--offline", "--quiet"])
            .env("CARGO_TARGET_DIR", project.path().join("target"))
            .current_dir(project.path())
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (built, messages) = build();
    assert!(built, "{messages}");
    let path = project.path().join("migration/postgres/777_new.sql");
    std::fs::write(&path, "SELECT 1;").unwrap();
    let (built, messages) = build();
    assert!(!built && messages.contains("migration/postgres/777_new.down.sql: is missing"), "{messages}");
    std::fs::remove_file(path).unwrap();
    assert!(build().0);
}
