//! Login with a provider over HTTP: both flows and the cookie. A state works once and in one browser.

use std::time::Duration;

use serde_json::json;
use wiremock::ResponseTemplate;

use crate::support::api::me;
use crate::support::database::ENGINES;
use crate::support::logins::{ADA, Person, answers_once, consent, google, knows_at_github, log_in, program, sent};
use crate::support::providers::{json as answer, run};
use crate::support::visitor::Visitor;
use crate::support::{Database, Engine};

const COOKIE: &str = "authsvc_oauth_google";

fn events(database: &Database) -> Vec<String> {
    database.query(
        "SELECT kind || ' ' || coalesce(email, '-') || ' ' || coalesce(detail, '-') FROM auth_events ORDER BY id",
    )
}

#[test]
fn oauth_login_by_redirect() {
    for engine in ENGINES {
        let (database, double) = (Database::migrated(engine), google());
        let server = program(&database, &double).serve().ready();
        let mut visitor = Visitor::of(server.public);
        let begun = visitor.get("/auth/oauth/google").status(303);
        let cookie = begun.header("set-cookie").unwrap();
        assert!(cookie.ends_with("; Max-Age=600; HttpOnly; SameSite=Lax; Path=/auth/oauth"), "{cookie}");
        let query = sent(begun.header("location").unwrap());
        assert_eq!(query["redirect_uri"], format!("http://{}/auth/oauth/google/callback", server.public));
        let consented = consent(&double, begun.header("location").unwrap(), ADA);
        let session = visitor.get(&consented.callback("google")).status(200);
        assert_eq!(session.header("cache-control"), Some("no-store"));
        assert_eq!(visitor.cookies.keys().collect::<Vec<_>>(), ["authsvc_device"]);
        let session = session.json();
        let user = json!({"id": session["user"]["id"], "email": "Ada@example.com", "username": "Ada.Lovelace",
                "avatar": "https://example.com/ada.png", "provider": "google", "email_verified": true});
        assert_eq!(session["user"], user);
        let shown = me(server.public, session["access_token"].as_str().unwrap()).status(200);
        assert_eq!(shown.json(), user);
        visitor.post("/auth/refresh", &json!({"refresh_token": session["refresh_token"]})).status(200);

        // the address at the provider may change, the account there does not
        let again = Person { email: "other@example.com", ..ADA };
        let again = log_in(&double, &mut Visitor::of(server.public), again).status(200);
        assert_eq!(again.json()["user"], user);
        let expected = [
            "registered Ada@example.com -",
            "oauth_linked Ada@example.com google",
            "token_refreshed - -",
            "login_succeeded Ada@example.com through google",
        ];
        assert_eq!(events(&database), expected, "{engine:?}");
        let rows = "SELECT provider || ' ' || provider_id || ' ' || password_hash || '.' FROM users";
        assert_eq!(database.query(rows), ["google 1077 ."]);
        assert_eq!(database.one("SELECT count(*) FROM users WHERE last_login > created_at"), "1");
        server.stop().success();
    }
}

#[test]
fn oauth_login_of_a_page() {
    let (database, double) = (Database::migrated(Engine::Sqlite), google());
    knows_at_github(&double, ADA);
    let program = program(&database, &double).env("AUTHSVC_OAUTH_REDIRECT_URL", "https://app.example.com/{provider}");
    let server = program.serve().ready();
    let mut visitor = Visitor::of(server.public);
    let begun = visitor.get("/auth/oauth/state/github").status(200);
    assert_eq!(begun.header("cache-control"), Some("no-store"));
    let begun = begun.json();
    let query = sent(begun["authorization_url"].as_str().unwrap());
    assert_eq!(begun["state"], query["state"]);
    assert_eq!(
        (begun["expires_in"].as_i64(), query["redirect_uri"].as_str()),
        (Some(600), "https://app.example.com/github")
    );
    let given = json!({"code": "cAn4ry-code", "state": begun["state"]});
    visitor.post("/auth/oauth/google", &given).refused(400, "state_missing");
    let session = visitor.post("/auth/oauth/github", &given).status(200).json();
    assert_eq!((&session["user"]["provider"], &session["expires_in"]), (&json!("github"), &json!(900)));
    assert_eq!(visitor.cookies.keys().collect::<Vec<_>>(), ["authsvc_device"]);
    visitor.post("/auth/oauth/github", &json!({"state": "cAn4ry"})).refused(422, "invalid");
    visitor.post("/auth/oauth/github", &given).refused(400, "state_missing");
    server.stop().success();
}

