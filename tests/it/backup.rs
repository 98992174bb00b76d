//! Backups: their content, restoring them without the program, and the remains of a failed backup.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::database::ENGINES;
use crate::support::installation::Installation;
use crate::support::{CANARY, Cluster, Database, Engine, Program, SetOnDrop, eventually};

pub(crate) const TABLES: [&str; 11] = [
    "seaql_migrations",
    "authsvc_migrations",
    "users",
    "oauth_providers",
    "refresh_tokens",
    "auth_events",
    "maintenance_runs",
    "login_throttles",
    "oauth_states",
    "known_devices",
    "database_identity",
];

pub(crate) fn seeded(engine: Engine) -> Database {
    let database = Database::migrated(engine);
    Program::on(&database).env("AUTHSVC_ENV", "test").run(&["seed"]).success();
    database
}

/// Texts that are hard to carry.
pub(crate) fn odd_rows(database: &Database, engine: Engine) {
    let texts = [
        "\\.",
        "\\N",
        "",
        "tab\there",
        "line\nfeed",
        "carriage\rreturn",
        "back\\slash",
        "quo'te\"s",
        "\u{1}\u{7f}",
        "😀 𝄞 é",
        "),('",
        "-- authsvc end {}",
        "COPY users (id) FROM stdin;",
    ];
    for text in texts {
        let literal = if engine == Engine::Postgres { text.replace('\\', "\\\\") } else { text.to_owned() };
        let literal = literal.replace('\'', "''");
        let prefix = if engine == Engine::Postgres { "E" } else { "" };
        database.execute(&format!(
            "INSERT INTO auth_events (kind, detail, user_agent) VALUES ('logout', {prefix}'{literal}', NULL)"
        ));
    }
    let big = "x".repeat(1_000_000);
    database.execute(&format!("INSERT INTO auth_events (kind, detail) VALUES ('logout', '{big}')"));
    if engine == Engine::Postgres {
        database.execute(
            "UPDATE users SET last_login = '9999-12-31 23:59:59.999999+00' WHERE username = 'ada'; UPDATE users SET last_login = '0001-01-01 00:00:00+00' WHERE username = 'grace';
             SELECT setval('auth_events_id_seq', 4711)",
        );
    }
    database.execute(
        "UPDATE oauth_providers SET access_token = NULL, refresh_token = NULL, expires_at = NULL WHERE id = 1",
    );
}

pub(crate) fn rows(database: &Database) -> Vec<Vec<String>> {
    TABLES.iter().map(|table| database.query(&format!("SELECT * FROM {table} ORDER BY 1"))).collect()
}

pub(crate) fn backups(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Makes a backup; its path.
pub(crate) fn backup(program: &Program, arguments: &[&str]) -> PathBuf {
    let arguments: Vec<&str> = ["backup", "--json"].iter().chain(arguments).copied().collect();
    let metadata = program.run(&arguments).success().json();
    program.directory().join("backups").join(metadata["filename"].as_str().unwrap())
}

pub(crate) fn shell(script: &str) {
    let mut bash = Command::new("bash");
    bash.env("PATH", Installation::chosen().path()).args(["-eo", "pipefail", "-c", script]);
    let output = bash.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Restores a backup with the engine's own tool only.
fn restore_without_the_program(file: &Path, engine: Engine) -> Database {
    let database = Database::empty(engine);
    let text = if file.extension().is_some_and(|extension| extension == "gz") { "gunzip -c" } else { "cat" };
    let file = file.display();
    match engine {
        Engine::Postgres => {
            let cluster = Cluster::shared();
            let (host, port, name) = (cluster.socket().display(), cluster.port, database.name());
            shell(&format!(
                "{text} {file} | PGOPTIONS='-c role=app' psql -qX -v ON_ERROR_STOP=1 -h {host} -p {port} -U postgres -d {name} >/dev/null"
            ));
        }
        Engine::Sqlite => shell(&format!("{text} {file} | sqlite3 -bail {}", database.path().display())),
    }
    database
}

#[test]
fn p3_restored_without_the_program_it_is_equal_and_clean() {
    for engine in ENGINES {
        let database = seeded(engine);
        odd_rows(&database, engine);
        let program = Program::on(&database);
        for arguments in [&[][..], &["--no-compress"]] {
            // before, because that it was made is recorded afterwards
            let expected = rows(&database);
            let file = backup(&program, arguments);
            let restored = restore_without_the_program(&file, engine);
            assert_eq!(rows(&restored), expected, "{engine:?}");
            Program::on(&restored).run(&["status", "--check"]).success();
            let next = "INSERT INTO auth_events (kind) VALUES ('logout') RETURNING id";
            assert_eq!(restored.one(next), database.one(next), "sequences go on where they were");
            database.execute("DELETE FROM auth_events WHERE detail IS NULL AND kind = 'logout' AND user_agent IS NULL AND email IS NULL AND id > 13");
        }
    }
}

#[test]
fn every_table_that_the_migrations_make_is_in_it() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let metadata = Program::on(&database).run(&["backup", "--json"]).success().json();
        let told: BTreeSet<String> = metadata["tables"]
            .as_array()
            .unwrap()
            .iter()
            .map(|table| table["name"].as_str().unwrap().to_owned())
            .collect();
        let sql = match engine {
            Engine::Postgres => {
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
            }
            Engine::Sqlite => "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
        };
        assert_eq!(database.query(sql).into_iter().collect::<BTreeSet<_>>(), told);
    }
}

