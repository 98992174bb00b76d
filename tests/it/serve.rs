//! Boot, probes and shutdown of the service.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::database::{ENGINES, block_on};
use crate::support::program::get;
use crate::support::{Cluster, Database, Engine, Program, eventually, proxy::Proxy};

#[test]
fn a_newcomer_gets_a_running_service_with_data() {
    let program = Program::new();
    let file = program.directory().join("authsvc.db");
    let server = program.serve().ready();
    assert_eq!(get(server.public, "/livez").unwrap().0, 200);
    assert_eq!(get(server.admin, "/readyz").unwrap(), (200, r#"{"state":"ready"}"#.to_owned()));
    assert_eq!(get(server.public, "/nothing").unwrap().0, 404);
    assert!(file.exists());
    let outcome = server.stop().success();
    assert!(
        outcome.stderr.contains("environment=development") && outcome.stderr.contains("users=13"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn eight_replicas_boot_at_once_on_an_empty_database() {
    for engine in ENGINES {
        for _ in 0..3 {
            let database = Database::empty(engine);
            let servers: Vec<_> =
                (0..8).map(|_| Program::on(&database).env("AUTHSVC_ENV", "development").serve()).collect();
            for server in servers.into_iter().map(crate::support::program::Server::ready).collect::<Vec<_>>() {
                server.stop().success();
            }
            assert_eq!(database.one("SELECT count(*) FROM users"), "13");
            assert_eq!(database.ledger().len(), authsvc::migrate::migrations().len());
        }
    }
}

#[test]
fn a_running_service_notices_that_its_database_is_gone_and_back() {
    let cluster = Cluster::start(&[]);
    let database = Database::on(&cluster, None);
    let mut server = Program::on(&database).serve().ready();
    cluster.crash();
    let (_, body) = eventually("503", || get(server.public, "/readyz").filter(|(status, _)| *status == 503));
    assert!(body.contains("database_gone"), "{body}");
    assert_eq!(get(server.public, "/livez").unwrap().0, 200);
    cluster.launch(&[]);
    server = server.ready();
    server.stop().success();
}

#[test]
fn it_waits_for_a_database_that_is_not_there_yet() {
    let cluster = Cluster::start(&[]);
    let database = Database::on(&cluster, None);
    cluster.crash();
    let server = Program::on(&database).serve();
    let (_, body) =
        eventually("the reason", || get(server.public, "/readyz").filter(|(_, body)| body.contains("waiting")));
    assert!(body.contains("waiting_for_database") && body.contains("refused"), "{body}");
    assert_eq!(get(server.admin, "/livez").unwrap().0, 200);
    cluster.launch(&[]);
    server.ready().stop().success();
}

#[test]
fn it_gives_up_waiting_in_time() {
    let program =
        Program::new().env("DATABASE_URL", "postgres://app@127.0.0.1:1/none").env("AUTHSVC_DATABASE_WAIT", "1s");
    let error = program.serve().running.wait().code(1).error();
    assert!(error.contains("Connection refused") && error.contains("check that the server runs"), "{error}");
}

#[test]
fn probes_answer_in_time_when_the_database_gives_no_answer() {
    let proxy = Proxy::to(Cluster::shared().port);
    let database = Database::migrated(Engine::Postgres);
    let url = proxy.url(&database);
    let server = Program::new().env("DATABASE_URL", &url).serve().ready();
    proxy.stall();
    let begin = Instant::now();
    let (_, body) = eventually("503", || get(server.public, "/readyz").filter(|(status, _)| *status == 503));
    assert!(body.contains("no answer"), "{body}");
    let probe = Instant::now();
    get(server.public, "/readyz").unwrap();
    assert!(probe.elapsed() < Duration::from_secs(2), "{:?}", probe.elapsed());
    assert!(begin.elapsed() < Duration::from_secs(10));
    let probe = Instant::now();
    assert_eq!(get(server.public, "/livez").unwrap().0, 200);
    assert!(probe.elapsed() < Duration::from_secs(1));
}

#[test]
fn sigterm_answers_what_runs_and_exits_with_0() {
    let server = Program::new().env("AUTHSVC_SHUTDOWN_TIMEOUT", "1s").serve().ready();
    // a client that has sent half a request, and will never send the rest
    let mut slow = TcpStream::connect(server.public).unwrap();
    write!(slow, "GET /livez HTTP/1.1\r\nHost: te").unwrap();
    let begin = Instant::now();
    let outcome = server.stop().success();
    assert!(begin.elapsed() < Duration::from_secs(10));
    assert!(outcome.stderr.contains("SIGTERM: stopping"), "{}", outcome.stderr);
}

#[test]
fn sigterm_under_load_answers_everything_that_was_begun() {
    let server = Program::new().serve().ready();
    let (public, admin) = (server.public, server.admin);
    let (stopping, begun) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..16)
            .map(|at| {
                let (stopping, begun) = (&stopping, &begun);
                scope.spawn(move || {
                    let mut answered = 0;
                    loop {
                        if answered == 1 {
                            begun.fetch_add(1, Ordering::SeqCst);
                        }
                        match get(if at % 2 == 0 { public } else { admin }, "/readyz") {
                            Some((200, _)) => answered += 1,
                            // refused, or answered with 503, once it stops
                            Some((503, body)) => return (answered, body.contains("shutting_down")),
                            _ => return (answered, stopping.load(Ordering::SeqCst)),
                        }
                    }
                })
            })
            .collect();
        eventually("load", || (begun.load(Ordering::SeqCst) == 16).then_some(()));
        stopping.store(true, Ordering::SeqCst);
        let outcome = server.stop().success();
        assert!(!outcome.stderr.contains("cut off"), "{}", outcome.stderr);
        for client in clients {
            let (answered, in_order) = client.join().unwrap();
            assert!(answered > 0 && in_order, "a request was lost before the stop, after {answered}");
        }
    });
}

#[test]
fn more_clients_than_descriptors_are_outlived() {
    let program = Program::new().through(&["prlimit", "--nofile=48", "--"]);
    let server = program.serve().ready();
    let clients: Vec<_> = (0..100).filter_map(|_| TcpStream::connect(server.public).ok()).collect();
    assert_eq!(clients.len(), 100);
    drop(clients);
    eventually("an answer", || get(server.public, "/readyz").filter(|(status, _)| *status == 200));
    assert_eq!(get(server.admin, "/health").unwrap().0, 200);
    server.stop().success();
}

#[test]
fn clients_that_say_nothing_do_not_take_the_place_of_probes() {
    let server = Program::new().through(&["prlimit", "--nofile=128", "--"]).serve().ready();
    // they connect: the system holds those for which there is no room
    let silent: Vec<_> = (0..150)
        .map(|_| {
            let mut client = TcpStream::connect(server.public).unwrap();
            write!(client, "GET /livez HTTP/1.1\r\n").unwrap();
            client
        })
        .collect();
    for path in ["/livez", "/readyz", "/health", "/metrics"] {
        assert_eq!(get(server.admin, path).unwrap().0, 200, "{path}");
    }
    drop(silent);
    eventually("an answer", || get(server.public, "/livez").filter(|(status, _)| *status == 200));
    server.stop().success();
}

#[test]
fn a_client_that_is_slow_to_ask_is_let_go() {
    use authsvc::http::{ListenerLimits, serve};
    use std::io::Read;

    block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = axum::Router::new().route("/", axum::routing::get(|| async { "here" }));
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let limits = ListenerLimits { most: 1, head: Duration::from_millis(100) };
        let serving = tokio::spawn(serve(listener, router, limits, stopped));
        let clients = tokio::task::spawn_blocking(move || {
            let mut slow = TcpStream::connect(address).unwrap();
            write!(slow, "GET / HTTP/1.1\r\nHost: te").unwrap();
            // there is room for one: this one waits for the end of the other
            assert_eq!(get(address, "/").unwrap().1, "here");
            slow.read_to_string(&mut String::new()).unwrap_or_default();
        });
        clients.await.unwrap();
        stop.send(true).unwrap();
        serving.await.unwrap();
    });
}

