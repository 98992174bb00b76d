//! Resources that clients can exhaust: connections, hashing capacity, memory, event rows. Many clients test each limit
//! at once.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::accounts::{events, served, unlimited};
use crate::support::api::{Answer, Request, log_in, register};
use crate::support::database::ENGINES;
use crate::support::program::{Server, get};
use crate::support::{Database, Engine, Program, SetOnDrop, eventually};

/// The service as an operator runs it, with addresses that clients choose.
fn behind_proxy(database: &Database) -> Program {
    unlimited(database).env("AUTHSVC_TRUSTED_PROXIES", "127.0.0.1")
}

fn log_in_from(server: SocketAddr, ip: &str, email: &str, password: &str) -> Answer {
    let body = json!({"email": email, "password": password});
    Request::post("/auth/login", &body).header("x-forwarded-for", ip).send(server)
}

/// A figure of the metrics.
fn figure(server: &Server, name: &str) -> f64 {
    let (status, text) = get(server.admin, "/metrics").unwrap();
    assert_eq!(status, 200);
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name} in {text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Kibibytes of memory that a process has in use.
fn resident(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.running.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn the_soft_limit_of_open_files_is_raised_to_the_hard_one() {
    let database = Database::migrated(Engine::Sqlite);
    let server = unlimited(&database).through(&["prlimit", "--nofile=300:4000"]).serve().ready();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.running.id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert_eq!(line.split_whitespace().skip(3).take(2).collect::<Vec<_>>(), ["4000", "4000"], "{line}");
}

#[test]
fn idle_connections_of_one_address_leave_room_for_logins() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = unlimited(&database).through(&["prlimit", "--nofile=1024:1024"]).serve().ready();
        register(server.public, "ada").status(201);
        let half = format!("GET /api/me HTTP/1.1\r\nHost: test\r\nX-Filler: {}", "a".repeat(30_000));
        let idle: Vec<TcpStream> = (0..600)
            .map(|number| {
                let mut stream = TcpStream::connect(server.public).unwrap();
                if number % 2 == 0 {
                    let _ = stream.write_all(half.as_bytes());
                }
                stream
            })
            .collect();
        let begin = Instant::now();
        log_in(server.public, "ada@example.com", "a long password").status(200);
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
        assert!(figure(&server, "authsvc_http_connections{listener=\"public\"}") <= 256.0);
        assert!(
            figure(&server, "authsvc_http_connections_closed_total{listener=\"public\",reason=\"displaced\"}") >= 300.0
        );
        for path in ["/livez", "/readyz", "/metrics"] {
            assert_eq!(get(server.admin, path).unwrap().0, 200, "{path}");
        }
        drop(idle);
        eventually("the places are free", || {
            (figure(&server, "authsvc_http_connections{listener=\"public\"}") < 2.0).then_some(())
        });
    }
}

/// Without any file left the listener continues, and closes connections that only wait.
#[test]
fn a_process_without_files_takes_connections_again() {
    let database = Database::migrated(Engine::Sqlite);
    let server = unlimited(&database).through(&["prlimit", "--nofile=64:64"]).serve().ready();
    let idle: Vec<_> = (0..200).filter_map(|_| TcpStream::connect(server.public).ok()).collect();
    eventually("an answer", || get(server.public, "/livez").filter(|(status, _)| *status == 200));
    eventually("an answer", || get(server.admin, "/livez").filter(|(status, _)| *status == 200));
    drop(idle);
    register(server.public, "ada").status(201);
    server.stop().success();
}

#[test]
fn a_proxy_that_is_trusted_has_no_bound_of_its_own() {
    let database = Database::migrated(Engine::Sqlite);
    let server = behind_proxy(&database).through(&["prlimit", "--nofile=2048:2048"]).serve().ready();
    let mut kept: Vec<_> = (0..400).map(|_| TcpStream::connect(server.public).unwrap()).collect();
    for stream in &mut kept {
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        write!(stream, "GET /livez HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
    }
    assert_eq!(figure(&server, "authsvc_http_connections{listener=\"public\"}"), 400.0);
}

#[test]
fn a_head_is_bounded_in_size_and_time() {
    use authsvc::http::{ListenerLimits, serve};

    let database = Database::migrated(Engine::Sqlite);
    let server = served(&database);
    let ask = |head: String| {
        let mut stream = TcpStream::connect(server.public).unwrap();
        let _ = stream.write_all(head.as_bytes());
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    };
    let with = |filler: usize| {
        ask(format!("GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Filler: {}\r\n\r\n", "a".repeat(filler)))
    };
    assert!(with(60_000).starts_with("HTTP/1.1 200"), "a head of 60 kB");
    assert!(!with(70_000).starts_with("HTTP/1.1 200"), "a head of 70 kB");
    assert!(
        !ask(format!("GET /livez HTTP/1.1\r\nHost: x\r\n{}\r\n", "a: b\r\n".repeat(2_000))).starts_with("HTTP/1.1 200")
    );

    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = axum::Router::new().route("/", axum::routing::get(|| async { "here" }));
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let limits = ListenerLimits { most: 10, head: Duration::from_millis(300) };
        let serving = tokio::spawn(serve(listener, router, limits, stopped));
        let slow = move |prefix: &'static str| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(prefix.as_bytes()).unwrap();
            let begin = Instant::now();
            // a byte every 20 ms: fast enough for a limit of each read, too slow for one of the whole head
            while begin.elapsed() < Duration::from_secs(20) && stream.write_all(b"a").is_ok() {
                std::thread::park_timeout(Duration::from_millis(20));
            }
            begin.elapsed()
        };
        for prefix in
            ["", "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ", "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nX-Slow: "]
        {
            let took = tokio::task::spawn_blocking(move || slow(prefix)).await.unwrap();
            assert!(took < Duration::from_secs(10), "{prefix:?} {took:?}");
        }
        stop.send(true).unwrap();
        serving.await.unwrap();
    });
}

