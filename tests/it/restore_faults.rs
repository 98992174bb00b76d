//! Faults during `restore`: a restore that breaks midway keeps the old content, and the service continues meanwhile.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::backup::{backup, rows, seeded, shell};
use crate::restore::{content, restored, without_identity};
use crate::support::database::ENGINES;
use crate::support::{CANARY, Cluster, Database, Engine, Program, SetOnDrop, eventually};

/// Enough rows that a restore takes a moment.
pub(crate) fn grow(database: &Database, engine: Engine, count: usize) {
    let detail = "'0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef' || g";
    database.execute(&match engine {
        Engine::Postgres => format!(
            "INSERT INTO auth_events (kind, detail) SELECT 'logout', {detail} FROM generate_series(1, {count}) g"
        ),
        Engine::Sqlite => format!(
            "INSERT INTO auth_events (kind, detail) WITH RECURSIVE s (g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM s LIMIT {count})
             SELECT 'logout', {detail} FROM s"
        ),
    });
}

/// A big backup of other content, and the database it is to be restored into.
fn big(engine: Engine, count: usize) -> (Program, PathBuf, Database, Database) {
    let other = seeded(engine);
    grow(&other, engine, count);
    let maker = Program::on(&other);
    let file = backup(&maker, &[]);
    // that it was made is recorded, and not in it
    other.execute("DELETE FROM maintenance_runs WHERE kind = 'backup'");
    (maker, file, seeded(engine), other)
}

pub(crate) fn staged(database: &Database, engine: Engine) -> bool {
    match engine {
        Engine::Postgres => database.one("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'authsvc_re%'") != "0",
        Engine::Sqlite => {
            let folder = database.path().parent().unwrap().to_owned();
            std::fs::read_dir(folder)
                .unwrap()
                .any(|entry| entry.unwrap().file_name().to_string_lossy().contains(".restore"))
        }
    }
}

#[test]
fn p9_p4_killed_midway_the_old_content_stays_and_the_next_run_goes_on() {
    for engine in ENGINES {
        let (_maker, file, database, other) = big(engine, 20_000);
        let program = Program::on(&database);
        let mut before = content(&database).0;
        for signal in ["TERM", "KILL"] {
            for pause in [0, 20, 60, 120, 250] {
                let running = program.spawn(&["restore", "--yes", "--no-safety-backup", file.to_str().unwrap()]);
                eventually("staging", || staged(&database, engine).then_some(()));
                std::thread::park_timeout(std::time::Duration::from_millis(pause));
                running.signal(signal);
                let outcome = running.wait();
                if outcome.code == Some(0) {
                    let swapped = content(&database) == restored(&rows(&other));
                    assert!(swapped, "{engine:?}: swapped before the signal, and wholly");
                    // back to where it was, for the next round
                    database.execute("DELETE FROM auth_events");
                    before = content(&database).0;
                    continue;
                }
                let (now, restores) = content(&database);
                assert!(
                    now == before || now == without_identity(rows(&other)),
                    "{engine:?}: neither the old nor the new content"
                );
                if signal == "TERM" {
                    assert!(!staged(&database, engine), "{engine:?}: SIGTERM leaves nothing");
                    assert_eq!(restores.last().unwrap(), "cancelled");
                }
            }
        }
        program.run(&["restore", "--yes", "--no-safety-backup", file.to_str().unwrap()]).success();
        assert!(content(&database) == restored(&rows(&other)) && !staged(&database, engine), "{engine:?}");
    }
}