#[test]
fn a_client_that_has_asked_nothing_does_not_hold_up_the_end() {
    use authsvc::http::{ListenerLimits, serve};

    block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut silent = TcpStream::connect(address).unwrap();
        write!(silent, "GET / HTTP/1.1\r\n").unwrap();
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let limits = ListenerLimits { most: 2, head: Duration::from_secs(3600) };
        let serving = tokio::spawn(serve(listener, axum::Router::new(), limits, stopped));
        // once the second one has its answer, the first is connected, too
        let second = tokio::task::spawn_blocking(move || get(address, "/").unwrap().0);
        assert_eq!(second.await.unwrap(), 404);
        stop.send(true).unwrap();
        serving.await.unwrap();
    });
}

#[test]
fn sigterm_while_waiting_for_the_database_stops_at_once() {
    let server = Program::new().env("DATABASE_URL", "postgres://app@127.0.0.1:1/none").serve();
    eventually("listening", || get(server.public, "/livez"));
    server.stop().success();
}

#[test]
fn an_address_in_use_is_an_error_that_names_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let program = Program::new().env("AUTHSVC_LISTEN", &address);
    let error = program.run(&["serve"]).code(1).error();
    assert!(error.contains(&address) && error.contains("cannot bind"), "{error}");
    assert!(!program.directory().join("authsvc.db").exists());
}
