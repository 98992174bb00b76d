//! Settings of a server, a database or a role do not change what the program does: each setting × every command.

use crate::accounts::unlimited;
use crate::backup::backup;
use crate::support::api::{log_in, me, refresh, register};
use crate::support::pgbouncer::PgBouncer;
use crate::support::{Cluster, Database, Engine, Program, eventually};

/// A setting with a value that would change the meaning of SQL, of what the server prints, or how long it may take.
const MEANING: [(&str, &str); 10] = [
    ("standard_conforming_strings", "off"),
    ("quote_all_identifiers", "on"),
    ("search_path", "missing, public"),
    ("DateStyle", "'German'"),
    ("IntervalStyle", "sql_standard"),
    ("TimeZone", "'Asia/Tokyo'"),
    ("bytea_output", "escape"),
    ("extra_float_digits", "-15"),
    ("client_encoding", "LATIN1"),
    ("xmloption", "document"),
];
const LIMITS: [(&str, &str); 6] = [
    ("statement_timeout", "'2s'"),
    ("lock_timeout", "'50ms'"),
    ("transaction_timeout", "'2s'"),
    ("idle_in_transaction_session_timeout", "'1s'"),
    ("idle_session_timeout", "'100ms'"),
    ("exit_on_error", "on"),
];
const OTHERS: [(&str, &str); 8] = [
    ("default_transaction_isolation", "serializable"),
    ("default_transaction_isolation", "'repeatable read'"),
    ("default_transaction_deferrable", "on"),
    ("row_security", "off"),
    ("array_nulls", "off"),
    ("transform_null_equals", "on"),
    ("check_function_bodies", "off"),
    ("backslash_quote", "off"),
];

/// Whether the server has this setting.
fn is_known(name: &str) -> bool {
    Cluster::shared().ask(&format!("SELECT count(*)::text FROM pg_settings WHERE lower(name) = lower('{name}')"))
        == ["1"]
}

/// Every command, one after another; each has the result that it has without the setting.
fn use_everything(setting: &str, database: &Database) {
    let program = unlimited(database);
    program.run(&["migrate"]).success();
    let status = program.run(&["status", "--check"]);
    assert_eq!(status.code, Some(0), "{setting}: {}{}", status.stdout, status.stderr);
    program.run(&["rollback", "--yes"]).success();
    program.run(&["migrate"]).success();
    program.run(&["status", "--check"]).success();
    program.run(&["seed"]).success();
    let server = unlimited(database).serve().ready();
    register(server.public, "irem").status(201);
    let (access, token) = log_in(server.public, "irem@example.com", "a long password").status(200).tokens();
    refresh(server.public, &token).status(200);
    let user = me(server.public, &access).status(200).json();
    assert_eq!(user["username"], "irem", "{setting}");
    server.stop().success();
    let before = database.query("SELECT email, created_at FROM users ORDER BY id");
    let file = backup(&program, &[]);
    let file = file.to_str().unwrap();
    // the rollback made one, too
    assert_eq!(program.run(&["list-backups"]).success().json().as_array().unwrap().len(), 2, "{setting}");
    program.run(&["verify-backup", file]).success();
    program.run(&["restore", file, "--yes"]).success();
    assert_eq!(database.query("SELECT email, created_at FROM users ORDER BY id"), before, "{setting}");
    program.run(&["cleanup"]).success();
    // a report has a deadline, which a busy machine may miss
    for command in ["health", "detailed-health"] {
        eventually(command, || (program.run(&[command]).code == Some(0)).then_some(()));
    }
    let status = program.run(&["status", "--check"]);
    assert_eq!(status.code, Some(0), "{setting}: {}", status.stdout);
}

fn try_each(settings: &[(&str, &str)]) {
    for (name, value) in settings.iter().filter(|(name, _)| is_known(name)) {
        let database = Database::empty(Engine::Postgres);
        database.execute(&format!("ALTER ROLE app IN DATABASE {} SET {name} = {value}", database.name()));
        use_everything(&format!("{name} = {value}"), &database);
    }
}

#[test]
fn settings_of_meaning_change_nothing() {
    try_each(&MEANING);
}

#[test]
fn settings_of_limits_change_nothing() {
    try_each(&LIMITS);
}

#[test]
fn other_settings_change_nothing() {
    try_each(&OTHERS);
}

