//! Stored password hashes that are too costly or invalid: at login, in health, in a restore, in an adoption.

use std::time::{Duration, Instant};

use crate::accounts::{events, served};
use crate::support::api::{log_in, register};
use crate::support::database::ENGINES;
use crate::support::program::get;
use crate::support::{Database, Engine, Program};

/// Each kind of hash that is not checked; whether it is so because of its cost.
const UNUSABLE: [(&str, bool); 8] = [
    ("$2b$31$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234", true),
    ("$2a$16$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234", true),
    ("$argon2id$v=19$m=1048576,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$rDNm1FQJ8TLrNuwPCbOZ7zHIhDtv2cWMgjMYYrzTcUk", true),
    ("$argon2i$v=19$m=64,t=1000000,p=1$c29tZXNhbHRzb21lc2FsdA$rDNm1FQJ8TLrNuwPCbOZ7zHIhDtv2cWMgjMYYrzTcUk", true),
    ("$argon2d$v=19$m=19456,t=2,p=255$c29tZXNhbHRzb21lc2FsdA$rDNm1FQJ8TLrNuwPCbOZ7zHIhDtv2cWMgjMYYrzTcUk", true),
    ("$pbkdf2-sha256$i=100000000$c29tZXNhbHRzb21lc2FsdA$rDNm1FQJ8TLrNuwPCbOZ7zHIhDtv2cWMgjMYYrzTcUk", false),
    ("$argon2id$v=19$m=19456,t=2", false),
    ("a long password", false),
];

fn set(database: &Database, stored: &str) {
    database.execute(&format!("UPDATE users SET password_hash = '{stored}' WHERE username = 'victim'"));
}

#[test]
fn an_account_with_one_answers_as_a_wrong_password_and_blocks_nobody() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = served(&database);
        register(server.public, "ada").status(201);
        register(server.public, "victim").status(201);
        for (stored, _) in UNUSABLE {
            set(&database, stored);
            let begin = Instant::now();
            assert_eq!(log_in(server.public, "victim@example.com", "a long password").problem(401), "credentials");
            log_in(server.public, "ada@example.com", "a long password").status(200);
            assert!(begin.elapsed() < Duration::from_secs(5), "{stored}: {:?}", begin.elapsed());
            database
                .execute("UPDATE users SET failed_login_count = 0, locked_until = NULL; DELETE FROM login_throttles");
        }
        assert_eq!(events(&database, "login_failed"), UNUSABLE.len().to_string());
        let (_, metrics) = get(server.admin, "/metrics").unwrap();
        assert!(metrics.contains(&format!("authsvc_password_hashes_refused_total {}", UNUSABLE.len())), "{metrics}");
        let (status, report) = get(server.admin, "/health/detailed").unwrap();
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        let check = |name: &str| {
            report["checks"].as_array().unwrap().iter().find(|check| check["name"] == name).unwrap()["status"].clone()
        };
        assert_eq!(
            (status, check("password_hashes"), check("password_hashing")),
            (200, "degraded".into(), "healthy".into())
        );
        assert_eq!(get(server.public, "/readyz").unwrap().0, 200);
        let log = server.stop().success().stderr;
        let lines: Vec<&str> =
            log.lines().filter(|line| line.contains("password hash of an account is not checked")).collect();
        assert_eq!(lines.len(), 1, "one line for one account");
        assert!(lines[0].contains("user_id=2") && !lines[0].contains("$2b$"), "{lines:?}");
    }
}

#[test]
fn a_restore_refuses_costly_ones_by_their_rows_and_writes_nothing() {
    for (engine, target) in
        [(Engine::Postgres, Engine::Postgres), (Engine::Sqlite, Engine::Sqlite), (Engine::Sqlite, Engine::Postgres)]
    {
        let source = Database::migrated(engine);
        let server = served(&source);
        register(server.public, "ada").status(201);
        register(server.public, "victim").status(201);
        server.stop().success();
        for (stored, is_costly) in UNUSABLE {
            set(&source, stored);
            let program = Program::on(&source);
            let file = program.directory().join("taken.sql");
            program.run(&["backup", "--output", file.to_str().unwrap()]).success();
            let database = Database::migrated(target);
            let outcome = Program::on(&database).run(&["restore", file.to_str().unwrap(), "--yes"]);
            if !is_costly {
                outcome.success();
                assert_eq!(database.one("SELECT password_hash FROM users WHERE id = 2"), stored);
                continue;
            }
            let error = outcome.code(3).error();
            assert!(error.contains("1 rows of `users`") && error.contains("id 2 ("), "{error}");
            assert!(!error.contains("c29tZXNhbHRz") && !error.contains("abcdefghij"), "no hash is shown: {error}");
            assert_eq!(database.one("SELECT count(*) FROM users"), "0");
        }
    }
}

#[test]
fn an_adoption_reports_costly_ones() {
    let database = crate::adoption::earlier();
    database.execute("UPDATE users SET password_hash = '$2b$31$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234' WHERE id = (SELECT min(id) FROM users)");
    let outcome = Program::on(&database).run(&["migrate", "--adopt", "--json"]).success();
    let reported = outcome.json()["costly_hashes"].clone();
    assert_eq!(reported.as_array().unwrap().len(), 1, "{reported}");
    assert!(reported[0].as_str().unwrap().contains("bcrypt with cost 31"), "{reported}");
    assert!(outcome.stderr.contains("costs more than a login may take"), "{}", outcome.stderr);
}
