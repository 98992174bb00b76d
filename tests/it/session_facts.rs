//! Used and ended sessions are distinct: responses of `/api` after an end, after a lost response, and at the age limit.

use serde_json::json;

use crate::accounts::{events, served, unlimited};
use crate::cleanup::at;
use crate::support::api::{Request, log_in, me, refresh, register};
use crate::support::database::ENGINES;
use crate::support::{Database, Engine, Program};

const PASSWORD: &str = "a long password";

#[test]
fn the_access_tokens_of_an_ended_session_are_refused_at_once() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = served(&database);
        let (older, first) = register(server.public, "ada").tokens();
        let (newer, token) = refresh(server.public, &first).status(200).tokens();
        let (other, _) = log_in(server.public, "ada@example.com", PASSWORD).tokens();
        for access in [&older, &newer, &other] {
            me(server.public, access).status(200);
        }
        Request::post("/auth/logout", &json!({"refresh_token": token})).send(server.public).status(204);
        let sessions = Request::new("GET", "/api/me/sessions").bearer(&other).send(server.public).status(200).json();
        let change = json!({"current_password": PASSWORD, "new_password": "another long password"});
        for access in [&older, &newer] {
            assert_eq!(me(server.public, access).problem(401), "access_token");
            for request in [
                Request::new("PATCH", "/api/me").json(&json!({"username": "eve"})),
                Request::new("PATCH", "/api/me").json(&json!({})),
                Request::new("GET", "/api/me/sessions"),
                Request::new("DELETE", &format!("/api/me/sessions/{}", sessions[0]["id"])),
                Request::post("/auth/password/change", &change),
                Request::new("POST", "/auth/verify-email/resend"),
            ] {
                assert_eq!(request.bearer(access).send(server.public).problem(401), "access_token", "{engine:?}");
            }
        }
        me(server.public, &other).status(200);
        // the token of a session that was logged out is no evidence of a theft
        for dead in [&first, &token] {
            refresh(server.public, dead).status(401);
        }
        assert_eq!(events(&database, "refresh_token_reused"), "0", "{engine:?}");
    }
}

#[test]
fn a_stolen_token_is_one_event_however_often_it_is_used() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = served(&database);
        let (_, first) = register(server.public, "ada").tokens();
        let (access, _) = refresh(server.public, &first).status(200).tokens();
        me(server.public, &access).status(200);
        (0..20).for_each(|_| drop(refresh(server.public, &first).status(401)));
        assert_eq!(events(&database, "refresh_token_reused"), "1", "{engine:?}");
        me(server.public, &access).status(401);
    }
}

#[test]
fn a_lost_answer_is_given_again_until_it_is_used() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = served(&database);
        let (_, first) = register(server.public, "ada").tokens();
        let (lost_access, lost) = refresh(server.public, &first).status(200).tokens();
        let (_, lost_too) = refresh(server.public, &first).status(200).tokens();
        let (access, token) = refresh(server.public, &first).status(200).tokens();
        assert_eq!(me(server.public, &lost_access).problem(401), "access_token", "it is replaced");
        me(server.public, &access).status(200);
        assert_eq!(events(&database, "refresh_token_reused"), "0", "{engine:?}");
        // a client that has the lost answer all the same: two parties have the session
        assert_eq!(refresh(server.public, &lost).problem(401), "refresh_token");
        for dead in [&lost_too, &token] {
            refresh(server.public, dead).status(401);
        }
        me(server.public, &access).status(401);
        assert_eq!(events(&database, "refresh_token_reused"), "1", "{engine:?}");
        // once the next token was used, the first one is stolen
        let (_, first) = log_in(server.public, "ada@example.com", PASSWORD).tokens();
        let (_, second) = refresh(server.public, &first).status(200).tokens();
        let (_, third) = refresh(server.public, &second).status(200).tokens();
        refresh(server.public, &first).status(401);
        refresh(server.public, &third).status(401);
    }
}

#[test]
fn a_token_of_an_ended_session_ends_no_other() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = served(&database);
        let (_, ended) = register(server.public, "ada").tokens();
        let (access, token) = log_in(server.public, "ada@example.com", PASSWORD).tokens();
        let log_out = |token: &str, all: bool| {
            Request::post("/auth/logout", &json!({"refresh_token": token, "all": all})).send(server.public).status(204);
        };
        log_out(&ended, false);
        log_out(&ended, true);
        me(server.public, &access).status(200);
        let (access, _) = refresh(server.public, &token).status(200).tokens();
        me(server.public, &access).status(200);
        // a used token of a live session still ends all
        let (other, _) = log_in(server.public, "ada@example.com", PASSWORD).tokens();
        log_out(&token, true);
        for access in [&access, &other] {
            me(server.public, access).status(401);
        }
    }
}

#[test]
fn a_lost_answer_can_be_asked_for_again_after_a_cleanup() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = served(&database);
        let (_, used) = register(server.public, "ada").tokens();
        let (access, follower) = refresh(server.public, &used).status(200).tokens();
        me(server.public, &access).status(200);
        drop(refresh(server.public, &follower).status(200));
        let long_ago = at(engine, "-30 hours");
        database.execute(&format!("UPDATE refresh_tokens SET revoked_at = {long_ago} WHERE revoked"));
        Program::on(&database).run(&["cleanup"]).success();
        // the successor of the first token was used, so the first is no evidence any more
        assert_eq!(database.one("SELECT count(*) FROM refresh_tokens WHERE revoked"), "1", "{engine:?}");
        let (access, _) = refresh(server.public, &follower).status(200).tokens();
        me(server.public, &access).status(200);
        assert_eq!(events(&database, "refresh_token_reused"), "0", "{engine:?}");
    }
}

#[test]
fn a_session_ends_at_its_maximum_age() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = unlimited(&database).env("AUTHSVC_SESSION_MAX_AGE", "2h").serve().ready();
        let (_, first) = register(server.public, "ada").tokens();
        let (access, token) = refresh(server.public, &first).status(200).tokens();
        me(server.public, &access).status(200);
        let longest = match engine {
            Engine::Postgres => {
                "SELECT count(*) FROM refresh_tokens WHERE expires_at > session_started_at + INTERVAL '2 hours'"
            }
            Engine::Sqlite => {
                "SELECT count(*) FROM refresh_tokens WHERE julianday(expires_at) > julianday(session_started_at) + 0.0834"
            }
        };
        assert_eq!(database.one(longest), "0", "{engine:?}");
        assert_eq!(database.one("SELECT count(DISTINCT session_started_at) FROM refresh_tokens"), "1");
        let (past, future) = match engine {
            Engine::Postgres => ("CURRENT_TIMESTAMP - INTERVAL '3 hours'", "CURRENT_TIMESTAMP + INTERVAL '1 day'"),
            Engine::Sqlite => (
                "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '-3 hours')",
                "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '+1 days')",
            ),
        };
        // as if the limit had been longer when the tokens were issued
        database.execute(&format!("UPDATE refresh_tokens SET session_started_at = {past}, expires_at = {future}"));
        assert_eq!(me(server.public, &access).problem(401), "access_token", "{engine:?}");
        assert_eq!(refresh(server.public, &token).problem(401), "refresh_token");
        assert_eq!(events(&database, "refresh_token_reused"), "0");
    }
}
