//! An end of a session wins over a simultaneous refresh, and over a login with a password that is being changed.
//!
//! Each race runs many rounds through the HTTP API, on PostgreSQL through two replicas. A thief refreshes at full speed
//! while the session ends. A request that the thief begins after the end was acknowledged must not succeed.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::Scope;

use serde_json::json;

use crate::accounts::{events, signing_key, unlimited};
use crate::support::api::{Answer, Request, log_in, me, refresh, register};
use crate::support::database::ENGINES;
use crate::support::program::Server;
use crate::support::{Database, Engine, SetOnDrop};

const OLD: &str = "a long password";
const NEW: &str = "another long password";

/// The service on one database: two replicas on PostgreSQL, one process on SQLite.
pub(crate) struct Service {
    pub(crate) database: Database,
    servers: Vec<Server>,
}

impl Service {
    pub(crate) fn start(engine: Engine) -> Self {
        let database = Database::migrated(engine);
        let key = signing_key();
        let count = if engine == Engine::Postgres { 2 } else { 1 };
        let replica = || {
            let program = unlimited(&database).env("AUTHSVC_JWT_KEY", &key);
            program.env("AUTHSVC_PUBLIC_URL", "https://auth.example.com").env("AUTHSVC_LOG", "info").serve()
        };
        let servers: Vec<_> = (0..count).map(|_| replica()).collect();
        let servers = servers.into_iter().map(Server::ready).collect();
        Self { database, servers }
    }

    /// One of the replicas.
    pub(crate) fn at(&self, number: usize) -> SocketAddr {
        self.servers[number % self.servers.len()].public
    }

    fn session(&self, password: &str) -> (String, String) {
        log_in(self.at(0), "ada@example.com", password).status(200).tokens()
    }

    /// An operator unlocks the account and the client.
    pub(crate) fn unlock(&self) {
        self.database.execute(
            "UPDATE users SET failed_login_count = 0, locked_until = NULL, active = TRUE, deleted_at = NULL; DELETE FROM login_throttles",
        );
    }
}

/// Refreshes until it is refused, or until a request succeeds that was begun after the end; whether one did.
fn survives(service: &Service, mut token: String, is_ended: &AtomicBool, refreshed: &Sender<String>) -> bool {
    for number in 0.. {
        let began_after_end = is_ended.load(Ordering::SeqCst);
        let answer = refresh(service.at(number), &token);
        if answer.status != 200 {
            assert_eq!(answer.status, 401, "{answer:#?}");
            return false;
        }
        if began_after_end {
            return true;
        }
        token = answer.tokens().1;
        // the test listens until the thief is at full speed
        let _ = refreshed.send(token.clone());
    }
    false
}

/// How a session is ended by its owner, who has another session, or by an operator.
type End = fn(&Service, &Stolen);

/// What the owner knows of the session that the thief has, and of another one.
struct Stolen {
    session: String,
    /// The thief has refreshed with it and with the token that followed.
    used_token: String,
    access: String,
    refresh: String,
}

