//! The health reports on both listeners, in the shapes of the contract, and through `health --url`.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::accounts::signing_key;
use crate::support::database::ENGINES;
use crate::support::program::{Outcome, get};
use crate::support::{Cluster, Database, Engine, Program, eventually, proxy::Proxy};

fn document(address: SocketAddr, path: &str) -> Value {
    serde_json::from_str(&get(address, path).unwrap().1).unwrap()
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// Head and body of a GET that accepts this.
fn accepting(address: SocketAddr, path: &str, kinds: &str) -> (String, Value) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: {kinds}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), serde_json::from_str(body).unwrap())
}

#[test]
fn the_reports_have_the_shapes_of_the_contract() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = Program::on(&database).env("AUTHSVC_JWT_KEY", &signing_key()).serve().ready();
        let public = document(server.public, "/health");
        assert_eq!(keys(&public), ["database", "status", "timestamp"].into());
        assert_eq!(keys(&public["database"]), ["connected", "response_time_ms"].into());
        assert_eq!(public["status"], "healthy");
        let full = document(server.admin, "/health");
        let fields = [
            "status",
            "timestamp",
            "environment",
            "database",
            "migrations",
            "tables",
            "performance",
            "errors",
            "warnings",
        ];
        assert_eq!(keys(&full), fields.into());
        assert_eq!(full["environment"], "production");
        assert_eq!(full["database"]["backend"], if engine == Engine::Postgres { "postgres" } else { "sqlite" });
        assert!(full["database"]["max_connections"].as_u64().unwrap() > 1);
        let detailed = eventually("the extended figures", || {
            let detailed = document(server.admin, "/health/detailed");
            detailed["authentication_health"]["total_users"].is_u64().then_some(detailed)
        });
        for part in [
            "overall_status",
            "timestamp",
            "basic_health",
            "authentication_health",
            "security_health",
            "backups",
            "indexes",
            "checks",
            "errors",
        ] {
            assert!(keys(&detailed).contains(part), "{part}");
        }
        assert!(!detailed["warnings"].to_string().contains("may not read"), "{detailed}");
        // production without a backup
        assert_eq!(detailed["overall_status"], "degraded");
        assert_eq!(get(server.public, "/health/detailed").unwrap().0, 404, "operators only");
        for (address, path) in
            [(server.public, "/health"), (server.admin, "/health"), (server.admin, "/health/detailed")]
        {
            let (head, body) = accepting(address, path, "text/html;q=0.1, application/health+json");
            assert!(head.contains("content-type: application/health+json") && head.contains("no-store"), "{head}");
            assert_eq!(body["status"], if path == "/health" { "pass" } else { "warn" });
            assert!(body["checks"].is_object());
        }
        server.stop().success();
    }
}

#[test]
fn the_draft_is_for_those_who_ask_for_it() {
    let database = Database::migrated(Engine::Sqlite);
    let server = Program::on(&database).env("AUTHSVC_JWT_KEY", &signing_key()).serve().ready();
    let draft = "application/health+json";
    for (kinds, expected) in [
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("application/health+jsonx", "application/json"),
        ("application/health+json;q=0", "application/json"),
        ("application/json, application/health+json;q=0.5", "application/json"),
        ("application/json;q=0.5, Application/Health+JSON; q=0.9", draft),
        ("application/health+json, application/json", draft),
        ("application/health+json;q=0.2, */*;q=0.1", draft),
    ] {
        for (address, path) in [(server.public, "/health"), (server.admin, "/health/detailed")] {
            let (head, _) = accepting(address, path, kinds);
            assert!(head.contains(&format!("content-type: {expected}\r\n")), "{kinds}: {head}");
            assert!(head.contains("vary: accept"), "{head}");
        }
    }
    server.stop().success();
}