#[test]
fn what_no_migration_made_is_named_and_left_out() {
    let database = Database::migrated(Engine::Postgres);
    database.execute("CREATE TABLE somebody_elses (id INTEGER); ALTER TABLE users ADD COLUMN phone TEXT");
    let outcome = Program::on(&database).run(&["backup", "--json"]).success();
    assert_eq!(outcome.json()["not_included"], serde_json::json!(["somebody_elses", "users.phone"]));
    assert!(
        outcome.stderr.contains("not in the backup") && outcome.stderr.contains("users.phone"),
        "{}",
        outcome.stderr
    );
    database.execute("ALTER TABLE users DROP COLUMN avatar_url");
    let error = Program::on(&database).run(&["backup"]).code(1).error();
    assert!(error.contains("missing: column users.avatar_url"), "{error}");
}

#[test]
fn p1_files_are_private_complete_and_validated() {
    use std::os::unix::fs::PermissionsExt;
    let database = seeded(Engine::Postgres);
    let program = Program::on(&database).through(&["sh", "-c", "umask 000; exec \"$0\" \"$@\""]);
    let file = backup(&program, &[]);
    let directory = file.parent().unwrap();
    assert_eq!(directory.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    for name in backups(directory) {
        assert_eq!(directory.join(&name).metadata().unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    let metadata: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(format!("{}.meta", file.display())).unwrap()).unwrap();
    assert_eq!((&metadata["validated"], &metadata["format"]), (&true.into(), &1.into()));
    assert!(metadata["database_url"].as_str().unwrap().contains(":****@"));
    assert!(!std::fs::read_to_string(format!("{}.meta", file.display())).unwrap().contains(CANARY));
    shell(&format!(
        "cd {} && echo '{}  {}' | sha256sum -c --quiet",
        directory.display(),
        metadata["sha256"].as_str().unwrap(),
        file.display()
    ));
    let unvalidated = program.run(&["backup", "--no-validate", "--json"]).success().json();
    assert_eq!(unvalidated["validated"], false);
}

#[test]
fn p2_it_is_one_point_in_time_while_transfers_go_on() {
    for engine in ENGINES {
        let database = seeded(engine);
        database.execute("INSERT INTO maintenance_runs (kind) VALUES ('cleanup'); UPDATE users SET failed_login_count = 1000000 WHERE username IN ('ada', 'grace')");
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                    // the sum is unchanged, and so is the number of events per run
                    database.execute(
                        "BEGIN; UPDATE users SET failed_login_count = failed_login_count - 1 WHERE username = 'ada';
                        UPDATE users SET failed_login_count = failed_login_count + 1 WHERE username = 'grace'; COMMIT",
                    );
                }
            });
            let _after_backups = SetOnDrop(&stop);
            let program = Program::on(&database);
            for _ in 0..5 {
                let file = backup(&program, &[]);
                let restored = restore_without_the_program(&file, engine);
                assert_eq!(
                    restored.one("SELECT sum(failed_login_count) FROM users WHERE username IN ('ada', 'grace')"),
                    "2000000"
                );
            }
        });
    }
}