#[test]
fn p4_the_server_gone_midway_or_out_of_space() {
    let cluster = Cluster::start(&[]);
    let database = Database::on(&cluster, None);
    let program = Program::on(&database);
    program.run(&["migrate"]).success();
    grow(&database, Engine::Postgres, 300_000);
    let file = backup(&program, &[]);
    database.execute("TRUNCATE auth_events; INSERT INTO auth_events (kind) VALUES ('registered')");
    let before = content(&database).0;
    let arguments = ["restore", "--yes", "--no-safety-backup", file.to_str().unwrap()];

    // files of the server may not grow beyond this, which it reports as it does a full disk
    let limit = |bytes: &str| {
        let script = format!(
            "cd / && setpriv --reuid=postgres --regid=postgres --clear-groups prlimit --pid $(head -1 {}/data/postmaster.pid) --fsize={bytes}:",
            cluster.socket().display()
        );
        shell(&script);
    };
    limit("20000000");
    let error = program.run(&arguments).code(1).error();
    assert!(error.contains("loading `auth_events`") || error.contains("File too large"), "{error}");
    limit("unlimited");
    assert!(content(&database).0 == before && !staged(&database, Engine::Postgres));
    let told = database.one("SELECT error FROM maintenance_runs WHERE kind = 'restore' AND outcome = 'failed'");
    assert!(error.contains(&told), "{told} is not in {error}");

    let running = program.spawn(&arguments);
    eventually("staging", || staged(&database, Engine::Postgres).then_some(()));
    cluster.crash();
    running.wait().code(1);
    cluster.launch(&[]);
    assert!(content(&database).0 == before);

    // one connection only: the one that copies
    let running = program.spawn(&arguments);
    eventually("a copying connection", || {
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'COPY auth_events%FROM STDIN%'";
        (database.one(sql) != "0").then_some(())
    });
    let outcome = running.wait().code(1);
    let (now, restores) = content(&database);
    assert!(now == before && !staged(&database, Engine::Postgres), "{}", outcome.stderr);
    // no client could get a message while the server was down
    assert_eq!(restores, ["failed", "failed"]);
    program.run(&arguments).success();
    assert_eq!(database.one("SELECT count(*) FROM auth_events"), "300000");
}

#[test]
fn p4_readers_see_the_old_state_until_the_swap_and_the_new_one_after() {
    for engine in ENGINES {
        let (_maker, file, database, _other) = big(engine, 30_000);
        let stop = AtomicBool::new(false);
        let states = std::thread::scope(|scope| {
            let readers: Vec<_> = (0..3)
                .map(|_| {
                    scope.spawn(|| {
                        let mut states = Vec::new();
                        while !stop.load(Ordering::SeqCst) {
                            let sql = "SELECT (SELECT count(*) FROM auth_events), count(*) FROM users JOIN refresh_tokens ON user_id = users.id";
                            let state = database.one(sql);
                            if states.last() != Some(&state) {
                                states.push(state);
                            }
                        }
                        states
                    })
                })
                .collect();
            let after_restore = SetOnDrop(&stop);
            let report =
                Program::on(&database).run(&["restore", "--yes", "--json", file.to_str().unwrap()]).success().json();
            assert!(report["swap_ms"].as_u64().unwrap() < 1000 || engine == Engine::Sqlite, "{report}");
            drop(after_restore);
            readers.into_iter().map(|reader| reader.join().unwrap()).collect::<Vec<_>>()
        });
        for seen in states {
            let expected = ["0|8", "30000|8"].map(str::to_owned);
            assert!(seen == expected || seen == expected[..1], "{engine:?}: {seen:?}");
        }
    }
}

#[test]
fn a_long_reader_delays_the_swap_and_is_told_when_it_stays() {
    let (_maker, file, database, _other) = big(Engine::Postgres, 10);
    let before = content(&database).0;
    let mut session = database.session();
    session.execute("BEGIN; SELECT count(*) FROM users");
    let program = Program::on(&database).env("AUTHSVC_LOCK_WAIT", "2s");
    let error = program.run(&["restore", "--yes", file.to_str().unwrap()]).code(6).error();
    assert!(error.contains("lock timeout"), "{error}");
    session.execute("COMMIT");
    let (now, restores) = content(&database);
    assert!(now == before && !staged(&database, Engine::Postgres));
    assert_eq!(restores, ["failed"]);
    program.run(&["restore", "--yes", file.to_str().unwrap()]).success();
}

#[test]
fn two_at_once_do_not_mix() {
    for engine in ENGINES {
        let (_maker, file, database, other) = big(engine, 5_000);
        let program = Program::on(&database);
        let arguments = ["restore", "--yes", "--no-safety-backup", file.to_str().unwrap()];
        let running: Vec<_> = (0..3).map(|_| program.spawn(&arguments)).collect();
        let codes: Vec<_> = running.into_iter().map(|running| running.wait().code).collect();
        assert!(codes.contains(&Some(0)) && codes.iter().all(|code| [Some(0), Some(6)].contains(code)), "{codes:?}");
        let (now, restores) = content(&database);
        assert!(now == without_identity(rows(&other)));
        // a later process replaced the record of the first; a process that gave up recorded it at one of them
        assert_eq!(restores.iter().filter(|outcome| *outcome == "succeeded").count(), 1, "{restores:?}");
    }
}