#[test]
fn a_service_where_nobody_can_log_in_is_not_healthy() {
    let database = Database::migrated(Engine::Sqlite);
    let server = Program::on(&database).serve().ready();
    let report = eventually("the check", || {
        let (status, report) = get(server.admin, "/health/detailed").unwrap();
        (status == 503).then(|| serde_json::from_str::<Value>(&report).unwrap())
    });
    assert_eq!(report["checks"][0]["name"], "signing_key", "{report}");
    assert!(report["errors"][0].as_str().unwrap().contains("AUTHSVC_JWT_KEY is not set; `openssl genpkey"), "{report}");
    // no reason to take every replica out of service (docs/adr/0007)
    assert_eq!(get(server.public, "/readyz").unwrap().0, 200);
    assert_eq!(document(server.admin, "/health")["status"], "healthy");
    // a command needs no signing key
    let told = Program::on(&database).run(&["detailed-health"]).success().json();
    assert!(!told["checks"].to_string().contains("signing_key"), "{told}");
    server.stop().success();
}

#[test]
fn a_sqlite_file_is_left_without_a_log_beside_it() {
    let database = Database::migrated(Engine::Sqlite);
    let server = Program::on(&database).env("AUTHSVC_JWT_KEY", &signing_key()).serve().ready();
    document(server.admin, "/health/detailed");
    server.stop().success();
    assert!(!database.path().with_extension("db-wal").exists());
}

#[test]
fn the_status_page_is_for_operators_and_there_in_every_state() {
    let cluster = Cluster::start(&[]);
    let database = Database::on(&cluster, None);
    let server = Program::on(&database).env("AUTHSVC_JWT_KEY", &signing_key()).serve().ready();
    let page = |title: &str| {
        eventually(title, || {
            let (status, html) = get(server.admin, "/").unwrap();
            assert_eq!(status, 200);
            html.contains(title).then_some(html)
        })
    };
    let html = page("<title>Degraded");
    assert!(html.contains("there is no backup of this database") && html.contains("refresh_<wbr>tokens"), "{html}");
    assert_eq!(get(server.public, "/").unwrap().0, 404);
    cluster.crash();
    let html = page("<title>Unhealthy, not ready");
    assert!(html.contains("check that the server runs") && html.contains("the database is not available: "), "{html}");
}

