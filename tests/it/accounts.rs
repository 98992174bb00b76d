//! Accounts through the API on both engines: registration, login and changes.

use serde_json::json;

use crate::support::api::{Request, log_in, me, refresh, register};
use crate::support::database::ENGINES;
use crate::support::program::Server;
use crate::support::{Database, Engine, Program};

/// A service with a key of its own and no limits but those of failed logins.
pub(crate) fn served(database: &Database) -> Server {
    unlimited(database).serve().ready()
}

pub(crate) fn unlimited(database: &Database) -> Program {
    let program = Program::on(database).env("AUTHSVC_ENV", "test");
    program.env("AUTHSVC_RATE_LIMIT", "off").env("AUTHSVC_PASSWORD_RATE_LIMIT", "off")
}

pub(crate) fn events(database: &Database, kind: &str) -> String {
    database.one(&format!("SELECT count(*) FROM auth_events WHERE kind = '{kind}'"))
}

#[test]
fn who_registers_has_a_session_and_can_log_in_again() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = served(&database);
        let session = register(server.public, "ada").status(201).json();
        let user = json!({"id": 1, "email": "ada@example.com", "username": "ada", "avatar": null, "provider": "email", "email_verified": false});
        assert_eq!(session["user"], user);
        assert_eq!((&session["token_type"], &session["expires_in"]), (&"Bearer".into(), &900.into()));
        assert_eq!(session.as_object().unwrap().len(), 5);
        let again = log_in(server.public, "ADA@example.com", "a long password").status(200);
        let (access, _) = again.tokens();
        assert_eq!(me(server.public, &access).status(200).json(), user);
        assert_eq!(log_in(server.public, "ada@example.com", "a long passwore").problem(401), "credentials");
        let stored = database.one("SELECT password_hash FROM users");
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_eq!(database.one("SELECT count(*) FROM refresh_tokens WHERE length(token_hash) = 64"), "2");
        assert_eq!(
            database.one("SELECT count(*) FROM users WHERE last_login IS NOT NULL AND failed_login_count = 1"),
            "1"
        );
        for (kind, count) in [("registered", "1"), ("login_succeeded", "1"), ("login_failed", "1")] {
            assert_eq!(events(&database, kind), count, "{kind}");
        }
        let audit_log = database.one(
            "SELECT ip || ' ' || user_id || ' ' || coalesce(email, '') FROM auth_events WHERE kind = 'login_failed'",
        );
        assert_eq!(audit_log, "127.0.0.1 1 ada@example.com");
        let log = server.stop().success().stderr;
        assert!(!log.contains("a long passwor") && !log.contains(&access), "{log}");
    }
}

#[test]
fn what_cannot_be_used_is_told_field_by_field() {
    let database = Database::migrated(Engine::Sqlite);
    let server = served(&database);
    let fields = |body: serde_json::Value| {
        let refused = Request::post("/auth/register", &body).send(server.public);
        assert_eq!(refused.problem(422), "invalid");
        let errors = refused.json()["errors"].clone();
        errors.as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = fields(json!({"email": "ada", "username": "a b", "password": "short"}));
    assert_eq!(all, ["email", "username", "password"]);
    let long = "x".repeat(129);
    assert_eq!(fields(json!({"email": "ada@example.com", "username": "ada", "password": long})), ["password"]);
    for known in ["ada@EXAMPLE.com", "ada.lovelace"] {
        let body = json!({"email": "ada@example.com", "username": "ada.lovelace", "password": known});
        assert_eq!(fields(body), ["password"]);
    }
    for name in ["ad", "ada\u{0}x", "аdа", &"a".repeat(65)] {
        assert_eq!(
            fields(json!({"email": "ada@example.com", "username": name, "password": "a long password"})),
            ["username"]
        );
    }
    assert_eq!(database.one("SELECT count(*) FROM users"), "0");
}

#[test]
fn what_is_taken_is_told_also_in_a_race() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = served(&database);
        register(server.public, "ada").status(201);
        let other = json!({"email": "ADA@example.com", "username": "other", "password": "a long password"});
        let refused = Request::post("/auth/register", &other).send(server.public);
        assert_eq!(refused.problem(409), "taken");
        assert_eq!(refused.json()["errors"][0]["field"], "email");
        let both = register(server.public, "ada");
        assert_eq!(both.json()["errors"].as_array().unwrap().len(), 2);
        let public = server.public;
        let racers: Vec<_> = (0..6).map(|_| std::thread::spawn(move || register(public, "eve").status)).collect();
        let mut codes: Vec<u16> = racers.into_iter().map(|racer| racer.join().unwrap()).collect();
        codes.sort_unstable();
        assert_eq!(codes, [201, 409, 409, 409, 409, 409], "{engine:?}");
        assert_eq!(database.one("SELECT count(*) FROM users"), "2");
        assert_eq!(database.one("SELECT count(*) FROM refresh_tokens"), "2");
    }
}