#[test]
fn what_is_of_others_is_left_alone() {
    let (_maker, file, database, _other) = big(Engine::Postgres, 10);
    let reader = format!("r_{}", database.name());
    database.execute(&format!(
        "CREATE TABLE notes (id INTEGER, user_id BIGINT CONSTRAINT of_user REFERENCES users (id)); INSERT INTO notes VALUES (1, 1), (2, NULL);
         CREATE ROLE {reader}; GRANT SELECT ON users TO {reader}; GRANT UPDATE (email) ON users TO {reader}; GRANT USAGE ON users_id_seq TO {reader};
         ALTER TABLE auth_events OWNER TO postgres"
    ));
    let program = Program::on(&database);
    let url = Cluster::shared().superuser_url(&database.name());
    let superuser = Program::new().env("DATABASE_URL", &url);
    superuser.run(&["restore", "--yes", file.to_str().unwrap()]).success();
    assert_eq!(database.query("SELECT id, user_id FROM notes ORDER BY id"), ["1|1", "2|∅"]);
    assert_eq!(
        database.one("SELECT convalidated, confrelid::regclass FROM pg_constraint WHERE conname = 'of_user'"),
        "t|users"
    );
    let rights = format!(
        "SELECT has_table_privilege('{reader}', 'users', 'SELECT'), has_table_privilege('{reader}', 'users', 'DELETE'),
         has_column_privilege('{reader}', 'users', 'email', 'UPDATE'), has_sequence_privilege('{reader}', 'users_id_seq', 'USAGE')"
    );
    assert_eq!(database.one(&rights), "t|f|t|t");
    assert_eq!(
        database.query("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public' AND tablename IN ('users', 'auth_events') ORDER BY 1"),
        ["app", "postgres"]
    );
    database.execute("ALTER TABLE auth_events OWNER TO app");
    program.run(&["status", "--check"]).success();
    database.execute("CREATE INDEX mine ON users (active)");
    let report = superuser.run(&["restore", "--yes", "--json", file.to_str().unwrap()]).success().json();
    assert!(report["warnings"].to_string().contains("index users.mine"), "{report}");

    database.execute("ALTER TABLE notes OWNER TO app");
    let (before, _) = content(&database);
    for (make, named, drop) in [
        ("CREATE VIEW names AS SELECT username FROM users", "the view `names` reads `users`", "DROP VIEW names"),
        ("CREATE POLICY p ON users USING (TRUE)", "`users` has the policy `p`", "DROP POLICY p ON users"),
        ("CREATE PUBLICATION pub FOR TABLE users", "the publication `pub`", "DROP PUBLICATION pub"),
        ("ALTER TABLE users ADD COLUMN phone TEXT", "the column users.phone", "ALTER TABLE users DROP COLUMN phone"),
    ] {
        database.execute(make);
        let error = program.run(&["restore", "--yes", "--no-safety-backup", file.to_str().unwrap()]).code(1).error();
        assert!(error.contains(named) && error.contains("create the objects again"), "{error}");
        database.execute(drop);
        assert!(content(&database).0 == before && !staged(&database, Engine::Postgres));
    }
}

#[test]
fn other_tables_of_a_sqlite_file_are_left_alone() {
    let (_maker, file, database, other) = big(Engine::Sqlite, 10);
    database.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT); CREATE INDEX i ON notes (text); INSERT INTO notes (text) VALUES ('mine')");
    let program = Program::on(&database);
    program.run(&["restore", "--yes", file.to_str().unwrap()]).success();
    assert_eq!(database.one("SELECT text FROM notes"), "mine");
    assert!(content(&database) == restored(&rows(&other)));
    program.run(&["status", "--check"]).success();
    let next = "INSERT INTO auth_events (kind) VALUES ('logout') RETURNING id";
    assert_eq!(database.one(next), other.one(next));
}