#[test]
fn oauth_login_a_state_is_used_once() {
    for engine in ENGINES {
        let (database, double) = (Database::migrated(engine), google());
        let server = program(&database, &double).serve().ready();
        let mut visitor = Visitor::of(server.public);
        let begun = visitor.get("/auth/oauth/google").status(303);
        let consented = consent(&double, begun.header("location").unwrap(), ADA);
        let mut codes: Vec<String> = std::thread::scope(|scope| {
            let attempt = || {
                let reply = visitor.clone().get(&consented.callback("google"));
                let code = reply.json()["code"].as_str().unwrap_or_default().to_owned();
                format!("{} {code}", reply.status)
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(attempt)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        codes.sort();
        let (won, lost) = codes.split_first().unwrap();
        assert_eq!(won, "200 ", "{engine:?}");
        assert!(lost.iter().all(|code| code == "400 state_used"), "{lost:?}");
        visitor.clone().get(&consented.callback("google")).refused(400, "state_used");
        assert_eq!(run(double.requests("/token")).len(), 1, "the provider was asked once");
        let failures = events(&database).iter().filter(|event| event.starts_with("oauth_login_failed")).count();
        assert_eq!(failures, 8);
        server.stop().success();
    }
}

#[test]
fn oauth_login_belongs_to_the_browser_that_began_it() {
    let (database, double) = (Database::migrated(Engine::Sqlite), google());
    let server = program(&database, &double).serve().ready();
    let [mut ours, mut others] = [(); 2].map(|()| Visitor::of(server.public));
    let begun = ours.get("/auth/oauth/google").status(303);
    let consented = consent(&double, begun.header("location").unwrap(), ADA);
    Visitor::of(server.public).get(&consented.callback("google")).refused(400, "state_missing");
    others.get("/auth/oauth/google").status(303);
    others.get(&consented.callback("google")).refused(400, "state_mismatch");
    assert!(others.cookies.is_empty(), "a login that failed is over");
    // the cookie of one provider does not do for another
    let mut moved = ours.clone();
    let cookie = moved.cookies.remove(COOKIE).unwrap();
    moved.cookies.insert("authsvc_oauth_github".to_owned(), cookie);
    moved.get(&consented.callback("github")).refused(400, "state_mismatch");
    ours.get(&consented.callback("google")).status(200);
    let expected = [
        "oauth_login_failed - google: the state of this login is missing",
        "oauth_login_failed - google: the state does not belong to this login",
        "oauth_login_failed - github: the state does not belong to this login",
    ];
    assert_eq!(events(&database)[..3], expected);
    server.stop().success();
}

#[test]
fn oauth_login_that_the_provider_refuses() {
    let (database, double) = (Database::migrated(Engine::Sqlite), google());
    let server = program(&database, &double).serve().ready();
    let mut visitor = Visitor::of(server.public);
    let mut back = |query: &str| {
        let begun = visitor.get("/auth/oauth/google").status(303);
        let state = sent(begun.header("location").unwrap())["state"].clone();
        visitor.get(&format!("/auth/oauth/google/callback?state={state}{query}"))
    };
    let denied = back("&error=access_denied&error_description=cAn4ry").status(403);
    assert_eq!(denied.json()["code"], "denied");
    back("").refused(400, "code_missing");
    back("&code=a&code=b").refused(400, "invalid");
    back("&error=server_error").refused(502, "provider");
    answers_once(&double, answer(400, json!({"error": "invalid_grant"})));
    let refused = back("&code=cAn4ry").status(400).json();
    assert_eq!((&refused["code"], refused["hint"].is_string()), (&json!("code_refused"), true));
    answers_once(&double, ResponseTemplate::new(503));
    back("&code=cAn4ry").refused(502, "provider");
    assert_eq!(database.one("SELECT count(*) FROM auth_events WHERE kind = 'oauth_login_failed'"), "5");
    assert_eq!(
        events(&database)[4],
        "oauth_login_failed - google: Google: exchanging the code: it answered with status 503"
    );
    server.stop().success();
}

#[test]
fn oauth_login_through_whom_nobody_knows() {
    let (database, double) = (Database::migrated(Engine::Sqlite), google());
    let program =
        program(&database, &double).without("AUTHSVC_GITHUB_CLIENT_ID").without("AUTHSVC_GITHUB_CLIENT_SECRET");
    let server = program.env("AUTHSVC_PUBLIC_URL", "https://example.com/auth-service/").serve().ready();
    let mut visitor = Visitor::of(server.public);
    for provider in ["github", "email", "Google", "state", "%ff", "a%2Fb"] {
        visitor.get(&format!("/auth/oauth/{provider}")).refused(404, "no_provider");
        visitor.get(&format!("/auth/oauth/{provider}/callback?code=a&state=b")).refused(404, "no_provider");
        visitor.get(&format!("/auth/oauth/state/{provider}")).refused(404, "no_provider");
        let body = json!({"code": "a", "state": "b"});
        visitor.post(&format!("/auth/oauth/{provider}"), &body).refused(404, "no_provider");
    }
    assert!(events(&database).is_empty() && visitor.cookies.is_empty());
    // behind https and below a path
    let begun = visitor.get("/auth/oauth/google").status(303);
    let cookie = begun.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Secure-authsvc_oauth_google="), "{cookie}");
    assert!(cookie.ends_with("; HttpOnly; SameSite=Lax; Path=/auth-service/auth/oauth; Secure"), "{cookie}");
    let consented = consent(&double, begun.header("location").unwrap(), ADA);
    visitor.get(&consented.callback("google")).status(200);
    let document = visitor.get("/openapi.json").status(200).json();
    for (path, verb, statuses) in [
        ("/auth/oauth/{provider}", "get", "303 404 429 502 503"),
        ("/auth/oauth/{provider}", "post", "200 400 403 404 413 415 422 429 502 503"),
        ("/auth/oauth/{provider}/callback", "get", "200 400 403 404 429 502 503"),
        ("/auth/oauth/state/{provider}", "get", "200 404 429 502 503"),
    ] {
        let described = document["paths"][path][verb]["responses"].as_object().unwrap();
        let mut described: Vec<&str> = described.keys().map(String::as_str).collect();
        described.sort_unstable();
        assert_eq!(described.join(" "), statuses, "{verb} {path}");
    }
    server.stop().success();
}

#[test]
fn oauth_login_does_not_wait_for_a_provider_for_ever() {
    let (database, double) = (Database::migrated(Engine::Sqlite), google());
    answers_once(&double, ResponseTemplate::new(200).set_delay(Duration::from_secs(60)));
    let server = program(&database, &double).env("AUTHSVC_REQUEST_TIMEOUT", "1s").serve().ready();
    log_in(&double, &mut Visitor::of(server.public), ADA).refused(502, "provider");
    let told = events(&database);
    assert!(told.len() == 1 && told[0].ends_with("it timed out"), "{told:?}");
    server.stop().success();
}
