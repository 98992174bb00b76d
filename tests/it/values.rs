//! Values that a column can hold and the program cannot: the schema refuses them, and its migrations clean them. No
//! request fails because of one.

use serde_json::json;

use crate::accounts::served;
use crate::backup::backup;
use crate::support::api::{Request, log_in, me, register};
use crate::support::database::ENGINES;
use crate::support::{Cluster, Database, Engine, Program};

/// Every column that holds a time.
const TIMES: [(&str, &[&str]); 9] = [
    ("users", &["last_login", "locked_until", "created_at", "updated_at", "deleted_at", "provisional_used_at"]),
    ("oauth_providers", &["expires_at", "created_at", "updated_at"]),
    (
        "refresh_tokens",
        &["expires_at", "created_at", "revoked_at", "rotated_at", "access_used_at", "session_started_at"],
    ),
    ("auth_events", &["occurred_at"]),
    ("maintenance_runs", &["started_at", "finished_at"]),
    ("login_throttles", &["last_failed_at", "blocked_until"]),
    ("oauth_states", &["expires_at"]),
    ("known_devices", &["last_login_at"]),
    ("database_identity", &["created_at"]),
];

/// Those that were made with their constraints.
const LATER: [&str; 5] = ["rotated_at", "access_used_at", "session_started_at", "last_login_at", "provisional_used_at"];

const POSTGRES_TIMES: [&str; 5] =
    ["infinity", "-infinity", "0044-03-15 12:00:00 BC", "294276-12-31 23:59:59.999999+00", "10000-01-01 00:00:00+00"];
/// All of these passed the constraints of older migrations.
const SQLITE_TIMES: [&str; 4] = [
    "abcd-ef-ghTij:kl:mn+00:00",
    "2026-02-31T00:00:00+00:00",
    "2026-13-01T00:00:00.000+00:00",
    "2026-01-01T00:00:00.infinity+00:00",
];

fn odd_times(engine: Engine) -> &'static [&'static str] {
    if engine == Engine::Postgres { &POSTGRES_TIMES } else { &SQLITE_TIMES }
}

/// A row in every table.
fn a_row_each(database: &Database, engine: Engine) {
    let now = match engine {
        Engine::Postgres => "CURRENT_TIMESTAMP",
        Engine::Sqlite => "'2026-01-01T00:00:00.000+00:00'",
    };
    database.execute(&format!(
        "INSERT INTO users (email, username, password_hash) VALUES ('odd@example.com', 'odd', 'x');
         INSERT INTO oauth_providers (user_id, provider, provider_id) SELECT id, 'github', '1' FROM users;
         INSERT INTO refresh_tokens (user_id, token_hash, expires_at) SELECT id, 'hash', {now} FROM users;
         INSERT INTO auth_events (kind, user_id) SELECT 'logout', id FROM users;
         INSERT INTO maintenance_runs (kind) VALUES ('cleanup');
         INSERT INTO login_throttles (subject, failures, last_failed_at) VALUES ('ip:192.0.2.1', 1, {now});
         INSERT INTO oauth_states (state_hash, expires_at) VALUES ('state', {now})"
    ));
}

fn is_refused(database: &Database, sql: &str) -> bool {
    let sql = sql.to_owned();
    let attempt = std::panic::AssertUnwindSafe(|| database.execute(&sql));
    std::panic::catch_unwind(attempt).is_err()
}

#[test]
fn the_schema_refuses_what_the_program_cannot_read() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        a_row_each(&database, engine);
        let device = "INSERT INTO known_devices (digest, user_id, kind, last_login_at) SELECT 'digest', id, 'cookie', created_at FROM users";
        database.execute(device);
        for (table, columns) in TIMES {
            for column in columns {
                for time in odd_times(engine) {
                    let sql = format!("UPDATE {table} SET {column} = '{time}'");
                    assert!(is_refused(&database, &sql), "{engine:?}: {sql}");
                }
            }
        }
        for json in ["[1]", "1", "null", "\"text\""] {
            assert!(is_refused(&database, &format!("UPDATE maintenance_runs SET counts = '{json}'")), "{json}");
        }
        let counts = ["UPDATE users SET failed_login_count = ", "UPDATE login_throttles SET failures = "];
        for (sql, number) in counts.iter().flat_map(|sql| [(sql, "-1"), (sql, "2147483648")]) {
            assert!(is_refused(&database, &format!("{sql}{number}")), "{engine:?}: {sql}{number}");
        }
        if engine == Engine::Sqlite {
            for sql in [
                "UPDATE users SET active = 2",
                "UPDATE users SET failed_login_count = 'many'",
                "UPDATE users SET failed_login_count = 1.5",
                "UPDATE refresh_tokens SET family_id = 'x'",
                "UPDATE refresh_tokens SET family_id = 1.5",
                "UPDATE users SET created_at = 5",
            ] {
                assert!(is_refused(&database, sql), "{sql}");
            }
        }
    }
}

