//! The account that a login with a provider uses: the linked one, the one whose address the provider has verified, or a
//! new one.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::database::ENGINES;
use crate::support::logins::{ADA, Person, consent, google, knows_at_github, log_in, program, register};
use crate::support::visitor::Visitor;
use crate::support::{Database, Engine};

const FAILED: &str = "SELECT coalesce(user_id, 0) || ' ' || coalesce(email, '-') || ' ' || detail FROM auth_events \
                      WHERE kind = 'oauth_login_failed' ORDER BY id";

#[test]
fn oauth_account_with_a_password_is_linked_and_is_one_of_the_provider_then() {
    for engine in ENGINES {
        let (database, double) = (Database::migrated(engine), google());
        let server = program(&database, &double).serve().ready();
        let mut visitor = Visitor::of(server.public);
        let made = register(&mut visitor, "ada@EXAMPLE.com");
        // another person may have registered it: `prehijacking.rs`
        let entered = log_in(&double, &mut visitor, ADA).status(200).json();
        let expected = json!({"id": made["user"]["id"], "email": "ada@EXAMPLE.com", "username": "countess",
                "avatar": "https://example.com/ada.png", "provider": "google", "email_verified": true});
        assert_eq!(entered["user"], expected, "{engine:?}");
        let kinds = "SELECT kind || ' ' || coalesce(split, '-') FROM (SELECT id, kind, substr(detail, 1, 14) AS split FROM auth_events) e ORDER BY id";
        assert_eq!(
            database.query(kinds),
            ["registered -", "email_verified google", "oauth_linked google; the ad", "login_succeeded through google"]
        );
        // a second provider
        knows_at_github(&double, ADA);
        let begun = visitor.get("/auth/oauth/state/github").status(200).json();
        let given = json!({"code": "cAn4ry", "state": begun["state"]});
        assert_eq!(visitor.post("/auth/oauth/github", &given).status(200).json()["user"], expected);
        let password = json!({"email": "ada@example.com", "password": "correct horse battery"});
        visitor.post("/auth/login", &password).refused(401, "credentials");
        assert_eq!(database.one("SELECT count(*) || ' ' || count(DISTINCT user_id) FROM oauth_providers"), "2 1");
        assert_eq!(database.query(FAILED), [""; 0]);
        server.stop().success();
    }
}

#[test]
fn oauth_account_needs_an_address_that_the_provider_vouches_for() {
    let (database, double) = (Database::migrated(Engine::Sqlite), google());
    let server = program(&database, &double).serve().ready();
    let mut visitor = Visitor::of(server.public);
    register(&mut visitor, "ada@example.com");
    database.execute("UPDATE users SET email_verified = TRUE");
    for email in ["ada@example.com", "new@example.com"] {
        let person = Person { is_verified: false, email, ..ADA };
        log_in(&double, &mut visitor, person).refused(403, "no_verified_email");
    }
    assert_eq!(database.one("SELECT count(*) FROM users"), "1");
    assert_eq!(database.one("SELECT count(*) FROM oauth_providers"), "0");
    // with a link the address does not matter
    log_in(&double, &mut visitor, ADA).status(200);
    log_in(&double, &mut visitor, Person { is_verified: false, ..ADA }).status(200);
    let why = "google: the account at Google has no verified e-mail address";
    assert_eq!(database.query(FAILED), [format!("0 ada@example.com {why}"), format!("0 new@example.com {why}")]);
    server.stop().success();
}

#[test]
fn oauth_account_that_cannot_be_used() {
    for engine in ENGINES {
        let (database, double) = (Database::migrated(engine), google());
        let server = program(&database, &double).serve().ready();
        let mut visitor = Visitor::of(server.public);
        let id = log_in(&double, &mut visitor, ADA).status(200).json()["user"]["id"].clone();
        let off = ["active = FALSE", "active = TRUE, deleted_at = updated_at"];
        for change in off {
            database.execute(&format!("UPDATE users SET {change}"));
            log_in(&double, &mut visitor, ADA).refused(403, "inactive");
            log_in(&double, &mut visitor, Person { email: "free@example.com", ..ADA }).refused(403, "inactive");
        }
        // without the link, by its own columns; and by its address
        database.execute("DELETE FROM oauth_providers");
        log_in(&double, &mut visitor, ADA).refused(403, "inactive");
        log_in(&double, &mut visitor, Person { id: 2, ..ADA }).refused(403, "inactive");
        let refused = format!("{id} Ada@example.com google: the account is inactive or deleted");
        assert_eq!(database.query(FAILED).iter().filter(|event| **event == refused).count(), 4, "{engine:?}");
        assert_eq!(database.one("SELECT count(*) FROM refresh_tokens"), "1");
        database.execute("UPDATE users SET deleted_at = NULL");
        log_in(&double, &mut visitor, ADA).status(200);
        server.stop().success();
    }
}

