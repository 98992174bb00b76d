//! Promises P8 and P9, and the faults under "Migration and boot". Each test breaks a real database and checks the
//! result.

use std::time::{Duration, Instant};

use authsvc::migrate::{migrations, newest};

use crate::build_checks::sql;
use crate::support::database::ENGINES;
use crate::support::pgbouncer::PgBouncer;
use crate::support::program::get;
use crate::support::{Cluster, Database, Engine, Program, eventually};

const ROUNDS: usize = 20;
const AT_ONCE: usize = 8;

#[test]
fn p8_eight_migrators_at_once_twenty_times() {
    for engine in ENGINES {
        for round in 0..ROUNDS {
            let database = Database::empty(engine);
            let program = Program::on(&database);
            let running: Vec<_> = (0..AT_ONCE).map(|_| program.spawn(&["migrate", "--json"])).collect();
            let outcomes: Vec<_> = running.into_iter().map(|running| running.wait().success().json()).collect();
            let applied = outcomes.iter().filter(|report| report["outcome"] == "applied").count();
            assert_eq!(applied, 1, "{engine:?}, round {round}");
            assert_eq!(database.ledger().len(), migrations().len());
            let program = Program::on(&database).env("AUTHSVC_ENV", "development");
            let running: Vec<_> = (0..AT_ONCE).map(|_| program.spawn(&["seed", "--json"])).collect();
            let added: u64 =
                running.into_iter().map(|running| running.wait().success().json()["users"].as_u64().unwrap()).sum();
            assert_eq!(
                (added, database.one("SELECT count(*) FROM users").as_str()),
                (13, "13"),
                "{engine:?}, round {round}"
            );
            let runs = database.query("SELECT kind FROM maintenance_runs ORDER BY id");
            assert_eq!(runs, ["migrate", "seed"], "{engine:?}, round {round}: a migrator without work records nothing");
        }
    }
}

#[test]
fn p9_kill_9_at_any_moment_of_migrate() {
    for engine in ENGINES {
        for moment in 0..30 {
            let database = Database::empty(engine);
            let program = Program::on(&database);
            let running = program.spawn(&["migrate"]);
            std::thread::park_timeout(Duration::from_millis(3 * moment));
            drop(running); // kills it
            if engine == Engine::Postgres {
                // a fresh database is one transaction: all or nothing
                let tables = database.one("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'");
                assert!(tables == "0" || tables == "7", "{tables} tables after {moment}");
            }
            program.run(&["migrate"]).success();
            program.run(&["status", "--check"]).success();
        }
    }
}

#[test]
fn p9_kill_9_at_any_moment_of_an_upgrade_with_rows() {
    let template = Database::empty(Engine::Postgres);
    Program::on(&template).run(&["migrate", "--to", "004"]).success();
    template.execute(
        "INSERT INTO users (email, username, password_hash) SELECT 'u' || g || '@example.com', 'u' || g, 'x' FROM generate_series(1, 20000) g;
         INSERT INTO refresh_tokens (user_id, token_hash, expires_at) SELECT 1 + g % 20000, 'h' || g, now() FROM generate_series(1, 20000) g",
    );
    for moment in 0..12 {
        let database = Database::on(Cluster::shared(), Some(&template.name()));
        let program = Program::on(&database);
        let running = program.spawn(&["migrate"]);
        std::thread::park_timeout(Duration::from_millis(50 * moment));
        drop(running);
        program.run(&["migrate"]).success();
        program.run(&["status", "--check"]).success();
        assert_eq!(
            database.one("SELECT count(*) || ' ' || (SELECT count(*) FROM refresh_tokens) FROM users"),
            "20000 20000"
        );
    }
}

#[test]
fn a_migration_without_transaction_goes_on_after_any_of_its_statements() {
    let template = Database::empty(Engine::Postgres);
    Program::on(&template).run(&["migrate", "--to", "005"]).success();
    template.execute(
        "INSERT INTO users (email, username, password_hash) SELECT 'u' || g || '@example.com', 'u' || g, 'x' FROM generate_series(1, 100) g;
         INSERT INTO refresh_tokens (user_id, token_hash, expires_at) SELECT g, 'h' || g, now() FROM generate_series(1, 100) g",
    );
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/migration/postgres/006_copy_rows.sql");
    let statements = sql::split(&std::fs::read_to_string(file).unwrap()).unwrap();
    for interrupted_after in 0..=statements.len() {
        let database = Database::on(Cluster::shared(), Some(&template.name()));
        let mut session = database.session();
        for statement in &statements[..interrupted_after] {
            session.execute(&statement.text);
        }
        drop(session);
        Program::on(&database).run(&["migrate"]).success();
        Program::on(&database).run(&["status", "--check"]).success();
        assert_eq!(
            database.one("SELECT count(*) || ' ' || (SELECT count(*) FROM refresh_tokens) FROM users"),
            "100 100"
        );
    }
    // an index whose building was interrupted is INVALID, and IF NOT EXISTS would keep it
    let database = Database::on(Cluster::shared(), Some(&template.name()));
    database.execute(
        "CREATE INDEX refresh_tokens_next_user_id ON refresh_tokens_next (user_id);
         UPDATE pg_index SET indisvalid = FALSE WHERE indexrelid = 'refresh_tokens_next_user_id'::regclass",
    );
    Program::on(&database).run(&["migrate"]).success();
    assert_eq!(database.one("SELECT count(*) FROM pg_index WHERE NOT indisvalid"), "0");
    Program::on(&database).run(&["status", "--check"]).success();
}

