//! Lockouts through the listeners: several replicas at once, cookies, and proxies that are not trusted.

use serde_json::{Value, json};

use crate::accounts::{served, signing_key, unlimited};
use crate::support::api::{Answer, Request, log_in, register};
use crate::support::database::ENGINES;
use crate::support::program::{Server, get};
use crate::support::{Database, Engine};

fn from(ip: &str, email: &str, password: &str) -> Request {
    let body = json!({"email": email, "password": password});
    Request::post("/auth/login", &body).header("x-forwarded-for", ip)
}

/// Many right passwords at once through four replicas, while an attacker guesses: all log in, and five guesses are checked.
#[test]
fn right_passwords_at_once_are_never_refused_by_several_replicas() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let key = signing_key();
        let count = if engine == Engine::Postgres { 4 } else { 1 };
        let replica = || {
            let program = unlimited(&database).env("AUTHSVC_JWT_KEY", &key).env("AUTHSVC_REQUEST_TIMEOUT", "60s");
            program.env("AUTHSVC_TRUSTED_PROXIES", "127.0.0.0/8").env("AUTHSVC_DATABASE_MAX_CONNECTIONS", "8").serve()
        };
        let servers: Vec<Server> = (0..count).map(|_| replica()).collect();
        let servers: Vec<Server> = servers.into_iter().map(Server::ready).collect();
        register(servers[0].public, "ada").status(201);
        database.execute("DELETE FROM known_devices");
        for round in 0..3 {
            database.execute("DELETE FROM known_devices; DELETE FROM login_throttles; UPDATE users SET failed_login_count = 4, locked_until = NULL");
            let at_once = |count: usize, request: &(dyn Fn(usize) -> Request + Sync)| -> Vec<u16> {
                std::thread::scope(|scope| {
                    let servers = &servers;
                    let send = |number: usize| {
                        scope.spawn(move || request(number).send(servers[number % servers.len()].public).status)
                    };
                    let sent: Vec<_> = (0..count).map(send).collect();
                    sent.into_iter().map(|sent| sent.join().unwrap()).collect()
                })
            };
            // four failures before: each attempt could lock the account if it failed
            let right = at_once(40, &|_| from("192.0.2.1", "ada@example.com", "a long password"));
            assert_eq!(right, vec![200; 40], "{engine:?} round {round}");
            assert_eq!(database.one("SELECT failed_login_count + pending_attempts FROM users"), "0", "{engine:?}");
            let mut wrong = at_once(40, &|number| {
                from(&format!("203.0.113.{number}"), "ada@example.com", &format!("guess {number}"))
            });
            wrong.sort_unstable();
            assert_eq!(wrong, [vec![401; 5], vec![429; 35]].concat(), "{engine:?} round {round}");
            database
                .execute("UPDATE users SET failed_login_count = 0, locked_until = NULL; DELETE FROM login_throttles");
            // fifty of one client over many addresses
            let mut sprayed = at_once(70, &|number| {
                from("203.0.113.250", &format!("v{number}@example.com"), &format!("Spring{round}"))
            });
            sprayed.sort_unstable();
            assert_eq!(sprayed, [vec![401; 50], vec![429; 20]].concat(), "{engine:?} round {round}");
        }
    }
}

fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").expect("a cookie of the device").to_owned()
}

