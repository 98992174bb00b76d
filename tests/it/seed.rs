//! Development data: its content, its idempotent insertion, and the databases that refuse it.

use argon2::{Argon2, PasswordHash, PasswordVerifier};

use crate::support::database::ENGINES;
use crate::support::{Database, Engine, Program};

fn count(database: &Database, what: &str) -> u32 {
    database.one(&format!("SELECT count(*) FROM {what}")).parse().unwrap()
}

#[test]
fn it_holds_every_kind_of_account_and_token() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        Program::on(&database).env("AUTHSVC_ENV", "development").run(&["seed"]).success();
        let now = if engine == Engine::Postgres { "now()" } else { "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')" };
        let ago = |days: u32| match engine {
            Engine::Postgres => format!("now() - interval '{days} days'"),
            Engine::Sqlite => format!("strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '-{days} days')"),
        };
        for (what, least) in [
            ("users WHERE active AND email_verified AND deleted_at IS NULL".to_owned(), 5),
            ("users WHERE NOT email_verified".to_owned(), 2),
            ("users WHERE NOT active AND deleted_at IS NULL".to_owned(), 1),
            ("users WHERE provider = 'google'".to_owned(), 2),
            ("users WHERE provider = 'github'".to_owned(), 2),
            (format!("users WHERE last_login > {}", ago(1)), 3),
            (format!("users WHERE last_login < {} AND last_login > {}", ago(1), ago(8)), 3),
            (format!("users WHERE last_login < {} AND last_login > {}", ago(29), ago(31)), 2),
            ("users WHERE last_login IS NULL".to_owned(), 2),
            ("users WHERE avatar_url IS NULL".to_owned(), 5),
            ("users WHERE deleted_at IS NOT NULL".to_owned(), 1),
            (format!("users WHERE locked_until > {now}"), 1),
            (format!("oauth_providers WHERE expires_at > {now}"), 3),
            (format!("oauth_providers WHERE expires_at < {now}"), 1),
            (format!("refresh_tokens WHERE expires_at > {now} AND NOT revoked"), 4),
            (format!("refresh_tokens WHERE expires_at < {now}"), 2),
            ("refresh_tokens WHERE revoked AND revoked_at IS NOT NULL".to_owned(), 2),
        ] {
            assert!(count(&database, &what) >= least, "{engine:?}: {what}");
        }
    }
}

#[test]
fn the_documented_password_logs_in() {
    let readme = include_str!("../../README.md");
    let database = Database::migrated(Engine::Sqlite);
    Program::on(&database).env("AUTHSVC_ENV", "development").run(&["seed"]).success();
    let hashes = database.query("SELECT password_hash FROM users WHERE provider = 'email'");
    assert!(hashes.len() >= 8);
    let password = "correct-horse-battery";
    assert!(readme.contains(password));
    for hash in hashes {
        Argon2::default().verify_password(password.as_bytes(), &PasswordHash::new(&hash).unwrap()).unwrap();
    }
}

#[test]
fn twice_changes_nothing_and_a_developers_rows_are_left_alone() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        database.execute("INSERT INTO users (email, username, password_hash) VALUES ('Ada@Example.com', 'mine', 'x')");
        let program = Program::on(&database).env("AUTHSVC_ENV", "development");
        program.run(&["seed"]).success();
        database.execute("UPDATE users SET active = FALSE WHERE username = 'barbara'");
        let everything = || {
            ["users", "oauth_providers", "refresh_tokens"]
                .map(|table| database.query(&format!("SELECT * FROM {table} ORDER BY id")))
        };
        let before = everything();
        let report = program.run(&["seed", "--json"]).success().json();
        assert_eq!(report["users"], 0);
        assert_eq!(everything(), before);
        assert_eq!(
            database.one("SELECT username || ' ' || password_hash FROM users WHERE lower(email) = 'ada@example.com'"),
            "mine x"
        );
    }
}

#[test]
fn a_database_with_other_accounts_gets_none_of_it() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let program = || Program::on(&database).env("AUTHSVC_ENV", "development");
        program().run(&["seed"]).success();
        let seeded = count(&database, "users");
        database.execute("DELETE FROM users WHERE username <> 'ada'");
        // soft-deleted is an account as well
        database.execute(
            "INSERT INTO users (email, username, password_hash, deleted_at) VALUES ('me@example.org', 'me', 'x', created_at_now)"
                .replace("created_at_now", if engine == Engine::Postgres { "now()" } else { "'2026-01-01T00:00:00.000+00:00'" })
                .as_str(),
        );
        let error = program().run(&["seed"]).code(2).error();
        assert!(error.contains("holds 1 accounts") && error.contains("seed an empty database"), "{error}");
        program().serve().ready().stop().success();
        assert_eq!((count(&database, "users"), seeded > 2), (2, true));
    }
}

#[test]
fn with_a_server_only_our_own_variable_makes_it_development() {
    let database = Database::migrated(Engine::Postgres);
    for name in ["APP_ENV", "GO_ENV"] {
        let program = || Program::on(&database).env(name, "development");
        let outcome = program().run(&["seed"]).code(2);
        assert!(
            outcome.stderr.contains(&format!("{name} is ignored with a PostgreSQL database")),
            "{}",
            outcome.stderr
        );
        program().serve().ready().stop().success();
    }
    assert_eq!(count(&database, "users"), 0);
}

#[test]
fn production_and_staging_refuse_it_with_2() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let program = Program::on(&database);
        let error = program.run(&["seed"]).code(2).error();
        assert!(error.contains("the environment is production"), "{error}");
        for environment in ["staging", "production"] {
            Program::on(&database).env("AUTHSVC_ENV", environment).run(&["seed"]).code(2);
            Program::on(&database).env("AUTHSVC_ENV", environment).serve().ready().stop().success();
        }
        assert_eq!(count(&database, "users"), 0);
    }
}

#[test]
fn a_schema_that_is_not_up_to_date_is_refused() {
    for engine in ENGINES {
        let database = Database::empty(engine);
        let error = Program::on(&database).env("AUTHSVC_ENV", "test").run(&["seed"]).code(2).error();
        assert!(error.contains("authsvc migrate"), "{error}");
    }
}
