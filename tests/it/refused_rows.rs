//! A restore names each row that it refuses: table, line of the file or primary key, column, constraint, and reason.

use std::path::Path;

use crate::backup::{backup, seeded, shell};
use crate::support::database::ENGINES;
use crate::support::{Cluster, Database, Engine, Program};

/// A statement that breaks a row, with parts of the error that a restore then gives.
type Case<'a> = (&'a str, &'a [&'a str]);

fn restored_into(engine: Engine, file: &Path, expected: &[&str], case: &str) {
    let target = Database::migrated(engine);
    let outcome = Program::on(&target).run(&["restore", "--yes", file.to_str().unwrap()]);
    let error = outcome.stderr.clone();
    assert!(matches!(outcome.code, Some(1 | 3)), "{engine:?}, {case}: {error}");
    for part in expected {
        assert!(error.contains(part), "{engine:?}, {case}: `{part}` is not in {error}");
    }
    assert!(!error.contains("argon2id"), "a hash: {error}");
    assert_eq!(target.one("SELECT count(*) FROM users"), "0");
}

/// The line of a file that has this text.
fn line_of(file: &Path, text: &str) -> String {
    let found = std::fs::read_to_string(file).unwrap();
    let line = found.lines().position(|line| line.contains(text)).unwrap() + 1;
    format!("line {line}")
}

#[test]
fn what_postgresql_refuses_is_named_whichever_engine_takes_it() {
    let cases: [Case; 7] = [
        (
            "ALTER TABLE users DROP CONSTRAINT chk_users_locked_until_range; UPDATE users SET locked_until = 'infinity' WHERE username = 'grace'",
            &["`users`", "column `locked_until`", "LINE grace@"],
        ),
        (
            "ALTER TABLE users DROP CONSTRAINT chk_users_email_format; UPDATE users SET email = 'nothing' WHERE username = 'grace'",
            &["`users`", "column `email`", "constraint `chk_users_email_format`", "LINE nothing"],
        ),
        (
            "ALTER TABLE users ALTER username DROP NOT NULL; UPDATE users SET username = NULL WHERE username = 'grace'",
            &["`users`", "column `username`", "LINE grace@"],
        ),
        (
            "ALTER TABLE users ALTER failed_login_count TYPE BIGINT; ALTER TABLE users DROP CONSTRAINT IF EXISTS chk_users_failed_login_count;
             UPDATE users SET failed_login_count = 99999999999 WHERE username = 'grace'",
            &["`users`", "column `failed_login_count`", "LINE grace@"],
        ),
        (
            "ALTER TABLE users ALTER active DROP DEFAULT, ALTER active TYPE TEXT; UPDATE users SET active = 'perhaps' WHERE username = 'grace'",
            &["`users`", "column `active`", "perhaps", "LINE grace@"],
        ),
        (
            "ALTER TABLE users DROP CONSTRAINT users_username_key; DROP INDEX users_username_folded_key; UPDATE users SET username = 'ada' WHERE username = 'grace'",
            &["`users`", "column `username`"],
        ),
        (
            "ALTER TABLE refresh_tokens DROP CONSTRAINT refresh_tokens_user_id_fkey; UPDATE refresh_tokens SET user_id = 4711 WHERE id = 1",
            &["`refresh_tokens`", "column `user_id`", "row with `id` 1"],
        ),
    ];
    for (change, expected) in cases {
        let source = seeded(Engine::Postgres);
        source.execute(change);
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("dump.sql");
        let (host, port) = (Cluster::shared().socket().display(), Cluster::shared().port);
        shell(&format!("pg_dump -h {host} -p {port} -U postgres -f {} {}", file.display(), source.name()));
        for engine in ENGINES {
            let line = |text: &&str| {
                text.strip_prefix("LINE ").map_or_else(|| (*text).to_owned(), |text| line_of(&file, text))
            };
            let expected: Vec<String> = expected.iter().map(line).collect();
            restored_into(engine, &file, &expected.iter().map(String::as_str).collect::<Vec<_>>(), change);
        }
    }
}

