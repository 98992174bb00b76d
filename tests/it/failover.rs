//! A primary that is lost, demoted or silent, and a standby that replaces it while the service runs.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use crate::support::clients::{Client, check};
use crate::support::program::{Server, get};
use crate::support::proxy::Proxy;
use crate::support::{CANARY_ENCODED, Cluster, Database, Program, SetOnDrop, eventually};

const CLIENTS: usize = 6;

/// Two servers, one of which follows the other, and a database on both.
pub(crate) struct Pair {
    pub(crate) primary: Cluster,
    pub(crate) standby: Cluster,
    pub(crate) database: Database,
}

impl Pair {
    pub(crate) fn start(standby: &[&str]) -> Self {
        // what is committed can be read on the standby
        let primary = Cluster::start(&["synchronous_commit=remote_apply"]);
        let standby = primary.standby(standby);
        let database = Database::on(&primary, None);
        Program::on(&database).run(&["migrate"]).success();
        Self { primary, standby, database }
    }

    /// The standby is named first, so that what finds the primary has passed it.
    pub(crate) fn url(&self, attrs: &str) -> String {
        let (one, other, name) = (self.standby.port, self.primary.port, self.database.name());
        let hosts = format!("127.0.0.1:{one},127.0.0.1:{other}");
        format!("postgres://app:{CANARY_ENCODED}@{hosts}/{name}?target_session_attrs={attrs}&connect_timeout=1")
    }
}

fn served(url: &str) -> Server {
    let program = Program::new().env("DATABASE_URL", url).env("AUTHSVC_ENV", "test");
    program.env("AUTHSVC_RATE_LIMIT", "off").env("AUTHSVC_PASSWORD_RATE_LIMIT", "off").serve().ready()
}

fn unready(server: &Server, why: &str) -> String {
    eventually("it is not ready", || {
        get(server.public, "/readyz").filter(|(status, body)| *status == 503 && body.contains(why))
    })
    .1
}

fn ready(server: &Server) {
    eventually("it is ready again", || get(server.public, "/readyz").filter(|(status, _)| *status == 200));
}

#[test]
fn a_primary_killed_under_a_stream_of_refreshes_costs_no_acknowledged_write() {
    let pair = Pair::start(&[]);
    let server = served(&pair.url("read-write"));
    let (public, done, answered) = (server.public, AtomicBool::new(false), AtomicUsize::new(0));
    let clients: Vec<_> = (0..CLIENTS).map(|number| Client::new(&format!("client{number}"), public, public)).collect();
    let stream = |mut client: Client| {
        while !done.load(Ordering::SeqCst) {
            if client.refresh(public) {
                answered.fetch_add(1, Ordering::SeqCst);
            }
        }
        client
    };
    let more = |count: usize| {
        let before = answered.load(Ordering::SeqCst);
        eventually("refreshes", || (answered.load(Ordering::SeqCst) >= before + count).then_some(()));
    };
    let clients: Vec<Client> = std::thread::scope(|scope| {
        let _ends = SetOnDrop(&done);
        let running: Vec<_> = clients.into_iter().map(|client| scope.spawn(|| stream(client))).collect();
        more(100);
        let lost = Instant::now();
        pair.primary.signal("KILL");
        let body = unready(&server, "none of the 2 hosts can be used");
        for reason in [
            format!("127.0.0.1:{}: the server is read-only", pair.standby.port),
            format!("127.0.0.1:{}: no connection", pair.primary.port),
        ] {
            assert!(body.contains(&reason), "{body}");
        }
        assert_eq!(get(public, "/livez").unwrap().0, 200);
        let promoted = Instant::now();
        pair.standby.promote();
        more(1);
        println!("{:?} without a refresh, of which {:?} after the promotion", lost.elapsed(), promoted.elapsed());
        more(100);
        ready(&server);
        done.store(true, Ordering::SeqCst);
        running.into_iter().map(|client| client.join().unwrap()).collect()
    });
    let unanswered: usize = clients.iter().map(|client| client.unanswered).sum();
    let untold = check(&clients, &pair.database.seen_on(&pair.standby));
    assert!(untold <= unanswered, "{untold} rows without an answer, {unanswered} requests without an answer");
    server.stop().success();
}

#[test]
fn a_primary_that_was_demoted_is_left_without_a_restart() {
    let pair = Pair::start(&[]);
    let server = served(&pair.url("read-write"));
    let mut client = Client::new("ada", server.public, server.public);
    assert!(client.refresh(server.public));
    // its sessions live on, and none of them can write any more
    pair.primary.configure("SET default_transaction_read_only = on");
    eventually("a refusal", || (!client.refresh(server.public)).then_some(()));
    unready(&server, "none of the 2 hosts can be used");
    pair.standby.promote();
    ready(&server);
    assert!(client.refresh(server.public));
    let after = pair.database.seen_on(&pair.standby);
    assert_eq!(check(&[client], &after), 0, "what was refused is not there");
    server.stop().success();
}

#[test]
fn one_address_that_leads_to_another_server_is_followed() {
    let pair = Pair::start(&[]);
    let proxy = Proxy::to(pair.primary.port);
    let url = pair.database.url.replace(&pair.primary.port.to_string(), &proxy.address.port().to_string());
    let server = served(&url);
    let mut client = Client::new("ada", server.public, server.public);
    pair.standby.promote();
    pair.primary.configure("SET default_transaction_read_only = on");
    eventually("a refusal", || (!client.refresh(server.public)).then_some(()));
    unready(&server, "the server is read-only");
    // the old connections stay open, through the proxy
    proxy.turn_to(pair.standby.port);
    ready(&server);
    assert!(client.refresh(server.public));
    server.stop().success();
}

#[test]
fn a_primary_that_gives_no_answer_is_left_and_nobody_waits_for_it() {
    let pair = Pair::start(&[]);
    let server = served(&pair.url("primary"));
    let mut client = Client::new("ada", server.public, server.public);
    let public = server.public;
    // under way on the server when it falls silent
    let mut lock = pair.database.session();
    lock.execute("BEGIN; SELECT id FROM refresh_tokens FOR UPDATE");
    let waiting = std::thread::spawn(move || {
        assert!(!client.refresh(public));
        client
    });
    let blocked =
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    eventually("the request", || (pair.database.one(blocked) == "1").then_some(()));
    pair.primary.signal("STOP");
    unready(&server, "none of the 2 hosts can be used");
    pair.standby.promote();
    ready(&server);
    let mut client = waiting.join().unwrap();
    assert!(client.refresh(public));
    assert_eq!(check(&[client], &pair.database.seen_on(&pair.standby)), 0);
    server.stop().success();
    pair.primary.signal("CONT");
}