#[test]
fn databases_that_are_not_replaced() {
    let (_maker, file, _database, _other) = big(Engine::Postgres, 1);
    let file = file.to_str().unwrap();
    let newer = seeded(Engine::Postgres);
    newer.execute("INSERT INTO authsvc_migrations VALUES ('042_of_the_future', 'x', 'applied', FALSE, 1, 1, '9.0')");
    Program::on(&newer).run(&["restore", "--yes", file]).code(4);
    let foreign = Database::empty(Engine::Postgres);
    foreign.execute("CREATE TABLE users (id INTEGER)");
    let error = Program::on(&foreign).run(&["restore", "--yes", file]).code(1).error();
    assert!(error.contains("users"), "{error}");
    let earlier = Database::empty(Engine::Postgres);
    earlier.execute(
        "CREATE TABLE migration_records (id INTEGER, filename TEXT); ALTER TABLE migration_records OWNER TO app",
    );
    let error = Program::on(&earlier).run(&["restore", "--yes", file]).code(1).error();
    assert!(error.contains("--adopt"), "{error}");
    // a table of the schema is missing: no safety backup is possible, and the message reports that
    let broken = seeded(Engine::Postgres);
    broken.execute("DROP TABLE refresh_tokens");
    let error = Program::on(&broken).run(&["restore", "--yes", file]).code(1).error();
    assert!(error.contains("the safety backup failed") && error.contains("--no-safety-backup"), "{error}");
    Program::on(&broken).run(&["restore", "--yes", "--no-safety-backup", file]).success();
    Program::on(&broken).run(&["status", "--check"]).success();
    // a role that may not make a schema
    let closed = Database::migrated(Engine::Postgres);
    let (name, role) = (closed.name(), format!("c_{}", closed.name()));
    closed.execute(&format!("CREATE ROLE {role} LOGIN PASSWORD '{CANARY}'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}; GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}; REVOKE CREATE ON DATABASE {name} FROM PUBLIC"));
    let program = Program::new().env("DATABASE_URL", &closed.url.replace("//app:", &format!("//{role}:")));
    let error = program.run(&["restore", "--yes", file]).code(1).error();
    assert!(error.contains("CREATE privilege"), "{error}");
}

#[test]
fn a_damaged_sqlite_file_is_replaced_and_kept() {
    let (_maker, file, database, other) = big(Engine::Sqlite, 10);
    std::fs::write(database.path(), "this was a database once, and is no longer one".repeat(200)).unwrap();
    let program = Program::on(&database);
    program.run(&["restore", "--yes", "--no-safety-backup", file.to_str().unwrap()]).success();
    assert!(content(&database) == restored(&rows(&other)));
    let kept = PathBuf::from(format!("{}.damaged-1", database.path().display()));
    assert!(std::fs::read_to_string(kept).unwrap().starts_with("this was"));
}

#[test]
fn a_rollback_is_backed_up_first() {
    for engine in ENGINES {
        let database = seeded(engine);
        database.execute("INSERT INTO auth_events (kind) VALUES ('logout')");
        let before = content(&database).0;
        let program = Program::on(&database);
        program.run(&["rollback", "2", "--yes"]).success();
        let name = program.run(&["list-backups", "--json"]).success().json()[0]["name"].as_str().unwrap().to_owned();
        program.run(&["restore", "--yes", Path::new("backups").join(name).to_str().unwrap()]).success();
        assert!(content(&database) == restored(&before), "{engine:?}");
        program.run(&["rollback", "--yes", "--no-safety-backup"]).success();
        assert_eq!(program.run(&["list-backups"]).success().json().as_array().unwrap().len(), 2);
    }
}

#[test]
fn eio_at_fsync_is_a_failure_without_a_file() {
    let database = seeded(Engine::Sqlite);
    let trace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:error=EIO"];
    assert!(
        Command::new("strace").arg("-V").output().is_ok(),
        "strace is not installed: apt-get install strace (./test.sh does it)"
    );
    let program = Program::on(&database).through(&trace);
    let error = program.run(&["backup"]).code(1).error();
    assert!(error.contains("Input/output error"), "{error}");
    assert_eq!(crate::backup::backups(&program.directory().join("backups")), Vec::<String>::new());
}