#[test]
fn a_device_is_known_by_its_cookie() {
    let database = Database::migrated(Engine::Sqlite);
    let key = signing_key();
    let program = unlimited(&database).env("AUTHSVC_JWT_KEY", &key).env("AUTHSVC_TRUSTED_PROXIES", "127.0.0.0/8");
    let server = program.env("AUTHSVC_PUBLIC_URL", "https://example.com/sso").serve().ready();
    let made = register(server.public, "ada").status(201);
    let set = cookie(&made);
    assert!(set.starts_with("__Secure-authsvc_device="), "{set}");
    for attribute in ["; HttpOnly", "; SameSite=Lax", "; Secure", "; Path=/sso/auth", "; Max-Age=7776000"] {
        assert!(set.contains(attribute), "{set}");
    }
    let pair = set.split(';').next().unwrap().to_owned();
    for number in 0..6 {
        from("203.0.113.1", "ada@example.com", &format!("guess {number}")).send(server.public);
    }
    let stranger = from("198.51.100.1", "ada@example.com", "a long password");
    assert_eq!(stranger.send(server.public).problem(429), "throttled");
    let known =
        from("198.51.100.2", "ada@example.com", "a long password").header("cookie", &format!("a=b; {pair}; c=d"));
    let answer = known.send(server.public).status(200);
    assert_eq!(cookie(&answer).split(';').next().unwrap(), pair, "a known device keeps its cookie");
    let forged = stranger.header("cookie", "__Secure-authsvc_device=0123");
    assert_eq!(forged.send(server.public).problem(429), "throttled");
    // a value that a browser was given elsewhere is not taken over
    let planted = "f".repeat(64);
    let body = json!({"email": "bob@example.com", "username": "bob", "password": "a long password"});
    let planted_cookie = format!("__Secure-authsvc_device={planted}");
    let made = Request::post("/auth/register", &body).header("cookie", &planted_cookie).send(server.public).status(201);
    assert!(!cookie(&made).contains(&planted));
    // a new password forgets devices, except the one that chose it
    let (access, _) = answer.tokens();
    let body = json!({"current_password": "a long password", "new_password": "another long password"});
    let changed = Request::post("/auth/password/change", &body).bearer(&access).header("cookie", &pair);
    let changed = changed.send(server.public).status(204);
    assert_ne!(cookie(&changed).split(';').next().unwrap(), pair);
    assert_eq!(database.one("SELECT count(*) FROM known_devices WHERE user_id = 1"), "2");
}

#[test]
fn a_device_cookie_over_plain_http_has_no_prefix() {
    let database = Database::migrated(Engine::Sqlite);
    let server = served(&database);
    let set = cookie(&register(server.public, "ada").status(201));
    assert!(set.starts_with("authsvc_device=") && set.contains("; HttpOnly; SameSite=Lax; Path=/auth"), "{set}");
    assert!(!set.contains("Secure"), "{set}");
    assert!(log_in(server.public, "ada@example.com", "wrong password").header("set-cookie").is_none());
}

#[test]
fn a_proxy_that_is_not_trusted_is_reported_once() {
    let database = Database::migrated(Engine::Sqlite);
    let server = unlimited(&database).env("AUTHSVC_LOG", "warn").serve().ready();
    let check = |server: &Server| {
        let (_, report) = get(server.admin, "/health/detailed").unwrap();
        let report: Value = serde_json::from_str(&report).unwrap();
        let checks = report["checks"].as_array().unwrap().clone();
        checks.into_iter().find(|check| check["name"] == "client_addresses").unwrap()
    };
    log_in(server.public, "ada@example.com", "x").status(401);
    assert_eq!(check(&server)["status"], "healthy");
    for (header, value) in [("x-forwarded-for", "203.0.113.7"), ("forwarded", "for=203.0.113.7")] {
        let body = json!({"email": "ada@example.com", "password": "y"});
        Request::post("/auth/login", &body).header(header, value).send(server.public).status(401);
    }
    let found = check(&server);
    assert_eq!(found["status"], "degraded", "{found}");
    assert!(found["message"].as_str().unwrap().contains("2 requests"), "{found}");
    assert!(found["hint"].as_str().unwrap().contains("AUTHSVC_TRUSTED_PROXIES"), "{found}");
    assert_eq!(database.one("SELECT DISTINCT ip FROM auth_events"), "127.0.0.1");
    let log = server.stop().success().stderr;
    assert_eq!(log.matches("AUTHSVC_TRUSTED_PROXIES=127.0.0.1").count(), 1, "{log}");
}

/// The client of a trusted proxy is found in either header, with or without a port.
#[test]
fn both_headers_of_a_trusted_proxy_are_read() {
    let database = Database::migrated(Engine::Sqlite);
    let server = unlimited(&database).env("AUTHSVC_TRUSTED_PROXIES", "127.0.0.0/8").serve().ready();
    for (header, value) in [
        ("x-forwarded-for", "203.0.113.7:4711"),
        ("x-forwarded-for", "[2001:db8::7]:4711"),
        ("forwarded", "for=198.51.100.1, for=\"203.0.113.8:80\";proto=https"),
        ("forwarded", "for=\"[2001:db8::8]\""),
        ("forwarded", "for=_hidden"),
    ] {
        let body = json!({"email": "ada@example.com", "password": "x"});
        Request::post("/auth/login", &body).header(header, value).send(server.public).status(401);
    }
    let seen = database.query("SELECT ip FROM auth_events ORDER BY id");
    assert_eq!(seen, ["203.0.113.7", "2001:db8::7", "203.0.113.8", "2001:db8::8", "127.0.0.1"]);
}
