//! Each kind of failure has one exit code, whichever command meets it. `authsvc --help` lists the kinds.

use crate::support::{Cluster, Database, Engine, Program};

/// Every command that needs the database, with what it needs besides.
const COMMANDS: [&[&str]; 10] = [
    &["serve"],
    &["migrate"],
    &["status", "--check"],
    &["rollback", "--yes", "--no-safety-backup"],
    &["backup", "--output", "new.sql"],
    &["restore", "--yes", "--no-safety-backup", "kept.sql"],
    &["verify-backup", "--restore", "kept.sql"],
    &["cleanup"],
    &["seed"],
    &["health"],
];

/// Runs each command and compares its exit code with that of the table, `-`: not asked.
#[track_caller]
fn table(situation: &str, program: impl Fn() -> Program, codes: [&str; 10]) {
    let mut wrong = Vec::new();
    for (command, code) in COMMANDS.iter().zip(codes).filter(|(_, code)| *code != "-") {
        let program = program().env("AUTHSVC_ENV", "test").env("AUTHSVC_LOCK_WAIT", "1s");
        let program = program.env("AUTHSVC_DATABASE_WAIT", "1s").env("AUTHSVC_LISTEN", "127.0.0.1:0");
        let program = program.env("AUTHSVC_ADMIN_LISTEN", "127.0.0.1:0");
        std::fs::copy(BACKUP.get_or_init(backup), program.directory().join("kept.sql")).unwrap();
        std::fs::copy(BACKUP.get().unwrap().with_extension("sql.meta"), program.directory().join("kept.sql.meta"))
            .unwrap();
        let outcome = program.run(command);
        if outcome.code != Some(code.parse().unwrap()) {
            wrong.push(format!(
                "{situation}, {command:?}: {:?}, not {code}: {} {}",
                outcome.code, outcome.stdout, outcome.stderr
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

static BACKUP: std::sync::OnceLock<std::path::PathBuf> = std::sync::OnceLock::new();

/// A valid backup, of an empty database, for restoring.
fn backup() -> std::path::PathBuf {
    let program = Program::on(&Database::migrated(Engine::Postgres));
    program.run(&["backup", "--no-compress", "--output", "kept.sql"]).success();
    let kept = std::env::temp_dir().join(format!("authsvc-exit-{}", std::process::id()));
    std::fs::create_dir_all(&kept).unwrap();
    for name in ["kept.sql", "kept.sql.meta"] {
        std::fs::copy(program.directory().join(name), kept.join(name)).unwrap();
    }
    kept.join("kept.sql")
}

#[test]
fn no_answer_is_1_and_for_a_report_3() {
    let url = format!("postgres://app@127.0.0.1:1/{}", "t");
    let program = || Program::new().env("DATABASE_URL", &url);
    table("refused", program, ["1", "1", "1", "1", "1", "1", "1", "1", "1", "3"]);
    let program = || Program::new().env("DATABASE_URL", "sqlite:no-such-file.db");
    table("no file", program, ["1", "1", "1", "1", "1", "1", "-", "1", "1", "3"]);
}

#[test]
fn a_wrong_argument_or_variable_is_2() {
    for url in ["mysql://x/y", "postgres:x", ""] {
        table("wrong URL", || Program::new().env("DATABASE_URL", url), ["2"; 10]);
    }
    table("wrong variable", || Program::new().env("AUTHSVC_CLEANUP_BATCH", "soon"), ["2"; 10]);
    for command in COMMANDS {
        let arguments = [command, &["--nonsense"]].concat();
        Program::new().run(&arguments).code(2);
    }
}

#[test]
fn a_newer_database_is_4_and_a_changed_one_5() {
    for engine in [Engine::Postgres, Engine::Sqlite] {
        let newer = Database::migrated(engine);
        newer.execute(
            "INSERT INTO seaql_migrations VALUES ('942_of_the_future', 1);
             INSERT INTO authsvc_migrations VALUES ('942_of_the_future', 'x', 'applied', FALSE, 1, 1, '9.0')",
        );
        table("newer", || Program::on(&newer), ["4", "4", "3", "4", "-", "-", "-", "4", "4", "3"]);
        let changed = Database::migrated(engine);
        changed.execute("UPDATE authsvc_migrations SET checksum = 'other' WHERE version = '002_add_indexes'");
        table("changed", || Program::on(&changed), ["5", "5", "3", "5", "-", "-", "-", "-", "-", "-"]);
    }
}

#[test]
fn a_lock_that_another_process_holds_is_6() {
    let database = Database::migrated(Engine::Postgres);
    let mut migrator = database.session();
    migrator.execute("BEGIN; SELECT pg_advisory_xact_lock(4711203350194)");
    table("another migrator", || Program::on(&database), ["-", "0", "0", "6", "0", "6", "-", "0", "6", "0"]);
    migrator.execute("COMMIT; BEGIN; SELECT pg_advisory_xact_lock(4711203350195)");
    table("another cleanup", || Program::on(&database), ["-", "0", "0", "-", "-", "-", "-", "6", "-", "0"]);
    migrator.execute("COMMIT; INSERT INTO refresh_tokens (user_id, token_hash, expires_at) SELECT 1, 'x', now() WHERE FALSE; BEGIN; LOCK TABLE users");
    table("a locked table", || Program::on(&database), ["-", "0", "-", "-", "6", "-", "-", "0", "-", "0"]);
    migrator.execute("COMMIT; BEGIN; LOCK TABLE refresh_tokens");
    table("another locked table", || Program::on(&database), ["-", "0", "-", "-", "6", "-", "-", "6", "-", "0"]);
    drop(migrator);
}

#[test]
fn a_full_server_is_1() {
    let cluster = Cluster::start(&["max_connections=4", "superuser_reserved_connections=1"]);
    let database = Database::on(&cluster, None);
    Program::on(&database).run(&["migrate"]).success();
    let kept: Vec<_> = (0..4).map(|_| database.session()).collect();
    table("no connection is free", || Program::on(&database), ["1", "1", "1", "1", "1", "1", "-", "1", "1", "3"]);
    let error = Program::on(&database).run(&["status"]).code(1).error();
    assert!(error.contains("(53300)") && error.contains("max_connections"), "{error}");
    drop(kept);
}