#[test]
fn oauth_account_of_the_earlier_service_gets_its_link() {
    for engine in ENGINES {
        let (database, double) = (Database::migrated(engine), google());
        let insert = "INSERT INTO users (email, username, password_hash, provider, provider_id) VALUES";
        database.execute(&format!("{insert} ('old@example.com', 'old', '', 'google', '1077')"));
        database.execute(&format!("{insert} ('other@example.com', 'other', '', 'github', '1077')"));
        let server = program(&database, &double).serve().ready();
        let mut visitor = Visitor::of(server.public);
        for _ in 0..2 {
            let entered = log_in(&double, &mut visitor, ADA).status(200).json();
            assert_eq!(entered["user"]["username"], "old", "{engine:?}");
        }
        let links = "SELECT username || ' ' || o.provider || ' ' || o.provider_id FROM oauth_providers o JOIN users u ON u.id = o.user_id";
        assert_eq!(database.query(links), ["old google 1077"]);
        let kinds = database.query("SELECT kind FROM auth_events ORDER BY id");
        assert_eq!(kinds, ["oauth_linked", "login_succeeded", "login_succeeded"]);
        server.stop().success();
    }
}

#[test]
fn oauth_accounts_made_at_once() {
    const EMAILS: [&str; 6] =
        ["a@example.com", "b@example.com", "c@example.com", "a@example.com", "b@example.com", "c@example.com"];
    for engine in ENGINES {
        let (database, double) = (Database::migrated(engine), google());
        let server = program(&database, &double).serve().ready();
        let mut logins = Vec::new();
        // three people of one name, each in two browsers
        for (number, email) in (0..).zip(EMAILS) {
            let mut visitor = Visitor::of(server.public);
            let begun = visitor.get("/auth/oauth/google").status(303);
            let person = Person { id: number % 3, email, ..ADA };
            logins.push((visitor, consent(&double, begun.header("location").unwrap(), person)));
        }
        let users: Vec<Value> = std::thread::scope(|scope| {
            let threads = logins.iter_mut().map(|(visitor, consented)| {
                scope.spawn(|| visitor.get(&consented.callback("google")).status(200).json()["user"].clone())
            });
            let threads: Vec<_> = threads.collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for (one, other) in users.iter().zip(&users[3..]) {
            assert_eq!(one["id"], other["id"], "{engine:?}");
        }
        let names: BTreeSet<&str> = users.iter().map(|user| user["username"].as_str().unwrap()).collect();
        assert_eq!(names.len(), 3, "{names:?}");
        assert!(names.contains("Ada.Lovelace") && names.iter().all(|name| name.starts_with("Ada.Lovelace")));
        assert_eq!(database.one("SELECT count(*) FROM oauth_providers"), "3");
        server.stop().success();
    }
}

#[test]
fn oauth_account_gets_a_name_that_people_can_type() {
    let (database, double) = (Database::migrated(Engine::Sqlite), google());
    let server = program(&database, &double).serve().ready();
    let long = "x".repeat(255);
    for (id, name, email, expected) in [
        (1, "  Ada   King-Noel ", "a@example.com", "Ada.King-Noel"),
        (2, "Ада Лавлейс", "countess+ada@example.com", "countessada"),
        (3, "李", "li@example.com", "user"),
        (4, "<b>..</b>", "b@example.com", "b..b"),
        (5, long.leak() as &str, "c@example.com", &"x".repeat(57)),
    ] {
        let person = Person { id, name, email, is_verified: true };
        let user = log_in(&double, &mut Visitor::of(server.public), person).status(200).json();
        assert_eq!(user["user"]["username"], expected);
    }
    server.stop().success();
}