/// A release does not fail to boot because of a row: what older schemas let in is changed.
#[test]
fn migrations_change_what_older_schemas_let_in() {
    for engine in ENGINES {
        let database = Database::empty(engine);
        let program = Program::on(&database).env("AUTHSVC_ENV", "test");
        for (at, time) in odd_times(engine).iter().enumerate() {
            program.run(&["migrate", "--to", "011"]).success();
            if at == 0 {
                a_row_each(&database, engine);
            }
            for (table, columns) in TIMES {
                for column in columns.iter().filter(|column| !LATER.contains(*column)) {
                    database.execute(&format!("UPDATE {table} SET {column} = '{time}'"));
                }
            }
            database.execute("UPDATE maintenance_runs SET counts = '[1, 2]'");
            // a file of this state is restored as well
            let file = backup(&program, &[]);
            program.run(&["migrate"]).success();
            program.run(&["status", "--check"]).success();
            for (table, columns) in TIMES {
                for column in columns {
                    let (low, high) = ("'0001-01-01'", "'9999-12-31T24'");
                    let odd = match engine {
                        Engine::Postgres => format!("{column} < '0001-01-01' OR {column} >= '10000-01-01'"),
                        Engine::Sqlite => format!("{column} < {low} OR {column} > {high} OR {column} = '{time}'"),
                    };
                    let found = database.one(&format!("SELECT count(*) FROM {table} WHERE {odd}"));
                    assert_eq!(found, "0", "{engine:?}: {table}.{column} of {time}");
                }
            }
            let counts = database.one("SELECT CAST(counts AS TEXT) FROM maintenance_runs WHERE kind = 'cleanup'");
            assert_eq!(counts.replace(' ', ""), "{\"value\":[1,2]}");
            let restored = Database::empty(engine);
            let there = Program::on(&restored);
            there.run(&["restore", "--yes", file.to_str().unwrap()]).success();
            there.run(&["status", "--check"]).success();
            program.run(&["rollback", "--to", "011", "--yes", "--no-safety-backup"]).success();
        }
    }
}

#[test]
fn what_never_ends_ends_in_the_year_9999() {
    let database = Database::empty(Engine::Postgres);
    let program = Program::on(&database);
    program.run(&["migrate", "--to", "011"]).success();
    a_row_each(&database, Engine::Postgres);
    database.execute("UPDATE users SET locked_until = 'infinity', deleted_at = NULL");
    program.run(&["migrate"]).success();
    let locked =
        "SELECT locked_until AT TIME ZONE 'UTC' = '9999-12-31 23:59:59.999999' AND deleted_at IS NULL FROM users";
    assert_eq!(database.one(locked), "t");
    let server = served(&database);
    log_in(server.public, "odd@example.com", "a long password").refused(429, "throttled");
}

#[test]
fn the_greatest_count_of_failures_stays_the_greatest() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = served(&database);
        register(server.public, "ada").status(201);
        database.execute(
            "DELETE FROM known_devices; UPDATE users SET failed_login_count = 2147483647, locked_until = NULL;
             UPDATE login_throttles SET failures = 2147483647, blocked_until = NULL",
        );
        log_in(server.public, "ada@example.com", "a wrong password").refused(401, "credentials");
        assert_eq!(database.one("SELECT failed_login_count FROM users"), "2147483647");
        log_in(server.public, "ada@example.com", "a wrong password").refused(429, "throttled");
    }
}