#[test]
fn hashes_of_the_earlier_service_and_of_other_parameters_count_and_are_replaced() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let bcrypt = bcrypt::hash("correct horse", 4).unwrap().replacen("$2b$", "$2a$", 1);
        let weak = {
            use argon2::password_hash::{PasswordHasher as _, SaltString};
            let params = argon2::Params::new(8, 1, 1, None).unwrap();
            let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
            argon2
                .hash_password(b"correct horse", &SaltString::from_b64("c2FsdHNhbHRzYWx0").unwrap())
                .unwrap()
                .to_string()
        };
        for (name, hash) in [("old", bcrypt), ("weak", weak)] {
            database.execute(&format!(
                "INSERT INTO users (email, username, password_hash) VALUES ('{name}@example.com', '{name}', '{hash}')"
            ));
        }
        let server = served(&database);
        for name in ["old", "weak"] {
            let email = format!("{name}@example.com");
            let stored = || database.one(&format!("SELECT password_hash FROM users WHERE username = '{name}'"));
            let before = stored();
            log_in(server.public, &email, "wrong horse").status(401);
            assert_eq!(stored(), before, "a wrong password replaces nothing");
            log_in(server.public, &email, "correct horse").status(200);
            let after = stored();
            assert!(after.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{after}");
            log_in(server.public, &email, "correct horse").status(200);
            assert_eq!(stored(), after, "and it is kept");
        }
    }
}

#[test]
fn accounts_that_may_not_log_in_look_as_if_they_were_not_there() {
    for engine in ENGINES {
        let database = crate::backup::seeded(engine);
        let server = served(&database);
        let refused = |email: &str| {
            let answer = log_in(server.public, email, "correct-horse-battery");
            assert_eq!(answer.problem(401), "credentials", "{email}");
            answer.body
        };
        let unknown = refused("nobody@example.com");
        for email in ["edsger@example.com", "deleted@example.com", "hedy@example.com", "no address", ""] {
            assert_eq!(refused(email), unknown, "{email}");
        }
        log_in(server.public, "ada@example.com", "correct-horse-battery").status(200);
        // an account that is switched off loses what it has, at once where the database is asked
        let (access, token) = log_in(server.public, "grace@example.com", "correct-horse-battery").tokens();
        database.execute("UPDATE users SET active = FALSE WHERE username = 'grace'");
        assert_eq!(me(server.public, &access).problem(401), "access_token");
        let with = |method, path: &str| Request::new(method, path).bearer(&access).send(server.public);
        assert_eq!(with("GET", "/api/me/sessions").problem(401), "access_token");
        assert_eq!(with("DELETE", "/api/me/sessions/1").problem(401), "access_token");
        assert_eq!(with("POST", "/auth/verify-email/resend").problem(401), "access_token");
        assert_eq!(refresh(server.public, &token).problem(401), "refresh_token");
    }
}

#[test]
fn a_profile_is_changed_by_its_owner() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = served(&database);
        let (access, _) = register(server.public, "ada").tokens();
        register(server.public, "eve").status(201);
        let change = |body| Request::new("PATCH", "/api/me").bearer(&access).json(&body).send(server.public);
        let changed =
            change(json!({"username": "lovelace", "avatar": "https://example.com/ada.png"})).status(200).json();
        assert_eq!(
            (&changed["username"], &changed["avatar"]),
            (&"lovelace".into(), &"https://example.com/ada.png".into())
        );
        assert_eq!(change(json!({})).status(200).json(), changed, "omitted fields are unchanged");
        assert_eq!(change(json!({"avatar": null})).status(200).json()["avatar"], json!(null));
        assert_eq!(change(json!({"username": "eve"})).problem(409), "taken");
        assert_eq!(change(json!({"username": "!"})).problem(422), "invalid");
        assert_eq!(change(json!({"avatar": "javascript:alert(1)"})).problem(422), "invalid");
        assert_eq!(change(json!({"email": "eve@example.com"})).problem(422), "invalid");
        assert_eq!(me(server.public, &access).json()["username"], "lovelace");
    }
}

