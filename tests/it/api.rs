//! The API as a whole: its OpenAPI document, refused requests, and the parts that every response has.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::accounts::{served, signing_key};
use crate::support::api::{Answer, Request, register};
use crate::support::database::ENGINES;
use crate::support::proxy::Proxy;
use crate::support::{Cluster, Database, Engine, Program, eventually};

#[test]
fn without_a_key_it_says_so_and_everything_else_works() {
    let database = Database::migrated(Engine::Sqlite);
    let server = Program::on(&database).serve().ready();
    let refused = register(server.public, "ada");
    assert_eq!(refused.problem(503), "unavailable");
    assert!(refused.body.contains("AUTHSVC_JWT_KEY"), "{refused:?}");
    assert_eq!(refused.header("retry-after"), Some("5"));
    assert!(server.stop().success().stderr.contains("no account can log in: AUTHSVC_JWT_KEY is not set"));
}

#[test]
fn a_key_that_is_none_is_refused_without_showing_it() {
    let database = Database::migrated(Engine::Sqlite);
    let rsa = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIGCrpY6f\n-----END PRIVATE KEY-----\n";
    for key in ["secret", rsa, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"] {
        let error = Program::on(&database).env("AUTHSVC_JWT_KEY", key).run(&["serve"]).code(2).error();
        assert!(error.contains("AUTHSVC_JWT_KEY") && error.contains("openssl genpkey -algorithm ed25519"), "{error}");
        assert!(!error.contains("MC4CAQ") && !error.contains("`secret`"), "{error}");
    }
}

#[test]
fn a_developer_has_a_key_of_their_own() {
    use std::os::unix::fs::PermissionsExt as _;
    let program = Program::new().env("AUTHSVC_ENV", "development");
    let path = program.directory().join("authsvc-jwt.pem");
    let server = program.serve().ready();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let key = std::fs::read_to_string(&path).unwrap();
    assert!(!server.stop().success().stderr.contains(key.lines().nth(1).unwrap()));
}