/// Columns of `users` with values that the program has no type for.
fn unreadable(engine: Engine) -> &'static [(&'static str, &'static str)] {
    match engine {
        Engine::Postgres => &[
            ("locked_until", "'infinity'"),
            ("last_login", "'-infinity'"),
            ("locked_until", "'10000-01-01'"),
            ("deleted_at", "'0044-03-15 BC'"),
            ("updated_at", "'290000-01-01'"),
        ],
        Engine::Sqlite => {
            &[("locked_until", "'never'"), ("failed_login_count", "5000000000"), ("failed_login_count", "'many'")]
        }
    }
}

/// A value without a type of the program, whose constraint was dropped by hand: the request fails, and nothing else.
#[test]
fn a_stored_value_that_cannot_be_read_fails_one_request_and_is_named() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = served(&database);
        let (access, _) = register(server.public, "ada").status(201).tokens();
        let odd = unreadable(engine);
        let mut failed = 0;
        for (column, value) in odd {
            let change = format!("UPDATE users SET {column} = {value}");
            match engine {
                Engine::Postgres => database.execute(&format!(
                    "ALTER TABLE users DROP CONSTRAINT IF EXISTS chk_users_{column}_range; {change}"
                )),
                Engine::Sqlite => database.execute(&format!("PRAGMA ignore_check_constraints = ON; {change}")),
            }
            for request in [
                Request::post("/auth/login", &json!({"email": "ada@example.com", "password": "a long password"})),
                Request::new("PATCH", "/api/me").json(&json!({})).bearer(&access),
            ] {
                let answer = request.send(server.public);
                // an account that is deleted is not found, whenever that was
                if *column == "deleted_at" {
                    assert_eq!(answer.status, 401, "{answer:?}");
                    continue;
                }
                answer.refused(500, "internal");
                assert_eq!(answer.header("cache-control"), Some("no-store"));
                failed += 1;
            }
            // what a request does not read does not fail it
            let shown = Request::new("GET", "/api/me").bearer(&access).send(server.public);
            assert_eq!(shown.status, if *column == "deleted_at" { 401 } else { 200 }, "{shown:?}");
            if *value == "'infinity'" {
                let health = Program::on(&database).run(&["detailed-health"]);
                assert!(health.json()["security_health"]["locked_accounts"] == 1, "{}", health.stdout);
            }
            Program::on(&database).run(&["cleanup"]).success();
            Program::on(&database).run(&["backup"]).success();
            let default = match *column {
                "failed_login_count" => "0",
                "updated_at" => "created_at",
                _ => "NULL",
            };
            database.execute(&format!("UPDATE users SET {column} = {default}"));
            me(server.public, &access).status(200);
        }
        register(server.public, "grace").status(201);
        let log = server.stop().success().stderr;
        assert!(!log.contains("panicked") && !log.contains(&access), "{log}");
        let lines: Vec<&str> = log.lines().filter(|line| line.contains("a stored value of users.")).collect();
        assert_eq!(lines.len(), failed, "a line for each request: {log}");
        for (column, _) in odd.iter().filter(|(column, _)| *column != "deleted_at") {
            assert!(lines.iter().any(|line| line.contains(&format!("users.{column} "))), "{column}: {log}");
        }
    }
}

/// Databases whose locale folds `I` in its own way. Before PostgreSQL 15 a database cannot have a locale of ICU.
fn turkish() -> Vec<Database> {
    let mut databases = Vec::new();
    let mut locales = vec![("c", "LOCALE 'C'")];
    if Cluster::shared().version() >= 15 {
        locales.push(("icu", "LOCALE_PROVIDER icu ICU_LOCALE 'tr-TR' LOCALE 'C.UTF-8'"));
    }
    for (name, locale) in locales {
        let database = Database::empty(Engine::Postgres);
        let other = format!("{}_{name}", database.name());
        let sql = format!("CREATE DATABASE {other} OWNER app TEMPLATE template0 ENCODING 'UTF8' {locale}");
        Cluster::shared().superuser(&sql);
        let database = database.renamed(&other);
        database.execute("ALTER SCHEMA public OWNER TO app");
        databases.push(database);
    }
    databases
}

