//! Sessions through the API: single-use refresh tokens, self-contained access tokens, and key changes.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::accounts::{events, served, signing_key};
use crate::support::api::{Request, log_in, me, refresh, register};
use crate::support::database::ENGINES;
use crate::support::{Database, Engine, Program};

fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[test]
fn a_token_used_twice_ends_its_session() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = served(&database);
        let (_, first) = register(server.public, "ada").tokens();
        let (_, other) = log_in(server.public, "ada@example.com", "a long password").tokens();
        let (_, second) = refresh(server.public, &first).status(200).tokens();
        let (_, third) = refresh(server.public, &second).status(200).tokens();
        assert_eq!(BTreeSet::from([&first, &second, &third]).len(), 3);
        assert_eq!(refresh(server.public, &first).problem(401), "refresh_token");
        assert_eq!(refresh(server.public, &third).problem(401), "refresh_token", "the thief's, or the victim's");
        refresh(server.public, &other).status(200);
        for unknown in ["", "x", &"y".repeat(5000)] {
            assert_eq!(refresh(server.public, unknown).problem(401), "refresh_token");
        }
        assert_eq!(events(&database, "token_refreshed"), "3");
        assert_eq!(events(&database, "refresh_token_reused"), "1", "one for each session");
        assert_eq!(database.one("SELECT count(*) FROM refresh_tokens WHERE NOT revoked"), "1");
        assert_eq!(database.one("SELECT count(*) FROM refresh_tokens WHERE revoked AND revoked_at IS NULL"), "0");
        let (_, expired) = log_in(server.public, "ada@example.com", "a long password").tokens();
        let past = match engine {
            Engine::Postgres => "CURRENT_TIMESTAMP - INTERVAL '1 second'",
            Engine::Sqlite => "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '-1 seconds')",
        };
        database.execute(&format!("UPDATE refresh_tokens SET expires_at = {past} WHERE NOT revoked"));
        assert_eq!(refresh(server.public, &expired).problem(401), "refresh_token");
        assert_eq!(events(&database, "refresh_token_reused"), "1", "an expired token is no evidence of a theft");
    }
}

/// Any number of clients use a token of one session at once. None of them has used what it got, so each may be the one
/// whose answer was lost; the session has one live token. Of the clients that got one at most one can continue.
#[test]
fn of_two_uses_of_a_token_at_most_one_goes_on() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = served(&database);
        register(server.public, "ada").status(201);
        let public = server.public;
        let plan = prop::collection::vec(1..5_usize, 1..6);
        let config = Config { cases: 12, max_shrink_iters: 10, failure_persistence: None, ..Config::default() };
        let held = TestRunner::new(config).run(&plan, |rounds| {
            let (access, mut token) = log_in(public, "ada@example.com", "a long password").tokens();
            let session = claims(&access)["sid"].clone();
            for racers in rounds {
                let uses: Vec<_> = (0..racers)
                    .map(|_| {
                        let token = token.clone();
                        std::thread::spawn(move || refresh(public, &token))
                    })
                    .collect();
                let answers: Vec<_> = uses.into_iter().map(|used| used.join().unwrap()).collect();
                let won: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
                prop_assert_eq!(won.len(), racers, "{:?}", answers);
                let live = format!(
                    "SELECT count(*) FROM refresh_tokens WHERE NOT revoked AND coalesce(family_id, id) = {session}"
                );
                prop_assert_eq!(database.one(&live), "1");
                if racers > 1 {
                    let go_on = won.iter().filter(|answer| refresh(public, &answer.tokens().1).status == 200).count();
                    prop_assert!(go_on <= 1, "{} of {:?}", go_on, answers);
                    prop_assert_eq!(database.one(&live), "0");
                    return Ok(());
                }
                token = won[0].tokens().1;
            }
            Ok(())
        });
        held.unwrap_or_else(|error| panic!("{engine:?}: {error}"));
    }
}

