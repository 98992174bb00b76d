//! Texts that an engine cannot store: a NUL, and on SQLite non-UTF-8 bytes and blobs in text columns.

use serde_json::json;

use crate::backup::{backup, rows, shell};
use crate::support::api::{Request, register};
use crate::support::database::ENGINES;
use crate::support::{Database, Engine, Program};

#[test]
fn what_a_sqlite_file_holds_already_is_backed_up_and_comes_back() {
    let database = Database::migrated(Engine::Sqlite);
    database.execute(
        "INSERT INTO auth_events (kind, detail) VALUES ('logout', 'a' || char(0) || 'b''' || char(10) || char(0)), \
         ('logout', CAST(X'61FF62' AS TEXT)), ('logout', X'00FF'), ('logout', char(0))",
    );
    let texts = |database: &Database| {
        database.query("SELECT typeof(detail), hex(CAST(detail AS BLOB)) FROM auth_events ORDER BY id")
    };
    let before = texts(&database);
    assert_eq!(before.len(), 4);
    let program = Program::on(&database);
    for options in [&[][..], &["--no-compress"]] {
        let file = backup(&program, options);
        program.run(&["verify-backup", "--restore", file.to_str().unwrap()]).success();
        let target = Database::empty(Engine::Sqlite);
        Program::on(&target).run(&["restore", "--yes", file.to_str().unwrap()]).success();
        assert_eq!(texts(&target), before);
        // and without this program
        let other = Database::empty(Engine::Sqlite);
        let text = if options.is_empty() { "gunzip -c" } else { "cat" };
        shell(&format!("rm -f {1}; {text} {0} | sqlite3 -bail {1}", file.display(), other.path().display()));
        assert_eq!(texts(&other), before);
        // PostgreSQL has no such text: refused by name, nothing changed
        let postgres = Database::migrated(Engine::Postgres);
        let unchanged = rows(&postgres);
        let error = Program::on(&postgres).run(&["restore", "--yes", file.to_str().unwrap()]).error();
        assert!(error.contains("a row of `auth_events`") && error.contains("NUL"), "{error}");
        // that it failed is recorded
        assert_eq!(rows(&postgres)[..6], unchanged[..6]);
    }
}

#[test]
fn no_request_with_a_nul_is_an_error_of_the_server_nor_reaches_a_column() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = Program::on(&database).env("AUTHSVC_ENV", "test").serve().ready();
        let (access, refresh) = register(server.public, "ada").status(201).tokens();
        let nul = "a\u{0}b";
        let email = "a\u{0}b@example.com";
        let password = "Correct horse battery 9";
        for (path, body) in [
            ("/auth/register", json!({"email": email, "username": "bob", "password": password})),
            ("/auth/register", json!({"email": "bob@example.com", "username": nul, "password": password})),
            ("/auth/login", json!({"email": email, "password": password})),
            ("/auth/login", json!({"email": "ada@example.com", "password": nul})),
            ("/auth/refresh", json!({"refresh_token": nul})),
            ("/auth/logout", json!({"refresh_token": nul})),
        ] {
            let answer = Request::post(path, &body).send(server.public);
            assert!(answer.status < 500, "{engine:?} {path} {body}: {}", answer.status);
        }
        for body in [json!({"username": nul}), json!({"avatar": "https://example.com/a\u{0}.png"})] {
            let answer = Request::new("PATCH", "/api/me").bearer(&access).json(&body).send(server.public);
            assert_eq!(answer.status, 422, "{engine:?} {body}");
        }
        Request::post("/auth/refresh", &json!({"refresh_token": refresh})).send(server.public).status(200);
        server.stop().success();
        for rows in rows(&database) {
            assert!(rows.iter().all(|row| !row.contains('\0')), "{rows:?}");
        }
        backup(&Program::on(&database), &[]);
    }
}