/// Every command whose sessions a pooler gives to other programs between two transactions, and that others leave
/// settings on.
fn use_behind_a_pooler(setting: &str, database: &Database) {
    let bouncer = PgBouncer::configured(database, "default_pool_size = 6\nmax_client_conn = 100\n");
    let url = format!("{}?prepared_statements=false", bouncer.url);
    let program = || {
        let program = Program::new().env("DATABASE_URL", &url).env("AUTHSVC_ENV", "test");
        program.env("AUTHSVC_RATE_LIMIT", "off").env("AUTHSVC_PASSWORD_RATE_LIMIT", "off")
    };
    let commands = program();
    let run = |arguments: &[&str]| {
        let outcome = commands.run(arguments);
        assert_eq!(outcome.code, Some(0), "{setting}, {arguments:?}: {}{}", outcome.stdout, outcome.stderr);
    };
    run(&["migrate"]);
    run(&["status", "--check"]);
    let server = program().serve().ready();
    register(server.public, "irem").status(201);
    let (access, token) = log_in(server.public, "irem@example.com", "a long password").status(200).tokens();
    refresh(server.public, &token).status(200);
    assert_eq!(me(server.public, &access).status(200).json()["username"], "irem", "{setting}");
    server.stop().success();
    let rows = || database.query("SELECT email, created_at FROM users ORDER BY id");
    let before = rows();
    let file = backup(&commands, &[]);
    run(&["restore", file.to_str().unwrap(), "--yes"]);
    assert_eq!(rows(), before, "{setting}");
    run(&["cleanup"]);
    for command in ["health", "detailed-health"] {
        eventually(command, || (commands.run(&[command]).code == Some(0)).then_some(()));
    }
    run(&["status", "--check"]);
}

#[test]
fn settings_change_nothing_behind_a_pooler() {
    for (name, value) in MEANING.iter().chain(&LIMITS).chain(&OTHERS).filter(|(name, _)| is_known(name)) {
        let database = Database::empty(Engine::Postgres);
        database.execute(&format!("ALTER DATABASE {} SET {name} = {value}", database.name()));
        use_behind_a_pooler(&format!("{name} = {value}"), &database);
    }
}

#[test]
fn constraints_are_the_same_under_every_setting_of_literals() {
    let plain = Database::migrated(Engine::Postgres);
    let odd = Database::empty(Engine::Postgres);
    odd.execute(&format!("ALTER DATABASE {} SET standard_conforming_strings = off", odd.name()));
    Program::on(&odd).run(&["migrate"]).success();
    let checks = "SET standard_conforming_strings = on; SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint \
                  WHERE contype = 'c' AND connamespace = 'public'::regnamespace ORDER BY 1";
    assert_eq!(odd.query(checks), plain.query(checks));
}

#[test]
fn a_recorded_error_is_never_run_as_sql() {
    let database = Database::migrated(Engine::Postgres);
    let program = Program::on(&database);
    let path = "/nodir/x\\'); CREATE TABLE pwned(i int); --";
    for setting in ["on", "off"] {
        let name = database.name();
        database.execute(&format!("ALTER DATABASE {name} SET standard_conforming_strings = {setting}"));
        assert_ne!(program.run(&["verify-backup", "--restore", path]).code, Some(0));
        assert_eq!(database.one("SELECT to_regclass('pwned')"), "∅", "{setting}");
        let told = database.query("SELECT error FROM maintenance_runs WHERE outcome = 'failed' ORDER BY id");
        assert!(told.iter().all(|error| error.contains(path)), "{setting}: {told:?}");
    }
}

#[test]
fn a_database_that_is_read_only_on_purpose_is_named_so() {
    let database = Database::migrated(Engine::Postgres);
    let program = Program::on(&database);
    program.run(&["rollback", "--yes"]).success();
    let name = database.name();
    database.execute(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    program.run(&["status"]).success();
    program.run(&["backup"]).success();
    let error = program.run(&["migrate"]).code(1).error();
    assert!(error.contains("25006") && error.contains("default_transaction_read_only"), "{error}");
    database.execute(&format!(
        "BEGIN; SET TRANSACTION READ WRITE; ALTER DATABASE {name} RESET default_transaction_read_only; COMMIT"
    ));
    program.run(&["migrate"]).success();
}

#[test]
fn without_foreign_keys_and_triggers_nothing_is_done() {
    let database = Database::migrated(Engine::Postgres);
    database.execute(&format!("ALTER ROLE app IN DATABASE {} SET session_replication_role = replica", database.name()));
    for command in [&["migrate"][..], &["status"], &["backup"], &["cleanup"]] {
        let error = Program::on(&database).run(command).code(1).error();
        assert!(error.contains("session_replication_role"), "{error}");
    }
}

#[test]
fn an_adoption_is_not_ended_by_a_limit_of_the_role() {
    let database = Database::empty(Engine::Postgres);
    let program = Program::on(&database);
    program.run(&["migrate", "--to", "005"]).success();
    database.execute(
        "INSERT INTO users (email, username, password_hash) \
         SELECT 'user' || n || '@example.com', 'user' || n, 'x' FROM generate_series(1, 60000) AS numbers(n)",
    );
    for (name, value) in [("statement_timeout", "100ms"), ("transaction_timeout", "100ms")] {
        if is_known(name) {
            database.execute(&format!("ALTER ROLE app IN DATABASE {} SET {name} = '{value}'", database.name()));
        }
    }
    program.run(&["migrate"]).success();
    program.run(&["status", "--check"]).success();
    assert_eq!(database.one("SELECT count(*) FROM users"), "60000");
}