/// SIGTERM, and then SIGKILL, while sessions are refreshed: a client that got a token can use it afterwards.
#[test]
fn what_was_acknowledged_outlives_the_service() {
    for (engine, signal) in
        [(Engine::Postgres, "TERM"), (Engine::Postgres, "KILL"), (Engine::Sqlite, "TERM"), (Engine::Sqlite, "KILL")]
    {
        let database = Database::migrated(engine);
        let server = served(&database);
        register(server.public, "ada").status(201);
        let public = server.public;
        let tokens: Vec<_> = (0..6).map(|_| log_in(public, "ada@example.com", "a long password").tokens().1).collect();
        let (told, heard) = std::sync::mpsc::channel();
        let clients: Vec<_> = tokens
            .into_iter()
            .map(|mut token| {
                let told = told.clone();
                std::thread::spawn(move || {
                    loop {
                        let body = json!({"refresh_token": token});
                        // a token whose answer never came may be used up: it is not asked for again
                        let Some(answer) = Request::post("/auth/refresh", &body).attempt(public) else {
                            return (token, false);
                        };
                        match answer.status {
                            200 => token = answer.tokens().1,
                            503 => return (token, true),
                            _ => panic!("{answer:#?}"),
                        }
                        told.send(()).unwrap();
                    }
                })
            })
            .collect();
        heard.iter().take(60).for_each(drop);
        server.running.signal(signal);
        let outcome = server.running.wait();
        assert_eq!(outcome.code, if signal == "TERM" { Some(0) } else { None }, "{}", outcome.stderr);
        let given: Vec<_> = clients.into_iter().map(|client| client.join().unwrap()).collect();
        let live = database.one("SELECT count(*) FROM refresh_tokens WHERE NOT revoked").parse::<usize>().unwrap();
        assert_eq!(live, 7, "{engine:?} {signal}: each session has exactly one live token");
        assert_eq!(events(&database, "refresh_token_reused"), "0");
        let again = served(&database);
        for (token, unused) in given {
            let hash: String = Sha256::digest(&token).iter().map(|byte| format!("{byte:02x}")).collect();
            let stored = format!("SELECT count(*) FROM refresh_tokens WHERE token_hash = '{hash}'");
            assert_eq!(database.one(&stored), "1", "{engine:?} {signal}: it was acknowledged");
            if unused {
                refresh(again.public, &token).status(200);
            }
        }
    }
}

#[test]
fn logging_out_ends_this_session_or_all() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = served(&database);
        let out = |token: &str, all: bool| {
            Request::post("/auth/logout", &json!({"refresh_token": token, "all": all})).send(server.public).status(204)
        };
        register(server.public, "eve").status(201);
        let (_, first) = register(server.public, "ada").tokens();
        let sessions: Vec<String> =
            (0..3).map(|_| log_in(server.public, "ada@example.com", "a long password").tokens().1).collect();
        out(&first, false);
        out(&first, false);
        out("never issued", true);
        assert_eq!(database.one("SELECT count(*) FROM refresh_tokens WHERE NOT revoked"), "4");
        refresh(server.public, &first).status(401);
        let (_, newer) = refresh(server.public, &sessions[0]).status(200).tokens();
        out(&sessions[0], false);
        refresh(server.public, &newer).status(401);
        out(&sessions[1], true);
        refresh(server.public, &sessions[2]).status(401);
        assert_eq!(database.one("SELECT count(*) FROM refresh_tokens WHERE NOT revoked"), "1", "eve's");
        assert_eq!(events(&database, "logout"), "3");
    }
}

#[test]
fn sessions_are_listed_and_ended_one_by_one() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = served(&database);
        let body = json!({"email": "ada@example.com", "username": "ada", "password": "a long password"});
        let phone = Request::post("/auth/register", &body).header("user-agent", "phone 1.0").send(server.public);
        let (_, phone) = phone.status(201).tokens();
        let (access, _) = log_in(server.public, "ada@example.com", "a long password").tokens();
        let (_, phone) = Request::post("/auth/refresh", &json!({"refresh_token": phone}))
            .header("user-agent", "phone 2.0")
            .send(server.public)
            .tokens();
        let list = || Request::new("GET", "/api/me/sessions").bearer(&access).send(server.public).status(200).json();
        let sessions = list();
        assert_eq!(sessions.as_array().unwrap().len(), 2);
        assert_eq!((&sessions[0]["user_agent"], &sessions[0]["current"]), (&"phone 2.0".into(), &false.into()));
        assert_eq!((&sessions[1]["user_agent"], &sessions[1]["current"]), (&Value::Null, &true.into()));
        assert_eq!(sessions[0]["ip"], "127.0.0.1");
        let end = |id: &str, access: &str| {
            Request::new("DELETE", &format!("/api/me/sessions/{id}")).bearer(access).send(server.public)
        };
        let id = sessions[0]["id"].to_string();
        let (eve, _) = register(server.public, "eve").tokens();
        assert_eq!(end(&id, &eve).problem(404), "no_session", "the session of another account");
        assert_eq!(end("9999", &access).problem(404), "no_session");
        assert_eq!(end("x", &access).problem(404), "no_session");
        end(&id, &access).status(204);
        assert_eq!(end(&id, &access).problem(404), "no_session");
        refresh(server.public, &phone).status(401);
        assert_eq!(list().as_array().unwrap().len(), 1);
    }
}