#[test]
fn a_truncate_or_ddl_in_the_way_gives_up_in_time_and_names_it() {
    let database = seeded(Engine::Postgres);
    let mut session = database.session();
    session.execute("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE");
    let program = Program::on(&database);
    let error = program.run(&["backup"]).code(6).error();
    assert!(error.contains("lock timeout") && error.contains("55P03"), "{error}");
    assert_eq!(backups(&program.directory().join("backups")), Vec::<String>::new());
}

#[test]
fn a_missing_privilege_or_row_security_is_refused_and_never_a_smaller_backup() {
    let database = seeded(Engine::Postgres);
    let reader = format!("b_{}", database.name());
    database.execute(&format!(
        "CREATE ROLE {reader} LOGIN PASSWORD '{CANARY}'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}"
    ));
    let program = Program::new().env("DATABASE_URL", &database.url.replace("//app:", &format!("//{reader}:")));
    let refused = |expected: &str| {
        let error = program.run(&["backup"]).code(1).error();
        assert!(error.contains(expected), "{error}");
        assert_eq!(backups(&program.directory().join("backups")), Vec::<String>::new());
    };
    refused("sequence `auth_events_id_seq` cannot be read");
    database.execute(&format!(
        "GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO {reader}; ALTER TABLE users ENABLE ROW LEVEL SECURITY"
    ));
    refused("row-level security policy for table \"users\"");
    database.execute(&format!(
        "ALTER TABLE users DISABLE ROW LEVEL SECURITY; REVOKE SELECT ON refresh_tokens FROM {reader}"
    ));
    refused("refresh_tokens");
    database.execute(&format!("GRANT SELECT ON refresh_tokens TO {reader}"));
    program.run(&["backup"]).success();
}

#[test]
fn kill_9_leaves_no_file_under_a_final_name_and_the_next_run_sweeps() {
    let database = seeded(Engine::Postgres);
    database.execute("INSERT INTO auth_events (kind, detail) SELECT 'logout', repeat(md5(g::text), 100) FROM generate_series(1, 20000) g");
    let program = Program::on(&database);
    let directory = program.directory().join("backups");
    for signal in ["TERM", "KILL"] {
        let running = program.spawn(&["backup"]);
        eventually("writing", || {
            let written = |name: &String| directory.join(name).metadata().is_ok_and(|found| found.len() > 100_000);
            backups(&directory).iter().any(written).then_some(())
        });
        running.signal(signal);
        let outcome = running.wait();
        let left = backups(&directory);
        assert!(left.iter().all(|name| name.ends_with(".unfinished")), "{left:?}");
        assert_eq!(left.len(), usize::from(signal == "KILL"), "TERM leaves nothing");
        if signal == "TERM" {
            assert!(outcome.code(1).error().contains("SIGTERM"));
        }
    }
    backup(&program, &[]);
    assert_eq!(backups(&directory).len(), 2, "the leftover was swept");
}

#[test]
fn the_server_gone_midway_names_the_table_and_leaves_no_file() {
    let cluster = Cluster::start(&[]);
    let database = Database::on(&cluster, None);
    let program = Program::on(&database);
    program.run(&["migrate"]).success();
    database.execute("INSERT INTO auth_events (kind, detail) SELECT 'logout', repeat(md5(g::text), 100) FROM generate_series(1, 30000) g");
    let running = program.spawn(&["backup"]);
    let directory = program.directory().join("backups");
    eventually("writing", || {
        let written = |name: &String| directory.join(name).metadata().is_ok_and(|found| found.len() > 100_000);
        backups(&directory).iter().any(written).then_some(())
    });
    cluster.crash();
    let error = running.wait().code(1).error();
    assert!(error.contains("reading `auth_events`"), "{error}");
    assert_eq!(backups(&directory), Vec::<String>::new());
}

