//! Lockouts after failed logins, and rate limits of clients.

use serde_json::json;

use crate::accounts::{events, served, signing_key};
use crate::session_races::Service;
use crate::support::api::{Answer, Request, log_in, register};
use crate::support::database::ENGINES;
use crate::support::{Database, Engine, Program};

fn retry_after(answer: &Answer) -> u64 {
    answer.header("retry-after").unwrap().parse().unwrap()
}

#[test]
fn five_failures_lock_and_an_unknown_address_is_locked_alike() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = served(&database);
        register(server.public, "ada").status(201);
        let course = |email: &str| {
            let mut course = Vec::new();
            for _ in 0..7 {
                let answer = log_in(server.public, email, "wrong password");
                let wait = answer.header("retry-after").map(|seconds| seconds.parse::<u64>().unwrap());
                course.push((answer.status, answer.json()["code"].clone(), wait.map(|wait| (28..=30).contains(&wait))));
            }
            course
        };
        let (known, unknown) = (course("ada@example.com"), course("nobody@example.com"));
        assert_eq!(known, unknown, "{engine:?}");
        assert_eq!(known[4], (401, "credentials".into(), None));
        assert_eq!(known[5], (429, "throttled".into(), Some(true)));
        let right = log_in(server.public, "ada@example.com", "a long password");
        assert_eq!(right.problem(429), "throttled", "also with the right password");
        assert_eq!(events(&database, "account_locked"), "1");
        assert_eq!(events(&database, "login_failed"), "15");
        assert_eq!(database.one("SELECT failed_login_count FROM users"), "5", "no attempt counts while it is locked");
        // an operator lets them in again
        database.execute("UPDATE users SET locked_until = NULL");
        log_in(server.public, "ada@example.com", "wrong password").status(401);
        let twice = log_in(server.public, "ada@example.com", "a long password");
        assert!((58..=60).contains(&retry_after(&twice)), "each further one takes twice as long");
        database.execute("UPDATE users SET locked_until = NULL");
        log_in(server.public, "ada@example.com", "a long password").status(200);
        assert_eq!(database.one("SELECT failed_login_count FROM users"), "0");
    }
}

#[test]
fn a_lock_has_an_end_and_is_never_long() {
    for engine in ENGINES {
        let database = crate::backup::seeded(engine);
        let server = served(&database);
        let locked = log_in(server.public, "locked@example.com", "correct-horse-battery");
        assert_eq!(locked.problem(429), "throttled");
        assert!((3590..=3600).contains(&retry_after(&locked)));
        let past = match engine {
            Engine::Postgres => "CURRENT_TIMESTAMP - INTERVAL '1 second'",
            Engine::Sqlite => "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '-1 seconds')",
        };
        database.execute(&format!(
            "UPDATE users SET locked_until = {past}, failed_login_count = 2000000000 WHERE username = 'locked'"
        ));
        log_in(server.public, "locked@example.com", "wrong").status(401);
        let longest = log_in(server.public, "locked@example.com", "correct-horse-battery");
        assert!((898..=900).contains(&retry_after(&longest)), "a quarter of an hour");
        database.execute(&format!("UPDATE users SET locked_until = {past} WHERE username = 'locked'"));
        log_in(server.public, "locked@example.com", "correct-horse-battery").status(200);
    }
}

#[test]
fn a_client_that_tries_many_addresses_is_blocked_and_others_are_not() {
    let database = Database::migrated(Engine::Postgres);
    let program = Program::on(&database).env("AUTHSVC_ENV", "test").env("AUTHSVC_TRUSTED_PROXIES", "127.0.0.0/8");
    let server = program.env("AUTHSVC_PASSWORD_RATE_LIMIT", "off").serve().ready();
    let from = |ip: &str, email: &str| {
        let body = json!({"email": email, "password": "some password"});
        Request::post("/auth/login", &body).header("x-forwarded-for", ip).send(server.public)
    };
    for number in 0..50 {
        // a client can choose the rest of an IPv6 address, and every address before the last one of the header
        from(&format!("203.0.113.9, 2001:db8:1:2::{number:x}"), &format!("n{number}@example.com")).status(401);
    }
    assert_eq!(from("2001:db8:1:2:ffff::1", "n99@example.com").problem(429), "throttled");
    assert_eq!(from("2001:db8:1:3::1", "n99@example.com").problem(401), "credentials");
    assert_eq!(database.one("SELECT failures FROM login_throttles WHERE subject = 'ip:2001:db8:1:2::'"), "50");
    assert_eq!(database.one("SELECT DISTINCT ip FROM auth_events WHERE email = 'n7@example.com'"), "2001:db8:1:2::7");
}