#[test]
fn keys_that_are_built_later_name_the_rows() {
    for (change, expected) in [
        (
            "DROP INDEX users_email_folded_key; UPDATE users SET email = 'ADA@example.com' WHERE username = 'grace'",
            [
                "`users`",
                "row with `id` 1 and ",
                "column `lower(email::text COLLATE \"C\")`",
                "constraint `users_email_folded_key`",
            ],
        ),
        (
            "ALTER TABLE refresh_tokens DROP CONSTRAINT refresh_tokens_token_hash_key;
             UPDATE refresh_tokens SET token_hash = (SELECT token_hash FROM refresh_tokens WHERE id = 1) WHERE id = 2",
            [
                "`refresh_tokens`",
                "row with `id` 1 and 2",
                "column `token_hash`",
                "constraint `refresh_tokens_token_hash_key`",
            ],
        ),
        (
            "ALTER TABLE oauth_providers DROP CONSTRAINT oauth_providers_user_id_fkey; UPDATE oauth_providers SET user_id = 4711 WHERE id = 1",
            ["`oauth_providers`", "row with `id` 1", "column `user_id`", "constraint `oauth_providers_user_id_fkey`"],
        ),
    ] {
        let source = seeded(Engine::Postgres);
        source.execute(change);
        let program = Program::on(&source);
        restored_into(Engine::Postgres, &backup(&program, &[]), &expected, change);
    }
}

#[test]
fn what_sqlite_refuses_is_named() {
    let cases: [Case; 4] = [
        (
            "PRAGMA ignore_check_constraints = ON; UPDATE users SET email = 'nothing' WHERE username = 'grace'",
            &["`users`", "column `email`", "constraint `chk_users_email_format`", "LINE nothing"],
        ),
        (
            "PRAGMA ignore_check_constraints = ON; UPDATE users SET active = 7 WHERE username = 'grace'",
            &["`users`", "column `active`", "LINE grace@"],
        ),
        (
            "PRAGMA ignore_check_constraints = ON; UPDATE users SET locked_until = 'never' WHERE username = 'grace'",
            &["`users`", "column `locked_until`", "LINE grace@"],
        ),
        (
            "PRAGMA foreign_keys = OFF; UPDATE refresh_tokens SET user_id = 4711 WHERE id = 1",
            &["`refresh_tokens`", "column `user_id`", "row with `id` 1"],
        ),
    ];
    for (change, expected) in cases {
        let source = seeded(Engine::Sqlite);
        source.execute(change);
        let program = Program::on(&source);
        let file = backup(&program, &["--no-compress"]);
        for engine in ENGINES {
            let line = |text: &&str| {
                text.strip_prefix("LINE ").map_or_else(|| (*text).to_owned(), |text| line_of(&file, text))
            };
            let expected: Vec<String> = expected
                .iter()
                // a boolean of PostgreSQL takes any number
                .filter(|part| engine == Engine::Sqlite || !part.starts_with("constraint"))
                .map(line)
                .collect();
            if engine == Engine::Postgres && change.contains("active") {
                continue;
            }
            restored_into(engine, &file, &expected.iter().map(String::as_str).collect::<Vec<_>>(), change);
        }
    }
}

#[test]
fn the_line_is_right_in_a_large_file() {
    let source = Database::migrated(Engine::Postgres);
    source.execute(
        "ALTER TABLE auth_events DROP CONSTRAINT chk_auth_events_kind;
         INSERT INTO auth_events (kind, detail) SELECT 'logout', repeat('x', 300) || g FROM generate_series(1, 20000) g;
         UPDATE auth_events SET kind = 'wrong' WHERE detail LIKE '%x17000'",
    );
    let program = Program::on(&source);
    let file = backup(&program, &["--no-compress"]);
    let line = line_of(&file, "x17000");
    let expected = ["`auth_events`", "column `kind`", "constraint `chk_auth_events_kind`", &format!("{line} of")];
    restored_into(Engine::Postgres, &file, &expected, "large");
    restored_into(Engine::Sqlite, &file, &expected, "large");
}