#[test]
fn a_stopped_lock_holder_makes_others_give_up_in_time_and_say_so() {
    let database = Database::empty(Engine::Postgres);
    let mut holder = database.session();
    holder.execute("BEGIN; SELECT pg_advisory_xact_lock(4711203350194)");
    let program = Program::on(&database).env("AUTHSVC_LOCK_WAIT", "1s");
    let begin = Instant::now();
    let error = program.run(&["migrate"]).code(6).error();
    assert!(error.contains("another program is changing the schema") && error.contains("1s"), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(10));
    // a service waits, alive and not ready
    let server = Program::on(&database).serve();
    let (_, body) =
        eventually("migrating", || get(server.public, "/readyz").filter(|(_, body)| body.contains("migrating")));
    assert!(body.contains(&format!(r#""target":"{}""#, newest())), "{body}");
    assert_eq!(get(server.public, "/readyz").unwrap().0, 503);
    assert_eq!(get(server.public, "/livez").unwrap().0, 200);
    holder.execute("ROLLBACK");
    server.ready().stop().success();
}

#[test]
fn sigstop_and_kill_9_of_the_real_lock_holder() {
    let database = Database::empty(Engine::Postgres);
    // the holder cannot finish: a session holds a name that 001 needs
    let mut blocker = database.session();
    blocker.execute("BEGIN; CREATE TABLE users (id INTEGER)");
    let holder = Program::on(&database).env("AUTHSVC_LOCK_TIMEOUT", "60s").spawn(&["migrate"]);
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    eventually("the lock", || (database.one(locks) == "1").then_some(()));
    holder.signal("STOP");
    Program::on(&database).env("AUTHSVC_LOCK_WAIT", "500ms").run(&["migrate"]).code(6);
    drop(holder); // kill -9
    blocker.execute("ROLLBACK");
    Program::on(&database).run(&["migrate"]).success();
    assert_eq!(database.ledger().len(), migrations().len());
}

#[test]
fn a_long_reader_is_waited_for_and_logins_are_not_queued_behind_the_ddl() {
    let database = Database::migrated(Engine::Postgres);
    let program = Program::on(&database).env("AUTHSVC_LOCK_TIMEOUT", "200ms").env("AUTHSVC_LOCK_WAIT", "30s");
    program.run(&["rollback", "--to", "006", "--yes"]).success();
    let mut reader = database.session();
    reader.execute("BEGIN; SELECT count(*) FROM users");
    let migrator = program.spawn(&["migrate"]);
    let mut login = database.session();
    let mut slowest = Duration::ZERO;
    for _ in 0..40 {
        let begin = Instant::now();
        login.execute("SELECT id FROM users WHERE lower(email) = 'ada@example.com'");
        slowest = slowest.max(begin.elapsed());
        std::thread::park_timeout(Duration::from_millis(50));
    }
    assert!(slowest < Duration::from_secs(2), "a login took {slowest:?}");
    assert_eq!(database.ledger().last().unwrap(), "006_copy_rows applied", "the reader is still in the way");
    reader.execute("COMMIT");
    let outcome = migrator.wait().success();
    assert!(outcome.stderr.contains("a table is locked, trying again"), "{}", outcome.stderr);
    // and when it never ends, there is an end to patience
    program.run(&["rollback", "--to", "006", "--yes"]).success();
    reader.execute("BEGIN; SELECT count(*) FROM users");
    let error = Program::on(&database)
        .env("AUTHSVC_LOCK_TIMEOUT", "100ms")
        .env("AUTHSVC_LOCK_WAIT", "1s")
        .run(&["migrate"])
        .code(6)
        .error();
    assert!(error.contains("remained locked"), "{error}");
}

#[test]
fn behind_a_transaction_pooling_pgbouncer() {
    let database = Database::empty(Engine::Postgres);
    let bouncer = PgBouncer::start(&database);
    let program = Program::new().env("DATABASE_URL", &bouncer.url);
    for _ in 0..3 {
        let running: Vec<_> = (0..4).map(|_| program.spawn(&["migrate"])).collect();
        running.into_iter().for_each(|running| drop(running.wait().success()));
        program.run(&["status", "--check"]).success();
        program.run(&["rollback", "--to", "006", "--yes"]).success();
        program.run(&["migrate"]).success();
        program.run(&["rollback", "--to", "0", "--yes"]).success();
    }
    Program::new().env("DATABASE_URL", &bouncer.url).serve().ready().stop().success();
    assert_eq!(database.ledger().len(), migrations().len());
    assert_eq!(database.one("SELECT kind FROM maintenance_runs"), "migrate");
    // every statement of a backup and a restore sets what it needs in its own transaction
    database.execute("INSERT INTO auth_events (kind, detail) SELECT 'logout', g FROM generate_series(1, 20000) g");
    let backup = program.run(&["backup", "--json"]).success().json();
    database.execute("TRUNCATE auth_events");
    let file = format!("backups/{}", backup["filename"].as_str().unwrap());
    program.run(&["restore", "--yes", &file]).success();
    assert_eq!(database.one("SELECT count(*) FROM auth_events"), "20000");
    assert_eq!(database.query("SELECT kind FROM maintenance_runs ORDER BY id"), ["migrate", "restore"]);
    program.run(&["status", "--check"]).success();
    let report = program.run(&["detailed-health"]).success().json();
    assert_eq!(report["basic_health"]["tables"][3]["row_count"], 20000);
    assert_eq!(report["authentication_health"]["total_users"], 0);
}

#[test]
fn a_role_without_ddl_can_serve_what_is_current_and_is_told_what_it_lacks() {
    let database = Database::migrated(Engine::Postgres);
    let reader = format!("r_{}", database.name());
    database.execute(&format!(
        "CREATE ROLE {reader} LOGIN PASSWORD '{}'; REVOKE CREATE ON SCHEMA public FROM PUBLIC;
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {reader};
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {reader}",
        crate::support::CANARY
    ));
    let url = database.url.replace("//app:", &format!("//{reader}:"));
    let program = Program::new().env("DATABASE_URL", &url);
    program.run(&["migrate"]).success();
    program.run(&["status", "--check"]).success();
    Program::new().env("DATABASE_URL", &url).serve().ready().stop().success();
    Program::on(&database).run(&["rollback", "--to", "009", "--yes"]).success();
    let error = program.run(&["migrate"]).code(1).error();
    assert!(error.contains("must be owner") && error.contains("42501") && error.contains("a role that may"), "{error}");
    // nor can it read what it may not
    database.execute(&format!("REVOKE SELECT ON authsvc_migrations FROM {reader}"));
    let error = program.run(&["status"]).code(1).error();
    assert!(error.contains("permission denied for table authsvc_migrations"), "{error}");
}

#[test]
fn only_what_can_heal_is_waited_for() {
    let database = Database::migrated(Engine::Postgres);
    let url = &database.url;
    let name = database.name();
    for (url, expected) in [
        (url.replace("cAn4ry", "wrong"), "password authentication failed"),
        (url.replace(&format!("/{name}"), "/nowhere"), "database \"nowhere\" does not exist"),
        (url.replace("//app:", "//nobody:"), "authentication failed"),
    ] {
        let begin = Instant::now();
        let program = Program::new().env("DATABASE_URL", &url).env("AUTHSVC_DATABASE_WAIT", "60s");
        let error = program.serve().running.wait().code(1).error();
        assert!(error.contains(expected), "{error}");
        assert!(begin.elapsed() < Duration::from_secs(10), "{expected}: waited {:?}", begin.elapsed());
        let error = Program::new().env("DATABASE_URL", &url).run(&["status"]).code(1).error();
        assert!(error.contains("hint: ") && error.contains(":****@"), "{error}");
    }
}

#[test]
fn too_many_connections_heal() {
    let cluster = Cluster::start(&["max_connections=8", "superuser_reserved_connections=3"]);
    let database = Database::on(&cluster, None);
    let role = "SET SESSION AUTHORIZATION app";
    cluster.superuser("ALTER ROLE app CONNECTION LIMIT 0");
    let error = Program::on(&database).run(&["migrate"]).code(1).error();
    assert!(error.contains("too many connections for role") && error.contains("pooler"), "{error}");
    let server = Program::on(&database).serve();
    eventually("waiting", || get(server.public, "/readyz").filter(|(_, body)| body.contains("too many connections")));
    cluster.superuser("ALTER ROLE app CONNECTION LIMIT -1");
    server.ready().stop().success();
    database.execute(role);
}

#[test]
fn the_server_crashes_in_the_middle() {
    let cluster = Cluster::start(&[]);
    let database = Database::on(&cluster, None);
    let mut blocker = database.session();
    blocker.execute("BEGIN; CREATE TABLE users (id INTEGER)");
    let migrator = Program::on(&database).env("AUTHSVC_LOCK_TIMEOUT", "60s").spawn(&["migrate"]);
    eventually("the migrator", || {
        (database.one("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == "1").then_some(())
    });
    cluster.crash();
    let error = migrator.wait().code(1).error();
    assert!(!error.contains("panicked"), "{error}");
    cluster.launch(&[]);
    Program::on(&database).run(&["migrate"]).success();
    Program::on(&database).run(&["status", "--check"]).success();
}