fn ended(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{answer:#?}");
}

const ENDS: [(&str, End); 7] = [
    ("log out everywhere", |service, stolen| {
        let body = json!({"refresh_token": stolen.refresh, "all": true});
        ended(&Request::post("/auth/logout", &body).send(service.at(1)), 204);
    }),
    ("log out", |service, stolen| {
        let body = json!({"refresh_token": stolen.used_token});
        ended(&Request::post("/auth/logout", &body).send(service.at(1)), 204);
    }),
    ("end one session", |service, stolen| {
        let path = format!("/api/me/sessions/{}", stolen.session);
        ended(&Request::new("DELETE", &path).bearer(&stolen.access).send(service.at(1)), 204);
    }),
    ("change the password", |service, stolen| {
        ended(&change_password(service.at(1), &stolen.access, OLD, NEW), 204);
        let (access, _) = service.session(NEW);
        ended(&change_password(service.at(1), &access, NEW, OLD), 204);
    }),
    ("use a token twice", |service, stolen| ended(&refresh(service.at(1), &stolen.used_token), 401)),
    ("disable the account", |service, _| service.database.execute("UPDATE users SET active = FALSE")),
    ("delete the account", |service, _| service.database.execute("UPDATE users SET deleted_at = created_at")),
];

fn change_password(at: SocketAddr, access: &str, current: &str, new: &str) -> Answer {
    let body = json!({"current_password": current, "new_password": new});
    Request::post("/auth/password/change", &body).bearer(access).send(at)
}

fn round<'scope>(service: &'scope Service, scope: &'scope Scope<'scope, '_>, end: End) -> bool {
    let (thief_access, first) = service.session(OLD);
    let (access, owners) = service.session(OLD);
    let session = me_session(service, &thief_access, &access);
    let is_ended: &'static AtomicBool = Box::leak(Box::new(AtomicBool::new(false)));
    let (send, refreshed) = mpsc::channel();
    let used_token = first.clone();
    let thief = scope.spawn(move || survives(service, first, is_ended, &send));
    // the thief also stops when an assertion of this thread fails
    let after_end = SetOnDrop(is_ended);
    (0..3).for_each(|_| drop(refreshed.recv().expect("the thief refreshes until the end")));
    end(service, &Stolen { session, used_token, access, refresh: owners });
    drop(after_end);
    thief.join().unwrap()
}

/// The id of the session of the first access token, which the owner finds with the second one.
fn me_session(service: &Service, thief: &str, owner: &str) -> String {
    ended(&me(service.at(1), thief), 200);
    let sessions = Request::new("GET", "/api/me/sessions").bearer(owner).send(service.at(1)).status(200).json();
    // newest first: the owner's, then the thief's
    sessions[1]["id"].to_string()
}

#[test]
fn an_ended_session_does_not_survive_a_refresh_at_that_moment() {
    for engine in ENGINES {
        let service = Service::start(engine);
        register(service.at(0), "ada").status(201);
        let rounds = if engine == Engine::Postgres { 20 } else { 6 };
        for (name, end) in ENDS {
            let survivors = (0..rounds).filter(|_| {
                service.unlock();
                std::thread::scope(|scope| round(&service, scope, end))
            });
            assert_eq!(survivors.count(), 0, "{engine:?}: {name}: of {rounds} rounds");
        }
        assert_eq!(events(&service.database, "refresh_token_reused"), rounds.to_string(), "{engine:?}: one each");
    }
}

/// Logs in with the old password until it is refused; the refresh tokens.
fn enter_until_refused(service: &Service, first: usize, is_over: &AtomicBool) -> Vec<String> {
    let mut tokens = Vec::new();
    for number in first.. {
        if is_over.load(Ordering::SeqCst) {
            break;
        }
        let answer = log_in(service.at(number), "ada@example.com", OLD);
        if answer.status != 200 {
            assert!([401, 429].contains(&answer.status), "{answer:#?}");
            break;
        }
        tokens.push(answer.tokens().1);
    }
    tokens
}

#[test]
fn no_session_of_an_old_password_outlives_its_change() {
    for engine in ENGINES {
        let service = Service::start(engine);
        let service = &service;
        register(service.at(0), "ada").status(201);
        let rounds = if engine == Engine::Postgres { 12 } else { 5 };
        for number in 0..rounds {
            service.unlock();
            let (access, _) = service.session(OLD);
            let is_over = &AtomicBool::new(false);
            let entered: Vec<String> = std::thread::scope(|scope| {
                let enter = |client| scope.spawn(move || enter_until_refused(service, client, is_over));
                let clients: Vec<_> = (0..3).map(enter).collect();
                let _after_change = SetOnDrop(is_over);
                ended(&change_password(service.at(number), &access, OLD, NEW), 204);
                clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
            });
            let survivors = entered.iter().filter(|token| refresh(service.at(0), token).status == 200).count();
            assert_eq!(survivors, 0, "{engine:?}: of {} sessions", entered.len());
            service.unlock();
            let (access, _) = service.session(NEW);
            ended(&change_password(service.at(0), &access, NEW, OLD), 204);
        }
    }
}
