//! Clients that refresh their tokens repeatedly and record the acknowledged responses.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;

use sha2::{Digest as _, Sha256};

use super::Database;
use super::api::{Answer, log_in, refresh, register};

/// One account and its tokens.
pub(crate) struct Client {
    name: String,
    /// Tokens that were acknowledged; the last one is live.
    pub(crate) issued: Vec<String>,
    /// Those that were exchanged for a new one, and this was acknowledged.
    pub(crate) used: Vec<String>,
    /// Requests without an answer, which may have been done.
    pub(crate) unanswered: usize,
    is_in_doubt: bool,
}

impl Client {
    /// Registers and logs in.
    pub(crate) fn new(name: &str, registers: SocketAddr, logs_in: SocketAddr) -> Self {
        let (_, first) = register(registers, name).status(201).tokens();
        let (_, second) = log_in(logs_in, &format!("{name}@example.com"), "a long password").status(200).tokens();
        let issued = vec![first, second];
        Self { name: name.to_owned(), issued, used: Vec::new(), unanswered: 0, is_in_doubt: false }
    }

    /// Uses the live token; whether that was acknowledged. Where an earlier use of it was not answered and was done all
    /// the same, the session is over, and another one is begun.
    pub(crate) fn refresh(&mut self, at: SocketAddr) -> bool {
        let token = self.issued.last().unwrap().clone();
        let mut answer = refresh(at, &token);
        if answer.status == 200 {
            self.used.push(token);
        } else if answer.status == 401 && self.is_in_doubt {
            answer = log_in(at, &format!("{}@example.com", self.name), "a long password");
        }
        self.note(&answer);
        answer.status == 200
    }

    fn note(&mut self, answer: &Answer) {
        if answer.status == 200 {
            self.issued.push(answer.tokens().1);
            self.is_in_doubt = false;
            return;
        }
        assert_eq!(answer.problem(503), "unavailable", "{answer:#?}");
        assert!(answer.header("retry-after").is_some(), "{answer:#?}");
        self.unanswered += 1;
        self.is_in_doubt = true;
    }
}

/// Asserts that the database has every acknowledged token and every acknowledged use of a token. Returns the number of
/// rows that no client received.
pub(crate) fn check(clients: &[Client], database: &Database) -> usize {
    let rows = database.query("SELECT token_hash || ' ' || revoked FROM refresh_tokens");
    let stored: BTreeMap<&str, bool> =
        rows.iter().map(|row| row.split_once(' ').unwrap()).map(|(hash, revoked)| (hash, revoked == "true")).collect();
    for client in clients {
        for token in &client.issued {
            assert!(stored.contains_key(hash(token).as_str()), "an acknowledged token of {} is lost", client.name);
        }
        for token in &client.used {
            assert!(stored[hash(token).as_str()], "an acknowledged use of a token of {} is lost", client.name);
        }
    }
    rows.len() - clients.iter().map(|client| client.issued.len()).sum::<usize>()
}

fn hash(token: &str) -> String {
    Sha256::digest(token).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