#[test]
fn what_is_no_request_is_a_problem() {
    let database = Database::migrated(Engine::Sqlite);
    let server = served(&database);
    let send = |kind: &str, body: &str| Request::new("POST", "/auth/login").body(kind, body).send(server.public);
    assert_eq!(send("application/json", "{").problem(400), "not_json");
    assert_eq!(send("text/plain", "{}").problem(415), "not_json");
    assert_eq!(send("application/json", "{}").problem(422), "invalid");
    assert_eq!(send("application/json", "[]").problem(422), "invalid");
    let wrong = send("application/json", r#"{"email":"a@example.com","password":{"secret":12345}}"#);
    assert_eq!(wrong.problem(422), "invalid");
    let wrong = send("application/json", r#"{"email":"a@example.com","password":123456789}"#);
    assert!(wrong.problem(422) == "invalid" && wrong.body.contains("password has the wrong type"), "{wrong:?}");
    let extra = send("application/json", r#"{"email":"a","password":"b","admin":true}"#);
    assert!(extra.problem(422) == "invalid" && extra.body.contains("unknown field"), "{extra:?}");
    let large = format!(r#"{{"email":"a@example.com","password":"{}"}}"#, "x".repeat(20_000));
    assert_eq!(send("application/json", &large).problem(413), "body");
    assert_eq!(Request::new("GET", "/auth/login").send(server.public).problem(405), "method_not_allowed");
    let missing = Request::new("GET", "/auth/nowhere").send(server.public).status(404);
    assert_eq!(missing.header("content-type"), Some("application/problem+json"));
    assert_eq!(database.one("SELECT count(*) FROM auth_events"), "0");
}

#[test]
fn every_answer_has_the_headers_that_browsers_heed_and_an_id() {
    let database = Database::migrated(Engine::Sqlite);
    let program = Program::on(&database).env("AUTHSVC_JWT_KEY", &signing_key());
    let server = program.env("AUTHSVC_PUBLIC_URL", "https://auth.example.com").serve().ready();
    for path in ["/api/me", "/nowhere", "/health", "/openapi.json", "/docs"] {
        let answer = Request::new("GET", path).send(server.public);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000; includeSubDomains"), "{path}");
        assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none'"), "{path}");
        assert_eq!(answer.header("x-request-id").unwrap().len(), 32, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    let with = |id: &str| Request::new("GET", "/api/me").header("x-request-id", id).send(server.public);
    assert_eq!(with("trace-1.2_3").header("x-request-id"), Some("trace-1.2_3"));
    assert_ne!(with("forged line=\"1\"").header("x-request-id"), Some("forged line=\"1\""));
    let log = server.stop().success().stderr;
    assert!(log.contains("id=\"trace-1.2_3\"") && !log.contains("forged"), "{log}");
}

#[test]
fn only_the_pages_that_are_named_may_call_from_a_browser() {
    let database = Database::migrated(Engine::Sqlite);
    let program = Program::on(&database).env("AUTHSVC_JWT_KEY", &signing_key());
    let server = program.env("AUTHSVC_CORS_ORIGINS", "https://app.example.com, http://localhost:3000").serve().ready();
    let ask = |origin: &str| {
        let preflight = Request::new("OPTIONS", "/auth/login").header("origin", origin);
        let preflight = preflight.header("access-control-request-method", "POST");
        let answer: Answer = preflight.header("access-control-request-headers", "content-type").send(server.public);
        answer.header("access-control-allow-origin").map(str::to_owned)
    };
    assert_eq!(ask("https://app.example.com").as_deref(), Some("https://app.example.com"));
    assert_eq!(ask("http://localhost:3000").as_deref(), Some("http://localhost:3000"));
    for other in ["https://evil.example.com", "https://app.example.com.evil.com", "null"] {
        assert_eq!(ask(other), None, "{other}");
    }
    for refused in ["*", "app.example.com", "https://app.example.com/page"] {
        let error = Program::on(&database).env("AUTHSVC_CORS_ORIGINS", refused).run(&["serve"]).code(2).error();
        assert!(error.contains("AUTHSVC_CORS_ORIGINS"), "{error}");
    }
}

#[test]
fn the_document_names_every_route_and_every_operation_says_what_it_answers() {
    let database = Database::migrated(Engine::Sqlite);
    let server = served(&database);
    let document = Request::new("GET", "/openapi.json").send(server.public).status(200).json();
    let source = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/api.rs")).unwrap();
    let routed: BTreeSet<&str> =
        source.split(".route(\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let described = document["paths"].as_object().unwrap();
    for path in &routed {
        assert!(described.contains_key(*path) || ["/openapi.json", "/docs"].contains(path), "{path} is not described");
    }
    for (path, operations) in described {
        assert!(routed.contains(path.as_str()), "{path} is not there");
        for (method, operation) in operations.as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path} says nothing");
            for (status, answer) in operation["responses"].as_object().unwrap() {
                assert!(!answer["description"].as_str().unwrap().is_empty(), "{method} {path} {status}");
                let problem = answer["content"].get("application/problem+json").is_some();
                assert!(problem || status.starts_with(['2', '3']), "{method} {path} {status} is no problem document");
            }
        }
    }
}

#[test]
fn the_page_has_every_operation_with_its_answer() {
    let database = Database::migrated(Engine::Sqlite);
    let document = Request::new("GET", "/openapi.json").send(served(&database).public).status(200).json();
    let section = include_str!("../../docs/API.md").split("## Operations").nth(1).unwrap();
    let rows = section.split("\n## ").next().unwrap().lines().filter(|line| line.starts_with("| `"));
    let mut rows: BTreeMap<&str, &str> = rows.map(|row| (row.split('`').nth(1).unwrap(), row)).collect();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap().iter().filter(|_| path.starts_with("/a")) {
            let name = format!("{} {path}", method.to_uppercase());
            let row = rows.remove(name.as_str()).unwrap_or_else(|| panic!("docs/API.md lacks {name}"));
            let success =
                operation["responses"].as_object().unwrap().keys().find(|status| status.starts_with(['2', '3']));
            assert!(row.contains(&format!("| {}", success.unwrap())), "{name} answers {success:?}: {row}");
            let body = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
            if let Some(schema) = body.as_str().map(|name| document.pointer(&name[1..]).unwrap()) {
                for field in schema["properties"].as_object().unwrap().keys() {
                    assert!(row.contains(&format!("`{field}`")), "{name} takes {field}: {row}");
                }
            }
        }
    }
    assert!(rows.is_empty(), "docs/API.md has operations that do not exist: {rows:?}");
}

#[test]
fn when_the_database_is_silent_it_says_so_and_comes_back() {
    let database = Database::migrated(Engine::Postgres);
    let proxy = Proxy::to(Cluster::shared().port);
    let program = Program::new().env("DATABASE_URL", &proxy.url(&database)).env("AUTHSVC_JWT_KEY", &signing_key());
    let server = program.env("AUTHSVC_REQUEST_TIMEOUT", "500ms").serve().ready();
    let (access, _) = register(server.public, "ada").status(201).tokens();
    let me = || Request::new("GET", "/api/me").bearer(&access).send(server.public);
    proxy.stall();
    let silent = me();
    assert_eq!(silent.problem(503), "unavailable");
    assert_eq!(silent.header("retry-after"), Some("5"));
    proxy.resume();
    eventually("an answer", || (me().status == 200).then_some(()));
}

#[test]
fn a_report_counts_what_the_api_did() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = served(&database);
        register(server.public, "ada").status(201);
        for _ in 0..3 {
            crate::support::api::log_in(server.public, "ada@example.com", "wrong password").status(401);
        }
        let report = Program::on(&database).run(&["detailed-health"]);
        let report: Value = serde_json::from_str(&report.stdout).unwrap();
        assert_eq!(report["security_health"]["failed_login_attempts"], 3);
        assert_eq!(report["authentication_health"]["active_tokens"], 1);
        assert_eq!(report["authentication_health"]["total_users"], json!(1));
    }
}
