//! The owner of an address claims it while the old holder logs in and refreshes at full speed. No session of the old
//! holder survives. Of several registrations at once, one gets the address. On PostgreSQL the races run through two
//! replicas.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::session_races::Service;
use crate::support::api::{Request, log_in as enter, me, refresh};
use crate::support::database::ENGINES;
use crate::support::logins::{ADA, google, log_in, program};
use crate::support::visitor::Visitor;
use crate::support::{Database, Engine, SetOnDrop};

const OLD: &str = "a long password";
const NEW: &str = "another long password";

fn register(to: SocketAddr, name: &str, password: &str) -> u16 {
    let body = json!({"email": "ada@example.com", "username": name, "password": password});
    Request::post("/auth/register", &body).send(to).status
}

/// Logs in and refreshes until it is over; the tokens of every session that was begun.
fn hold_on(at: impl Fn(usize) -> SocketAddr, is_over: &AtomicBool) -> Vec<(String, String)> {
    let mut sessions = Vec::new();
    for number in 0.. {
        if is_over.load(Ordering::SeqCst) {
            break;
        }
        let answer = enter(at(number), "ada@example.com", OLD);
        if answer.status == 200 {
            let (access, token) = answer.tokens();
            let next = refresh(at(number + 1), &token);
            sessions.push(if next.status == 200 { next.tokens() } else { (access, token) });
        }
    }
    sessions
}

fn survivors(at: SocketAddr, sessions: &[(String, String)]) -> usize {
    let survives =
        |(access, token): &&(String, String)| me(at, access).status == 200 || refresh(at, token).status == 200;
    sessions.iter().filter(survives).count()
}

fn age(database: &Database, engine: Engine) {
    database.execute(match engine {
        Engine::Postgres => {
            "UPDATE users SET created_at = created_at - INTERVAL '25 hours'; DELETE FROM login_throttles"
        }
        Engine::Sqlite => "UPDATE users SET created_at = '2020-01-01T00:00:00.000+00:00'; DELETE FROM login_throttles",
    });
}

#[test]
fn one_registration_takes_an_address_over_and_no_session_of_the_old_holder_survives() {
    for engine in ENGINES {
        let service = Service::start(engine);
        let service = &service;
        let rounds = if engine == Engine::Postgres { 15 } else { 8 };
        for round in 0..rounds {
            service.database.execute("DELETE FROM users");
            assert_eq!(register(service.at(0), "holder", OLD), 201);
            age(&service.database, engine);
            let is_over = &AtomicBool::new(false);
            let (codes, sessions) = std::thread::scope(|scope| {
                let holders: Vec<_> = (0..2)
                    .map(|first| scope.spawn(move || hold_on(|number| service.at(first + number), is_over)))
                    .collect();
                let owners: Vec<_> = (0..4)
                    .map(|number| scope.spawn(move || register(service.at(number), &format!("owner{number}"), NEW)))
                    .collect();
                let after_owners = SetOnDrop(is_over);
                let mut codes: Vec<u16> = owners.into_iter().map(|owner| owner.join().unwrap()).collect();
                drop(after_owners);
                codes.sort_unstable();
                (codes, holders.into_iter().flat_map(|holder| holder.join().unwrap()).collect::<Vec<_>>())
            });
            assert_eq!(codes, [201, 409, 409, 409], "{engine:?}, round {round}");
            assert_eq!(survivors(service.at(round), &sessions), 0, "{engine:?}, round {round}: of {}", sessions.len());
            let database = &service.database;
            assert_eq!(
                database.one("SELECT count(*) FROM users WHERE email = 'ada@example.com' AND deleted_at IS NULL"),
                "1"
            );
            assert_eq!(database.one("SELECT count(*) FROM users WHERE username LIKE 'released-%'"), "1");
            assert_eq!(database.one("SELECT count(*) FROM refresh_tokens r JOIN users u ON u.id = r.user_id WHERE NOT revoked AND deleted_at IS NOT NULL"), "0");
        }
    }
}

#[test]
fn no_session_of_an_old_holder_survives_the_first_link() {
    for engine in ENGINES {
        let (database, double) = (Database::migrated(engine), google());
        let limits = |program: crate::support::Program| {
            program.env("AUTHSVC_RATE_LIMIT", "off").env("AUTHSVC_PASSWORD_RATE_LIMIT", "off")
        };
        let server = limits(program(&database, &double)).serve().ready();
        let rounds = if engine == Engine::Postgres { 12 } else { 6 };
        for round in 0..rounds {
            database.execute("DELETE FROM users; DELETE FROM login_throttles");
            assert_eq!(register(server.public, "holder", OLD), 201);
            if round % 2 == 1 {
                database.execute("UPDATE users SET email_verified = TRUE");
            }
            let is_over = &AtomicBool::new(false);
            let to = server.public;
            let (entered, sessions) = std::thread::scope(|scope| {
                let holders: Vec<_> = (0..3).map(|_| scope.spawn(move || hold_on(|_| to, is_over))).collect();
                let after_login = SetOnDrop(is_over);
                let entered = log_in(&double, &mut Visitor::of(to), ADA);
                drop(after_login);
                (entered, holders.into_iter().flat_map(|holder| holder.join().unwrap()).collect::<Vec<_>>())
            });
            let (access, token) = entered.status(200).tokens();
            assert_eq!(survivors(to, &sessions), 0, "{engine:?}, round {round}: of {} sessions", sessions.len());
            me(to, &access).status(200);
            refresh(to, &token).status(200);
        }
        server.stop().success();
    }
}