#[test]
fn an_access_token_that_was_tampered_with_is_none() {
    let database = Database::migrated(Engine::Sqlite);
    let server = served(&database);
    let (token, _) = register(server.public, "ada").tokens();
    register(server.public, "eve").status(201);
    me(server.public, &token).status(200);
    let parts: Vec<&str> = token.split('.').collect();
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let mut other = claims(&token);
    assert_eq!(other["exp"].as_i64().unwrap() - other["iat"].as_i64().unwrap(), 900);
    other["sub"] = "2".into();
    let none = encode(&json!({"alg": "none", "typ": "at+jwt"}));
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[0]).unwrap()).unwrap();
    let mut symmetric = header.clone();
    symmetric["alg"] = "HS256".into();
    let mut purpose = header;
    purpose["typ"] = "JWT".into();
    for forged in [
        format!("{}.{}.{}", parts[0], encode(&other), parts[2]),
        format!("{none}.{}.", encode(&other)),
        format!("{}.{}.{}", encode(&symmetric), parts[1], parts[2]),
        format!("{}.{}.{}", encode(&purpose), parts[1], parts[2]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}.{}.{}A", parts[0], parts[1], parts[2]),
        String::new(),
    ] {
        let refused = me(server.public, &forged);
        assert_eq!(refused.problem(401), "access_token", "{forged}");
        assert_eq!(refused.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
    }
    let basic = Request::new("GET", "/api/me").header("authorization", "Basic YWRhOng=").send(server.public);
    assert_eq!(basic.problem(401), "access_token");
}

#[test]
fn keys_are_published_and_rotated() {
    let database = Database::migrated(Engine::Sqlite);
    let (old, new) = (signing_key(), signing_key());
    let with = |keys: &str| {
        let program = Program::on(&database).env("AUTHSVC_JWT_KEY", keys);
        program.env("AUTHSVC_PUBLIC_URL", "https://auth.example.com").serve().ready()
    };
    let first = with(&old);
    let (token, _) = register(first.public, "ada").tokens();
    let published = Request::new("GET", "/.well-known/jwks.json").send(first.public).status(200).json();
    assert_eq!(published["keys"].as_array().unwrap().len(), 1);
    assert_eq!((&published["keys"][0]["kty"], &published["keys"][0]["crv"]), (&"OKP".into(), &"Ed25519".into()));
    assert!(published["keys"][0].get("d").is_none(), "the private half");
    // another service with the key set can check a token by itself: the signature is a standard one
    let key =
        jsonwebtoken::DecodingKey::from_jwk(&serde_json::from_value(published["keys"][0].clone()).unwrap()).unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::EdDSA);
    validation.set_audience(&["https://auth.example.com"]);
    let checked = jsonwebtoken::decode::<Value>(&token, &key, &validation).unwrap();
    assert_eq!((&checked.claims["sub"], &checked.claims["iss"]), (&"1".into(), &"https://auth.example.com".into()));
    let both = with(&format!("{new}{old}"));
    me(both.public, &token).status(200);
    let (newer, _) = log_in(both.public, "ada@example.com", "a long password").tokens();
    assert_eq!(me(first.public, &newer).problem(401), "access_token", "not published there yet");
    let last = with(&new);
    me(last.public, &newer).status(200);
    assert_eq!(me(last.public, &token).problem(401), "access_token");
}