/// Sixty at once get as many checks as five in a row, also where two replicas answer them; right ones wait for each
/// other.
#[test]
fn many_attempts_at_once_are_checked_as_often_as_the_limit_allows() {
    for engine in ENGINES {
        let service = Service::start(engine);
        let service = &service;
        register(service.at(0), "ada").status(201);
        let at_once = |count: usize, password: &'static str, email: &'static str| {
            let mut codes: Vec<u16> = std::thread::scope(|scope| {
                let tries: Vec<_> = (0..count)
                    .map(|number| scope.spawn(move || log_in(service.at(number), email, password).status))
                    .collect();
                tries.into_iter().map(|tried| tried.join().unwrap()).collect()
            });
            codes.sort_unstable();
            codes
        };
        let limited = [vec![401; 5], vec![429; 55]].concat();
        for email in ["ada@example.com", "nobody@example.com"] {
            assert_eq!(at_once(60, "wrong password", email), limited, "{engine:?} {email}");
            assert_eq!(log_in(service.at(0), email, "a long password").problem(429), "throttled");
        }
        assert_eq!(service.database.one("SELECT failed_login_count FROM users"), "5", "{engine:?}");
        assert_eq!(events(&service.database, "account_locked"), "1", "{engine:?}");
        service.unlock();
        assert_eq!(at_once(20, "a long password", "ada@example.com"), vec![200; 20], "{engine:?}");
        assert_eq!(service.database.one("SELECT failed_login_count FROM users WHERE locked_until IS NULL"), "0");
        assert_eq!(service.database.one("SELECT count(*) FROM login_throttles"), "0", "{engine:?}: all are given back");
    }
}

#[test]
fn only_a_trusted_proxy_is_believed() {
    let database = Database::migrated(Engine::Sqlite);
    let server = served(&database);
    let body = json!({"email": "ada@example.com", "password": "some password"});
    Request::post("/auth/login", &body).header("x-forwarded-for", "203.0.113.9").send(server.public).status(401);
    assert_eq!(database.one("SELECT ip FROM auth_events"), "127.0.0.1");
}

#[test]
fn who_asks_too_often_is_told_when_to_come_back() {
    let database = Database::migrated(Engine::Sqlite);
    let program = Program::on(&database).env("AUTHSVC_JWT_KEY", &signing_key()).env("AUTHSVC_RATE_LIMIT", "6/m");
    let server = program.env("AUTHSVC_PASSWORD_RATE_LIMIT", "2/m").serve().ready();
    let codes: Vec<u16> = (0..6).map(|_| log_in(server.public, "a@example.com", "x").status).collect();
    assert_eq!(codes, [401, 401, 401, 401, 429, 429]);
    let refused = log_in(server.public, "a@example.com", "x");
    assert_eq!(refused.problem(429), "rate_limited");
    assert!((1..=30).contains(&retry_after(&refused)), "{refused:?}");
    assert_eq!(events(&database, "login_failed"), "4", "what is refused so costs the database nothing");
    let codes: Vec<u16> = (0..13).map(|_| Request::new("GET", "/api/me").send(server.public).status).collect();
    assert_eq!(codes.iter().filter(|code| **code == 401).count(), 12);
    assert_eq!(codes[12], 429);
    Request::new("GET", "/readyz").send(server.public).status(200);
}