#[test]
fn a_new_password_ends_every_other_session() {
    for engine in ENGINES {
        let database = crate::backup::seeded(engine);
        let server = served(&database);
        let login = |password: &str| log_in(server.public, "ada@example.com", password);
        let (_, elsewhere) = login("correct-horse-battery").tokens();
        let (access, here) = login("correct-horse-battery").tokens();
        let change = |current: &str, new: &str| {
            let body = json!({"current_password": current, "new_password": new});
            Request::post("/auth/password/change", &body).bearer(&access).send(server.public)
        };
        assert_eq!(change("wrong", "another long one").problem(403), "current_password");
        assert_eq!(change("correct-horse-battery", "short").problem(422), "invalid");
        change("correct-horse-battery", "another long one").status(204);
        login("correct-horse-battery").status(401);
        login("another long one").status(200);
        refresh(server.public, &elsewhere).status(401);
        refresh(server.public, &here).status(200);
        assert_eq!(events(&database, "password_changed"), "1");
        // an account of a provider has none
        let (hedy, _) = refresh(server.public, "dev-refresh-hedy-1").status(200).tokens();
        let body = json!({"current_password": "", "new_password": "another long one"});
        let refused = Request::post("/auth/password/change", &body).bearer(&hedy).send(server.public);
        assert_eq!(refused.problem(409), "no_password");
    }
}

#[test]
fn an_address_is_verified_by_what_was_sent_to_it() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = Program::on(&database).env("AUTHSVC_ENV", "development").serve().ready();
        let public = server.public;
        let (access, _) = register(public, "grete").tokens();
        let verify = |token: &str| Request::post("/auth/verify-email", &json!({"token": token})).send(public);
        assert_eq!(verify(&access).problem(400), "verification_token", "an access token is not valid there");
        assert_eq!(verify("").problem(400), "verification_token");
        let log = server.stop().success().stderr;
        let token = log.split("token=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        // the key is in the directory of that program; another service does not take its tokens
        let other = served(&database);
        let refused = Request::post("/auth/verify-email", &json!({"token": token})).send(other.public);
        assert_eq!(refused.problem(400), "verification_token");
        assert_eq!(me(other.public, &token).problem(401), "access_token");
    }
}

#[test]
fn a_verified_address_stays_so() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let key = signing_key();
        let serve = || {
            let program = Program::on(&database).env("AUTHSVC_ENV", "development").env("AUTHSVC_JWT_KEY", &key);
            program.env("AUTHSVC_PUBLIC_URL", "https://auth.example.com").serve().ready()
        };
        let first = serve();
        register(first.public, "grete").status(201);
        let (access, _) = log_in(first.public, "grete@example.com", "a long password").tokens();
        Request::new("POST", "/auth/verify-email/resend").bearer(&access).send(first.public).status(204);
        let log = first.stop().success().stderr;
        assert_eq!(log.matches("token=\"").count(), 2);
        let token = log.split("token=\"").nth(2).unwrap().split('"').next().unwrap();
        let second = serve();
        let without = Request::post("/auth/verify-email", &json!({"token": token}));
        let refused = without.send(second.public);
        refused.refused(401, "verification_proof");
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
        without.clone().bearer("none").send(second.public).refused(401, "access_token");
        let verify = || without.clone().bearer(&access).send(second.public);
        verify().status(204);
        verify().status(204);
        let body = |password: &str| json!({"token": token, "password": password});
        Request::post("/auth/verify-email", &body("a long password")).send(second.public).status(204);
        let wrong = Request::post("/auth/verify-email", &body("a wrong password")).send(second.public);
        wrong.refused(403, "current_password");
        assert_eq!(database.one("SELECT count(*) FROM users WHERE username = 'grete' AND email_verified"), "1");
        assert_eq!(events(&database, "email_verified"), "1");
        database.execute("UPDATE users SET email = 'changed@example.com' WHERE username = 'grete'");
        assert_eq!(verify().problem(400), "verification_token", "it was for another address");
    }
}

/// A new key, made with the command of the README.
pub(crate) fn signing_key() -> String {
    let made = std::process::Command::new("openssl").args(["genpkey", "-algorithm", "ed25519"]).output().unwrap();
    String::from_utf8(made.stdout).unwrap()
}
