//! Logins with test doubles of providers over HTTP. Client secret, codes and tokens contain the canary.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use wiremock::matchers::{body_string_contains, method, path};
use wiremock::{Mock, ResponseTemplate};

use super::api::Answer;
use super::providers::{CLIENT_ID, Double, Key, json as answer, pairs, run};
use super::visitor::Visitor;
use super::{CANARY, Database, Program};

pub(crate) const ACCESS: &str = "cAn4ry-access";
pub(crate) const REFRESH: &str = "cAn4ry-refresh";

/// A user with an account at the provider.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Person {
    pub(crate) id: u32,
    pub(crate) email: &'static str,
    pub(crate) is_verified: bool,
    pub(crate) name: &'static str,
}

pub(crate) const ADA: Person = Person { id: 1077, email: "Ada@example.com", is_verified: true, name: "Ada Lovelace" };

/// A login whose browser can come back now.
pub(crate) struct Consented {
    pub(crate) state: String,
    pub(crate) code: String,
}

impl Consented {
    pub(crate) fn callback(&self, provider: &str) -> String {
        format!("/auth/oauth/{provider}/callback?code={}&state={}&scope=more", self.code, self.state)
    }
}

/// Google's double, to be looked at from threads that block.
pub(crate) fn google() -> Double {
    run(Double::google())
}

/// The program, with both providers set up.
pub(crate) fn program(database: &Database, double: &Double) -> Program {
    let uri = double.server.uri();
    Program::on(database)
        .env("AUTHSVC_ENV", "test")
        .env("AUTHSVC_GOOGLE_CLIENT_ID", CLIENT_ID)
        .env("AUTHSVC_GOOGLE_CLIENT_SECRET", CANARY)
        .env("AUTHSVC_GOOGLE_ISSUER", &uri)
        .env("AUTHSVC_GITHUB_CLIENT_ID", CLIENT_ID)
        .env("AUTHSVC_GITHUB_CLIENT_SECRET", CANARY)
        .env("AUTHSVC_GITHUB_URL", &uri)
        .env("AUTHSVC_GITHUB_API_URL", &format!("{uri}/api/v3"))
}

/// The query of the address that a browser is sent to.
pub(crate) fn sent(url: &str) -> HashMap<String, String> {
    pairs(url::Url::parse(url).unwrap().query().unwrap().as_bytes())
}

/// A user consents at Google, which then accepts this code.
pub(crate) fn consent(double: &Double, url: &str, person: Person) -> Consented {
    run(consents(double, url, person))
}

/// The same, where nothing blocks.
pub(crate) async fn consents(double: &Double, url: &str, person: Person) -> Consented {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let query = sent(url);
    let code = format!("cAn4ry-code-{}.", NUMBER.fetch_add(1, Ordering::Relaxed));
    let time = chrono::Utc::now().timestamp();
    let claims = json!({
        "iss": double.server.uri(), "aud": CLIENT_ID, "sub": person.id.to_string(), "nonce": query["nonce"],
        "iat": time, "exp": time + 3600, "email": person.email, "email_verified": person.is_verified,
        "name": person.name, "picture": "https://example.com/ada.png",
    });
    let tokens = json!({
        "access_token": ACCESS, "refresh_token": REFRESH, "expires_in": 3599, "token_type": "Bearer",
        "id_token": Key::of_google().sign(&claims),
    });
    let mock = Mock::given(method("POST")).and(path("/token")).and(body_string_contains(&code));
    mock.respond_with(answer(200, tokens)).mount(&double.server).await;
    Consented { state: query["state"].clone(), code }
}

/// From the first redirect to the answer of the callback.
pub(crate) fn log_in(double: &Double, visitor: &mut Visitor, person: Person) -> Answer {
    let sent = visitor.get("/auth/oauth/google").status(303);
    let consented = consent(double, sent.header("location").unwrap(), person);
    visitor.get(&consented.callback("google"))
}

/// GitHub's double, on the same server, knows one person.
pub(crate) fn knows_at_github(double: &Double, person: Person) {
    let tokens = json!({"access_token": ACCESS, "scope": "", "token_type": "bearer"});
    run(double.answers("POST", "/login/oauth/access_token", answer(200, tokens)));
    let user = json!({"id": person.id, "login": "ada", "name": person.name, "avatar_url": null});
    run(double.answers("GET", "/api/v3/user", answer(200, user)));
    let addresses = json!([{"email": person.email, "primary": true, "verified": person.is_verified}]);
    run(double.answers("GET", "/api/v3/user/emails", answer(200, addresses)));
}

/// What Google answers to the next code.
pub(crate) fn answers_once(double: &Double, answer: ResponseTemplate) {
    run(double.answers_once("POST", "/token", answer));
}

/// Makes an account with a password.
pub(crate) fn register(visitor: &mut Visitor, email: &str) -> Value {
    let body = json!({"email": email, "username": "countess", "password": "correct horse battery"});
    visitor.post("/auth/register", &body).status(201).json()
}