#[test]
fn a_slow_body_has_the_time_of_a_request() {
    let database = Database::migrated(Engine::Sqlite);
    let server = unlimited(&database).env("AUTHSVC_REQUEST_TIMEOUT", "500ms").serve().ready();
    let mut stream = TcpStream::connect(server.public).unwrap();
    write!(
        stream,
        "POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{{"
    )
    .unwrap();
    let mut answer = String::new();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
}

/// Runs work while 150 connections from eight networks, each with addresses of its own, log in again and again.
fn beside_a_flood<T>(server: &Server, email: impl Fn(usize, usize) -> String + Sync, work: impl FnOnce() -> T) -> T {
    let until = Instant::now() + Duration::from_secs(60);
    let (public, stop, email) = (server.public, &std::sync::atomic::AtomicBool::new(false), &email);
    std::thread::scope(|scope| {
        for number in 0..150_usize {
            scope.spawn(move || {
                let mut attempt = 0_usize;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) && Instant::now() < until {
                    attempt += 1;
                    let ip = format!("2001:db8:{:x}:{number:x}::{attempt:x}", number % 8);
                    log_in_from(public, &ip, &email(number, attempt), &format!("a wrong password {attempt}"));
                }
            });
        }
        let _after_work = SetOnDrop(stop);
        eventually("the flood", || (figure(server, "authsvc_password_queue") > 20.0).then_some(()));
        work()
    })
}

/// A login of Ada's with her password, and how long it took.
fn timed_login(server: &Server, ip: &str) -> (Answer, Duration) {
    let begin = Instant::now();
    let answer = log_in_from(server.public, ip, "ada@example.com", "a long password");
    (answer, begin.elapsed())
}

#[test]
fn a_flood_from_eight_networks_leaves_a_login_its_turn() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = behind_proxy(&database).env("AUTHSVC_REQUEST_TIMEOUT", "10s").serve().ready();
        register(server.public, "ada").status(201);
        let email = |number, attempt| format!("n{number}-{attempt}@example.com");
        let times: Vec<Duration> = beside_a_flood(&server, email, || {
            let login = |_| {
                let (answer, took) = timed_login(&server, "203.0.113.9");
                answer.status(200);
                took
            };
            (0..5).map(login).collect()
        });
        assert_prompt(times, engine);
    }
}

/// Half of the logins take less than five seconds. A machine that is busy with other tests slows single ones; none of
/// them is refused, so each has taken less than the ten seconds of a request.
fn assert_prompt(mut times: Vec<Duration>, engine: Engine) {
    times.sort_unstable();
    assert!(times[times.len() / 2] < Duration::from_secs(5), "{engine:?} {times:?}");
}

/// Attackers lock the account for unknown addresses; a known address logs in, and neither waits behind
/// them.
#[test]
fn a_flood_of_wrong_passwords_for_one_account_leaves_its_owner_a_turn() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = behind_proxy(&database).env("AUTHSVC_REQUEST_TIMEOUT", "10s").serve().ready();
        register(server.public, "ada").status(201);
        timed_login(&server, "203.0.113.9").0.status(200);
        let logins: Vec<_> = beside_a_flood(
            &server,
            |_, _| "ada@example.com".to_owned(),
            || {
                let addresses = ["203.0.113.9", "198.51.100.7"];
                addresses.iter().cycle().take(6).map(|ip| (*ip, timed_login(&server, ip))).collect()
            },
        );
        assert_prompt(logins.iter().map(|(_, (_, took))| *took).collect(), engine);
        for (ip, (answer, _)) in logins {
            let is_known = ip == "203.0.113.9";
            assert!(answer.status == 200 || (answer.status == 429 && !is_known), "{engine:?} {ip} {answer:?}");
            assert!(answer.status == 200 || answer.header("retry-after").is_some(), "{engine:?} {ip} {answer:?}");
        }
    }
}

