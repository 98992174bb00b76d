//! Usernames are unique without regard to case, and the engine enforces it. Accounts that shared one before keep it.

use serde_json::json;

use crate::accounts::served;
use crate::backup::backup;
use crate::support::api::{Answer, Request, log_in as enter};
use crate::support::database::ENGINES;
use crate::support::logins::{ADA, Person, google, log_in, program};
use crate::support::program::Server;
use crate::support::visitor::Visitor;
use crate::support::{Database, Engine, Program};

fn register(server: &Server, address: &str, name: &str) -> Answer {
    let body = json!({"email": format!("{address}@example.com"), "username": name, "password": "a long password"});
    Request::post("/auth/register", &body).send(server.public)
}

fn rename(server: &Server, access: &str, name: &str) -> Answer {
    Request::new("PATCH", "/api/me").bearer(access).json(&json!({"username": name})).send(server.public)
}

#[test]
fn a_name_is_unique_without_regard_to_case() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = served(&database);
        let (access, _) = register(&server, "a", "Ada.Lovelace").status(201).tokens();
        for (number, name) in ["ada.lovelace", "ADA.LOVELACE", "Ada.Lovelace", " aDA.lOVELACE "].into_iter().enumerate()
        {
            let refused = register(&server, &format!("b{number}"), name);
            refused.refused(409, "taken");
            assert_eq!(refused.json()["errors"], json!([{"field": "username", "message": "is already taken"}]));
        }
        let (other, _) = register(&server, "c", "ada_lovelace").status(201).tokens();
        rename(&server, &other, "ADA.lovelace").refused(409, "taken");
        // the case of one's own can be changed
        assert_eq!(rename(&server, &access, "ADA.lovelace").status(200).json()["username"], "ADA.lovelace");
        // what no request can get past either, nor a replica that knows nothing of it
        let insert = "INSERT INTO users (email, username, password_hash) VALUES ('d@example.com', 'ada.LOVELACE', 'x')";
        let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| database.execute(insert)));
        assert!(refused.is_err(), "{engine:?}");
        assert_eq!(database.one("SELECT count(*) FROM users"), "2");
    }
}

#[test]
fn of_names_that_differ_in_case_one_is_registered_in_a_race() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = &served(&database);
        for round in 0..5 {
            let mut codes: Vec<u16> = std::thread::scope(|scope| {
                let racer = |number: usize| {
                    let name: String = format!("countess{round}")
                        .char_indices()
                        .map(|(at, sign)| if at == number { sign.to_ascii_uppercase() } else { sign })
                        .collect();
                    scope.spawn(move || register(server, &format!("a{round}{number}"), &name).status)
                };
                let racers: Vec<_> = (0..6).map(racer).collect();
                racers.into_iter().map(|racer| racer.join().unwrap()).collect()
            });
            codes.sort_unstable();
            assert_eq!(codes, [201, 409, 409, 409, 409, 409], "{engine:?}");
        }
    }
}

#[test]
fn a_provider_gives_a_name_that_no_other_account_has_in_any_case() {
    let (database, double) = (Database::migrated(Engine::Sqlite), google());
    let server = program(&database, &double).serve().ready();
    register(&server, "eve", "ADA.lovelace").status(201);
    let other = Person { id: 2, email: "other@example.com", ..ADA };
    for person in [ADA, other] {
        let user = log_in(&double, &mut Visitor::of(server.public), person).status(200).json()["user"].clone();
        assert!(user["username"].as_str().unwrap().starts_with("Ada.Lovelace-"), "{user}");
    }
    server.stop().success();
}

/// Accounts of earlier versions, of which three share a name and two another one.
fn shared(engine: Engine) -> Database {
    let database = Database::empty(engine);
    Program::on(&database).run(&["migrate", "--to", "017"]).success();
    let hash = bcrypt::hash("a long password", 4).unwrap();
    let (later, earlier) = ("'2026-02-01T00:00:00.000+00:00'", "'2026-01-01T00:00:00.000+00:00'");
    database.execute(&format!(
        "INSERT INTO users (email, username, password_hash, last_login, active) VALUES
            ('a@example.com', 'Ada', '{hash}', {earlier}, TRUE), ('b@example.com', 'ADA', '{hash}', {later}, TRUE),
            ('c@example.com', 'ada', '{hash}', NULL, TRUE), ('d@example.com', '\u{c4}RGER', '{hash}', NULL, FALSE),
            ('e@example.com', '\u{c4}rger', '{hash}', NULL, TRUE), ('f@example.com', 'alone', '{hash}', NULL, TRUE)"
    ));
    database
}

const MARKED: &str = "SELECT email FROM users WHERE username_shared ORDER BY id";

#[test]
fn accounts_that_share_a_name_keep_it_and_no_other_account_gets_it() {
    for engine in ENGINES {
        let database = shared(engine);
        let program = Program::on(&database);
        program.run(&["migrate"]).success();
        // the one that logged in last is in the index
        assert_eq!(database.query(MARKED), ["a@example.com", "c@example.com", "d@example.com"], "{engine:?}");
        program.run(&["status", "--check"]).success();
        let server = served(&database);
        let tokens = |address: &str| enter(server.public, address, "a long password").status(200).tokens().0;
        let (a, b) = (tokens("a@example.com"), tokens("b@example.com"));
        register(&server, "new", "aDa").refused(409, "taken");
        // its own name can be sent again, and an own case chosen if it is free as it is written
        assert_eq!(rename(&server, &a, "Ada").status(200).json()["username"], "Ada");
        rename(&server, &a, "ADA").refused(409, "taken");
        rename(&server, &a, "aDA").status(200);
        // the one in the index leaves; the others are still found
        rename(&server, &b, "lovelace").status(200);
        register(&server, "new", "aDa").refused(409, "taken");
        rename(&server, &b, "Ada").refused(409, "taken");
        rename(&server, &a, "countess").status(200);
        assert_eq!(database.query(MARKED), ["c@example.com", "d@example.com"]);
        rename(&server, &tokens("c@example.com"), "another").status(200);
        register(&server, "new", "aDa").status(201);
        backup(&program, &[]);
        server.stop().success();
        program.run(&["rollback", "--to", "017", "--yes", "--no-safety-backup"]).success();
        program.run(&["migrate"]).success();
        assert_eq!(database.query(MARKED), ["d@example.com"], "{engine:?}");
    }
}

#[test]
fn a_backup_keeps_which_names_are_shared_and_which_accounts_are_provisional() {
    for engine in ENGINES {
        let database = shared(engine);
        let program = Program::on(&database);
        program.run(&["migrate"]).success();
        let server = served(&database);
        register(&server, "new", "new").status(201);
        server.stop().success();
        let state = "SELECT email || ' ' || username || ' ' || coalesce(provisional_uses, 0) FROM users WHERE username_shared OR provisional_used_at IS NOT NULL ORDER BY id";
        let before = database.query(state);
        assert_eq!(before.len(), 4, "{before:?}");
        let file = backup(&program, &[]);
        for restored in ENGINES.map(Database::empty) {
            Program::on(&restored).run(&["restore", file.to_str().unwrap(), "--yes"]).success();
            assert_eq!(restored.query(state), before, "{engine:?}");
        }
    }
}
