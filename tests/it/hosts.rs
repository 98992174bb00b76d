//! Host names that requests may have, and the headers of every response, including errors.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use crate::accounts::unlimited;
use crate::support::program::Server;
use crate::support::{Database, Engine};

fn ask(to: SocketAddr, head: &str) -> String {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn status(to: SocketAddr, head: &str) -> u16 {
    let answer = ask(to, head);
    answer.split(' ').nth(1).unwrap_or_else(|| panic!("{head:?}: {answer:?}")).parse().unwrap()
}

fn with_host(to: SocketAddr, path: &str, host: &str) -> u16 {
    status(to, &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
}

fn start() -> (Database, Server) {
    let database = Database::migrated(Engine::Sqlite);
    let program = unlimited(&database).env("AUTHSVC_ADMIN_HOSTS", "authsvc, Metrics.Internal.Example.");
    let server = program.env("AUTHSVC_PUBLIC_URL", "https://auth.example.com").serve().ready();
    (database, server)
}

const ADMIN_PATHS: [&str; 7] = ["/", "/metrics", "/health", "/health/detailed", "/livez", "/readyz", "/nowhere"];

#[test]
fn the_operators_listener_answers_under_addresses_localhost_and_configured_names_only() {
    let (_database, server) = start();
    for host in [
        "127.0.0.1",
        "127.0.0.1:9090",
        "10.244.1.7:9090",
        "[::1]",
        "[fd00::1]:9090",
        "localhost",
        "LOCALHOST:9090",
        "authsvc:9090",
        "AUTHSVC",
        "metrics.internal.example",
        "metrics.internal.example.",
    ] {
        for path in &ADMIN_PATHS[..6] {
            assert_eq!(with_host(server.admin, path, host), 200, "{path} {host}");
        }
    }
    for host in [
        "evil.example.com",
        "evil.example.com:9090",
        "localhost.evil.example.com",
        "127.0.0.1.nip.io",
        "x.authsvc",
        "test",
    ] {
        for path in ADMIN_PATHS {
            assert_eq!(with_host(server.admin, path, host), 421, "{path} {host}");
        }
        assert_eq!(with_host(server.public, "/livez", host), 200, "{host}");
    }
    // the target wins over the header
    let absolute = |target: &str| {
        status(
            server.admin,
            &format!("GET http://{target}/livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"),
        )
    };
    assert_eq!((absolute("127.0.0.1"), absolute("evil.example.com")), (200, 421));
}

#[test]
fn a_request_names_one_host() {
    let (_database, server) = start();
    for to in [server.public, server.admin] {
        let ask = |headers: &str| status(to, &format!("GET /livez HTTP/1.1\r\n{headers}Connection: close\r\n\r\n"));
        assert_eq!(ask("Host: 127.0.0.1\r\n"), 200);
        for wrong in [
            "",
            "Host: 127.0.0.1\r\nHost: 127.0.0.1\r\n",
            "Host: 127.0.0.1\r\nX: y\r\nhost: evil.example.com\r\n",
            "Host: \r\n",
            "Host: a b\r\n",
            "Host: user@127.0.0.1\r\n",
            "Host: 127.0.0.1:port\r\n",
            "Host: 127.0.0.1:99999\r\n",
            "Host: 127.0.0.1/path\r\n",
            "Host: [::1\r\n",
        ] {
            assert_eq!(ask(wrong), 400, "{wrong:?}");
        }
        assert_eq!(status(to, "GET /livez HTTP/1.0\r\n\r\n"), 200, "HTTP/1.0 has none");
        assert_eq!(status(to, "GET /livez HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
    }
}

#[test]
fn every_answer_has_the_headers_that_browsers_heed() {
    let (_database, server) = start();
    let wrong = [
        "GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n",
        "PUT /auth/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ];
    let paths = [
        "/livez",
        "/readyz",
        "/health",
        "/nowhere",
        "/api/me",
        "/docs",
        "/openapi.json",
        "/.well-known/jwks.json",
        "/auth/oauth/none",
    ];
    let public = paths.map(|path| format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    let admin = ADMIN_PATHS.map(|path| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
    let public = public.into_iter().chain(wrong.map(str::to_owned)).map(|head| (server.public, head));
    let admin = admin.into_iter().chain([wrong[0].to_owned(), wrong[1].to_owned()]).map(|head| (server.admin, head));
    for (to, head) in public.chain(admin) {
        let answer = ask(to, &head).to_lowercase();
        let has =
            |header: &str| assert!(answer.contains(&format!("\r\n{header}")), "{head:?} has no {header}: {answer}");
        has("x-content-type-options: nosniff");
        has("x-frame-options: deny");
        has("referrer-policy: no-referrer");
        has("cross-origin-resource-policy: same-origin");
        has("cache-control: ");
        has("content-security-policy: default-src 'none'");
        assert!(answer.contains("frame-ancestors 'none'"), "{head:?}: {answer}");
        if answer.contains("content-type: text/html") {
            has("cross-origin-opener-policy: same-origin");
        }
        if to == server.public {
            has("strict-transport-security: max-age=31536000; includesubdomains\r\n");
        }
        let cacheable = ["/docs", "/openapi.json", "/.well-known"].iter().any(|path| head.contains(path));
        assert!(cacheable || answer.contains("cache-control: no-store"), "{head:?}: {answer}");
    }
}
