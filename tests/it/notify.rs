//! Notifications to a supervisor such as systemd, over a real socket of each kind.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use crate::support::{Cluster, Database, Engine, Program};

/// A supervisor's end of the socket.
struct Ear(UnixDatagram);

impl Ear {
    fn at(address: &SocketAddr) -> Self {
        let socket = UnixDatagram::bind_addr(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self(socket)
    }

    fn next(&self) -> String {
        let mut message = [0; 4096];
        let length = self.0.recv(&mut message).expect("a message within 20 seconds");
        String::from_utf8(message[..length].to_vec()).unwrap()
    }

    /// All that is said up to a message, which is the last.
    fn until(&self, wanted: &str) -> Vec<String> {
        let mut heard = vec![self.next()];
        while !heard.last().unwrap().contains(wanted) {
            heard.push(self.next());
        }
        heard
    }
}

#[test]
fn a_supervisor_hears_of_every_stage() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let ear = Ear::at(&SocketAddr::from_pathname(&path).unwrap());
    let server = Program::new().env("NOTIFY_SOCKET", path.to_str().unwrap()).serve();
    let heard = ear.until("READY=1");
    let newest = authsvc::migrate::newest();
    assert!(heard.contains(&format!("STATUS=migrating to {newest}, at {newest}")), "{heard:?}");
    assert!(heard.contains(&"STATUS=inserting development data".to_owned()), "{heard:?}");
    assert_eq!(heard.last().unwrap(), "READY=1\nSTATUS=ready");
    server.ready().stop().success();
    assert_eq!(ear.next(), "STOPPING=1\nSTATUS=stopping");
}

#[test]
fn a_watchdog_hears_a_beat_in_the_abstract_namespace() {
    let name = format!("authsvc-test-{}", std::process::id());
    let ear = Ear::at(&SocketAddr::from_abstract_name(&name).unwrap());
    let server = Program::new().env("NOTIFY_SOCKET", &format!("@{name}")).env("WATCHDOG_USEC", "20000").serve();
    let before = ear.until("READY=1");
    assert!(!before.contains(&"WATCHDOG=1".to_owned()), "{before:?}");
    assert_eq!([ear.next(), ear.next(), ear.next()], ["WATCHDOG=1"; 3].map(str::to_owned));
    server.running.signal("TERM");
    ear.until("STOPPING=1");
    server.running.wait().success();
}

#[test]
fn the_watchdog_of_another_process_hears_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let ear = Ear::at(&SocketAddr::from_pathname(&path).unwrap());
    let program = Program::new().env("NOTIFY_SOCKET", path.to_str().unwrap()).env("WATCHDOG_USEC", "20000");
    // as a wrapper leaves it that does not clear its environment
    let server = program.env("WATCHDOG_PID", "1").serve();
    ear.until("READY=1");
    server.running.signal("TERM");
    let heard = ear.until("STOPPING=1");
    server.running.wait().success();
    assert!(!heard.contains(&"WATCHDOG=1".to_owned()), "{heard:?}");
}

#[test]
fn a_supervisor_hears_why_it_takes_so_long() {
    let cluster = Cluster::start(&[]);
    let database = Database::on(&cluster, None);
    cluster.crash();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let ear = Ear::at(&SocketAddr::from_pathname(&path).unwrap());
    let server = Program::on(&database).env("NOTIFY_SOCKET", path.to_str().unwrap()).serve();
    let heard = ear.until("STATUS=waiting for the database: ");
    // P10: the text appears in the journal
    crate::support::program::assert_no_secret(&heard.concat());
    cluster.launch(&[]);
    ear.until("READY=1");
    server.stop().success();
}

#[test]
fn a_supervisor_that_is_gone_takes_nothing_with_it() {
    let database = Database::migrated(Engine::Sqlite);
    for socket in ["/nowhere/notify", "@nobody"] {
        let server = Program::on(&database).env("NOTIFY_SOCKET", socket).env("WATCHDOG_USEC", "1000").serve();
        server.ready().stop().success();
    }
    let error = Program::on(&database).env("NOTIFY_SOCKET", "@x").env("WATCHDOG_USEC", "soon").run(&["serve"]);
    assert!(error.code(2).error().contains("WATCHDOG_USEC: `soon` is not a number of microseconds"));
}