#[test]
fn addresses_are_folded_alike_under_every_locale() {
    let mut databases = turkish();
    databases.extend([Database::empty(Engine::Postgres), Database::empty(Engine::Sqlite)]);
    for database in databases {
        Program::on(&database).run(&["migrate"]).success();
        let server = served(&database);
        let body = |email: &str, name: &str| json!({"email": email, "username": name, "password": "a long password"});
        let register =
            |email: &str, name: &str| Request::post("/auth/register", &body(email, name)).send(server.public);
        register("Irem@EXAMPLE.com", "Irem").status(201);
        for spelling in ["Irem@example.com", "irem@example.com", "IREM@EXAMPLE.COM"] {
            log_in(server.public, spelling, "a long password").status(200);
            register(spelling, "other").refused(409, "taken");
        }
        let program = Program::on(&database);
        backup(&program, &[]);
        program.run(&["status", "--check"]).success();
    }
}

/// Two accounts whose addresses differed under the old folding only.
#[test]
fn of_two_accounts_with_one_address_the_one_in_use_keeps_it() {
    // before PostgreSQL 15 only a locale of the system folds so, and a machine need not have one
    let Some(database) = turkish().into_iter().nth(1) else { return };
    let program = Program::on(&database);
    program.run(&["migrate", "--to", "013"]).success();
    database.execute(
        "INSERT INTO users (email, username, password_hash, last_login) VALUES
            ('Irem@example.com', 'unreachable', 'x', NULL), ('irem@example.com', 'used', 'x', CURRENT_TIMESTAMP),
            ('ada@example.com', 'ada', 'x', NULL)",
    );
    program.run(&["migrate"]).success();
    assert_eq!(
        database.query("SELECT username, email, active FROM users ORDER BY id"),
        ["unreachable|duplicate-1-Irem@example.com|f", "used|irem@example.com|t", "ada|ada@example.com|t"]
    );
    program.run(&["status", "--check"]).success();
    program.run(&["rollback", "--to", "013", "--yes", "--no-safety-backup"]).success();
    program.run(&["migrate"]).success();
}

#[test]
fn a_function_that_other_triggers_use_is_kept() {
    let database = Database::empty(Engine::Postgres);
    let program = Program::on(&database);
    program.run(&["migrate", "--to", "014"]).success();
    database.execute(
        "CREATE TABLE other (id INT, updated_at TIMESTAMPTZ); CREATE TRIGGER t BEFORE UPDATE ON other
         FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()",
    );
    program.run(&["migrate"]).success();
    let triggers = "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgrelid <> 'other'::regclass";
    assert_eq!(database.one(triggers), "0");
    assert_eq!(database.one("SELECT count(*) FROM pg_proc WHERE proname = 'update_updated_at_column'"), "1");
    program.run(&["status", "--check"]).success();
    program.run(&["rollback", "--to", "014", "--yes", "--no-safety-backup"]).success();
    program.run(&["migrate"]).success();
    database.execute("DROP TABLE other");
    program.run(&["rollback", "--to", "014", "--yes", "--no-safety-backup"]).success();
    program.run(&["migrate"]).success();
    assert_eq!(database.one("SELECT count(*) FROM pg_proc WHERE proname = 'update_updated_at_column'"), "0");
}

#[test]
fn the_program_sets_updated_at() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = served(&database);
        let (access, _) = register(server.public, "ada").status(201).tokens();
        let changes: [&dyn Fn(); 3] = [
            &|| {
                let body = json!({"username": "countess"});
                Request::new("PATCH", "/api/me").json(&body).bearer(&access).send(server.public).status(200);
            },
            &|| {
                log_in(server.public, "ada@example.com", "a wrong password").status(401);
            },
            &|| {
                log_in(server.public, "ada@example.com", "a long password").status(200);
            },
        ];
        for change in changes {
            let past = if engine == Engine::Postgres { "2020-01-01" } else { "2020-01-01T00:00:00.000+00:00" };
            database.execute(&format!("UPDATE users SET updated_at = '{past}'"));
            change();
            assert_eq!(database.one("SELECT count(*) FROM users WHERE updated_at > '2026-01-01'"), "1", "{engine:?}");
        }
    }
}