/// A request that would wait for longer than its timeout is refused at once, with `Retry-After`.
#[test]
fn a_queue_is_no_deeper_than_the_time_of_a_request() {
    let database = Database::migrated(Engine::Sqlite);
    let server = behind_proxy(&database).env("AUTHSVC_REQUEST_TIMEOUT", "300ms").serve().ready();
    let public = server.public;
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..300)
            .map(|number| {
                scope.spawn(move || {
                    let ip = format!("2001:db8:{number:x}::1");
                    log_in_from(public, &ip, &format!("n{number}@example.com"), "a wrong password")
                })
            })
            .collect();
        tries.into_iter().map(|tried| tried.join().unwrap()).collect()
    });
    let busy: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 503).collect();
    assert!(!busy.is_empty() && answers.iter().all(|answer| [401, 503].contains(&answer.status)), "{answers:?}");
    for answer in busy {
        assert!(answer.header("retry-after").is_some_and(|wait| wait.parse::<u64>().unwrap() > 0), "{answer:?}");
    }
    // the queue is empty again
    eventually("no one waits", || (figure(&server, "authsvc_password_queue") == 0.0).then_some(()));
}

#[test]
fn two_hundred_logins_at_once_leave_no_memory() {
    let database = Database::migrated(Engine::Sqlite);
    let server = behind_proxy(&database).env("AUTHSVC_REQUEST_TIMEOUT", "60s").serve().ready();
    for number in 0..4 {
        register(server.public, &format!("user{number}")).status(201);
    }
    let before = resident(&server);
    let public = server.public;
    for _ in 0..2 {
        std::thread::scope(|scope| {
            for number in 0..200 {
                scope.spawn(move || {
                    let (ip, email) =
                        (format!("203.0.{}.{}", number / 100, number % 100), format!("user{}@example.com", number % 4));
                    // SQLite may be locked for too long when this machine is busy with other things
                    log_in_from(public, &ip, &email, "a long password")
                });
            }
        });
    }
    let logins: usize = events(&database, "login_succeeded").parse().unwrap();
    assert!(logins >= 200, "{logins} of 400");
    let grown = resident(&server).saturating_sub(before);
    assert!(grown < 64 * 1024, "{before} KiB grew by {grown} KiB");
}

#[test]
fn a_flood_of_refused_logins_writes_a_bounded_number_of_events() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = crate::support::logins::program(&database, &crate::support::logins::google());
        let server = server.env("AUTHSVC_RATE_LIMIT", "off").env("AUTHSVC_PASSWORD_RATE_LIMIT", "off");
        let server = server.env("AUTHSVC_TRUSTED_PROXIES", "127.0.0.1").serve().ready();
        let callback = |ip: &str| {
            Request::new("GET", "/auth/oauth/google/callback?code=a&state=b")
                .header("x-forwarded-for", ip)
                .send(server.public)
        };
        for _ in 0..200 {
            assert_eq!(callback("2001:db8:1:2::3").problem(400), "state_missing", "the answer is the same");
        }
        let recorded: u32 = events(&database, "oauth_login_failed").parse().unwrap();
        assert!((120..160).contains(&recorded), "{engine:?}: {recorded}");
        let skipped = figure(&server, "authsvc_auth_events_skipped_total");
        assert_eq!(f64::from(recorded) + skipped, 200.0);
        callback("2001:db8:9::1").status(400);
        assert_eq!(
            events(&database, "oauth_login_failed"),
            (recorded + 1).to_string(),
            "another client is not affected"
        );
        // every other request that proves nothing
        let rows = || {
            database.one("SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM refresh_tokens) + (SELECT count(*) FROM oauth_states)")
        };
        let before =
            (events(&database, "oauth_login_failed"), database.one("SELECT count(*) FROM auth_events"), rows());
        for _ in 0..20 {
            crate::support::api::refresh(server.public, "rubbish").status(401);
            Request::post("/auth/logout", &json!({"refresh_token": "rubbish"})).send(server.public).status(204);
            Request::post("/auth/verify-email", &json!({"token": "rubbish"})).send(server.public).status(400);
            Request::new("GET", "/auth/oauth/google").send(server.public).status(303);
            Request::new("GET", "/auth/oauth/state/google").send(server.public).status(200);
            Request::post("/auth/register", &json!({"email": "x", "username": "y", "password": "z"}))
                .send(server.public)
                .status(422);
            Request::new("GET", "/api/me").bearer("rubbish").send(server.public).status(401);
        }
        let after = (events(&database, "oauth_login_failed"), database.one("SELECT count(*) FROM auth_events"), rows());
        assert_eq!(before, after);
    }
}