#[test]
fn a_full_disk_and_places_that_cannot_be_written() {
    let database = seeded(Engine::Sqlite);
    odd_rows(&database, Engine::Sqlite);
    // a disk of its own, in a mount namespace of its own
    let full = "mkdir -m 700 backups && mount -t tmpfs -o size=256k,mode=700 none backups && \"$0\" \"$@\"; code=$?; echo left: >&2; ls -A backups >&2; exit $code";
    let program = Program::on(&database).through(&["unshare", "-m", "sh", "-c", full]);
    let outcome = program.run(&["backup", "--no-compress"]).code(1);
    let error = outcome.error();
    assert!(error.contains("No space left on device") && error.contains("free space"), "{error}");
    let (_, left) = outcome.stderr.split_once("left:").unwrap();
    assert_eq!(left.trim(), "", "{error}");
    let program = Program::on(&database);
    std::fs::write(program.directory().join("file"), "").unwrap();
    let closed = "mount -t tmpfs -o ro,size=256k,mode=700 none closed && \"$0\" \"$@\"";
    let read_only = Program::on(&database).env("BACKUP_DIR", "closed").through(&[
        "unshare",
        "-m",
        "sh",
        "-c",
        &format!("mkdir closed && {closed}"),
    ]);
    let error = read_only.run(&["backup"]).code(1).error();
    assert!(error.contains("Read-only file system") && error.contains("mounted read-only"), "{error}");
    let program = Program::on(&database).env("BACKUP_DIR", program.directory().join("file").to_str().unwrap());
    let error = program.run(&["backup"]).code(1).error();
    assert!(error.contains("is not a directory") && error.contains("BACKUP_DIR"), "{error}");
}

#[test]
fn two_in_one_second_are_two() {
    let database = seeded(Engine::Sqlite);
    let program = Program::on(&database);
    for round in 1..=5 {
        let running: Vec<_> = (0..6).map(|_| program.spawn(&["backup"])).collect();
        running.into_iter().for_each(|running| drop(running.wait().success()));
        assert_eq!(backups(&program.directory().join("backups")).len(), round * 12);
    }
    let listed = program.run(&["list-backups"]).success().json();
    assert!(listed.as_array().unwrap().iter().all(|entry| entry["state"] == "ok"));
}

#[test]
fn progress_is_shown_at_a_terminal_only() {
    for engine in ENGINES {
        let database = seeded(engine);
        let program = Program::on(&database).env("AUTHSVC_LOG", "error").env("TERM", "xterm");
        assert_eq!(program.run(&["backup"]).success().stderr, "");
        let program = program.through(&["sh", "-c", "script -qec \"$0 $*\" /dev/null"]);
        let shown = program.run(&["backup"]).success().stdout;
        assert!(shown.contains(" of about ") && shown.contains(" left"), "{shown:?}");
        assert!(shown.trim_end().ends_with("read back and compared"), "{shown:?}");
    }
}

#[test]
fn output_to_a_file_and_to_stdout() {
    let database = seeded(Engine::Postgres);
    let program = Program::on(&database);
    let path = program.directory().join("mine.sql.gz");
    program.run(&["backup", "--output", path.to_str().unwrap()]).success();
    program.run(&["verify-backup", path.to_str().unwrap()]).success();
    let error = program.run(&["backup", "--output", path.to_str().unwrap()]).code(2).error();
    assert!(error.contains("exists already"), "{error}");
    let text = program.run(&["backup", "--no-compress", "--output", "-"]).success().stdout;
    assert!(
        text.starts_with("-- authsvc backup {\"format\":1,")
            && text.lines().last().unwrap().starts_with("-- authsvc end {")
    );
    program.run(&["backup", "--output", "-", "--json"]).code(2);
}

#[test]
fn databases_that_cannot_be_backed_up() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        database.execute("UPDATE authsvc_migrations SET checksum = 'other' WHERE version LIKE '002%'");
        Program::on(&database).run(&["backup"]).code(5);
        database
            .execute("INSERT INTO authsvc_migrations VALUES ('042_of_the_future', 'x', 'applied', FALSE, 1, 1, '9.0')");
        Program::on(&database).run(&["backup"]).code(4);
        let program = Program::on(&Database::empty(engine));
        program.run(&["backup"]).code(1);
    }
}