#[test]
fn what_is_wrong_with_a_request_is_a_problem_document() {
    let database = Database::migrated(Engine::Sqlite);
    let server = Program::on(&database).serve().ready();
    let ask = |address: SocketAddr, request: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "{request} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let (public, admin) =
        (["/livez", "/readyz", "/health"], ["/", "/metrics", "/livez", "/readyz", "/health", "/health/detailed"]);
    let paths = public.map(|path| (server.public, path)).into_iter().chain(admin.map(|path| (server.admin, path)));
    for (address, path) in paths {
        let answer = ask(address, &format!("POST {path}"));
        assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("allow: GET,HEAD\r\n"), "{path}: {answer}");
        assert!(answer.contains("content-type: application/problem+json"), "{path}: {answer}");
        assert!(answer.contains(r#""code":"method_not_allowed""#), "{path}: {answer}");
        let head = ask(address, &format!("HEAD {path}"));
        assert!(head.ends_with("\r\n\r\n"), "a body: {head}");
        for header in ["x-content-type-options: nosniff", "cache-control: no-store"] {
            assert!(answer.contains(header) && head.contains(header), "{path}: {answer}{head}");
        }
    }
    for path in ["/nothing", "/health/"] {
        let answer = ask(server.admin, &format!("GET {path}"));
        assert!(answer.starts_with("HTTP/1.1 404 ") && answer.contains(r#""code":"not_found""#), "{path}: {answer}");
    }
    server.stop().success();
}

#[test]
fn readiness_tells_its_steps() {
    let cluster = Cluster::start(&[]);
    let database = Database::on(&cluster, None);
    let server = Program::on(&database).env("AUTHSVC_JWT_KEY", &signing_key()).serve().ready();
    let (status, text) = get(server.public, "/readyz?verbose").unwrap();
    assert_eq!(status, 200);
    assert_eq!(text, "[+]database ok\n[+]migrations ok\n[+]seed ok\n[+]shutdown ok\nreadyz check passed\n");
    cluster.crash();
    let (_, text) = eventually("503", || get(server.public, "/readyz?verbose").filter(|(status, _)| *status == 503));
    assert!(text.starts_with("[-]database failed: ") && text.ends_with("readyz check failed\n"), "{text}");
}

#[test]
fn the_command_asks_a_running_service() {
    let database = Database::migrated(Engine::Postgres);
    Program::on(&database).env("AUTHSVC_ENV", "development").run(&["seed"]).success();
    let server = Program::on(&database).env("AUTHSVC_JWT_KEY", &signing_key()).serve().ready();
    let ask =
        |address: SocketAddr, path: &str| Program::new().run(&["health", "--url", &format!("http://{address}{path}")]);
    assert_eq!(ask(server.admin, "").success().json()["environment"], "production");
    assert_eq!(ask(server.public, "/").success().json()["database"]["connected"], true);
    // production with development accounts: the detailed report is unhealthy
    let report = eventually("the extended figures", || {
        let outcome = ask(server.admin, "/health/detailed");
        (outcome.code == Some(3)).then(|| outcome.json())
    });
    assert_eq!(report["overall_status"], "unhealthy");
    assert_eq!(ask(server.public, "/readyz").success().json()["state"], "ready");
    let error = ask(server.public, "/nothing");
    assert_eq!(error.code, Some(3));
}

#[test]
fn the_command_gives_up_on_a_service_that_does_not_answer() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let begin = Instant::now();
    let error = Program::new().run(&["health", "--url", &url, "--timeout", "300ms"]).code(1).error();
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert!(error.contains("no answer within 300ms") && error.contains("hint: "), "{error}");
    let error = Program::new().run(&["health", "--url", "http://127.0.0.1:1"]).code(1).error();
    assert!(error.contains("Connection refused"), "{error}");
    for wrong in ["https://localhost", "localhost:9090", "http://user:secret@host", "http://localhost:99999"] {
        Program::new().run(&["health", "--url", wrong]).code(2);
    }
}

#[test]
fn watching_goes_on_until_it_is_stopped() {
    let proxy = Proxy::to(Cluster::shared().port);
    let database = Database::migrated(Engine::Postgres);
    let url = proxy.url(&database);
    let running = Program::new().env("DATABASE_URL", &url).spawn(&["detailed-health", "--watch", "50ms"]);
    // a report is fewer than ten messages
    eventually("three reports", || (proxy.queries() > 40).then_some(()));
    running.signal("INT");
    let outcome = running.wait().success();
    let reports: Vec<Value> =
        serde_json::Deserializer::from_str(&outcome.stdout).into_iter().map(Result::unwrap).collect();
    assert!(reports.len() >= 3, "{} reports", reports.len());
    assert!(reports.iter().all(|report| report["overall_status"] == "degraded"));
}

/// Requests the health of a server that gives this answer to every request.
fn told_by(answer: &str) -> Outcome {
    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", stranger.local_addr().unwrap());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut stream, _) = stranger.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]).unwrap();
            let (status, body) = answer.split_once(' ').unwrap();
            let length = body.len();
            write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
        });
        Program::new().run(&["health", "--url", &url])
    })
}

#[test]
fn a_stranger_at_the_address_is_not_healthy() {
    assert_eq!(told_by(r#"200 {"status":"degraded"}"#).code, Some(0));
    assert_eq!(told_by(r#"200 {"status":"unhealthy"}"#).code, Some(3));
    let error = told_by(r#"200 {"hello":1}"#).code(1).error();
    assert!(error.contains("the response is not from authsvc"), "{error}");
    let error = told_by("302 moved").code(1).error();
    assert!(error.contains("/health: it does not answer in JSON (status 302)"), "{error}");
}

#[test]
fn watching_ends_with_its_reader_and_leaves_the_database_some_time() {
    let database = Database::migrated(Engine::Sqlite);
    let program = Program::on(&database);
    let read_once = Program::on(&database).through(&["sh", "-c", r#""$0" "$@" | head -1"#]);
    assert_eq!(read_once.run(&["detailed-health", "--watch", "50ms"]).success().stdout, "{\n");
    for pause in ["0s", "1ms"] {
        let error = program.run(&["detailed-health", "--watch", pause]).code(2).error();
        assert!(error.contains("shorter than 50ms"), "{error}");
    }
}
