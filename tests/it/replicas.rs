//! Several replicas of the service on one PostgreSQL, behind a PgBouncer in transaction mode.

use crate::support::clients::{Client, check};
use crate::support::pgbouncer::PgBouncer;
use crate::support::program::get;
use crate::support::{Database, Engine, Program};

const REPLICAS: usize = 8;
const REFRESHES: usize = 25;

#[test]
fn requests_share_as_many_connections_as_are_allowed() {
    for engine in [Engine::Postgres, Engine::Sqlite] {
        let database = Database::empty(engine);
        let program = Program::on(&database).env("AUTHSVC_ENV", "test").env("AUTHSVC_DATABASE_MAX_CONNECTIONS", "1");
        let server = program.env("AUTHSVC_PASSWORD_RATE_LIMIT", "off").serve().ready();
        let at = server.public;
        std::thread::scope(|scope| {
            for number in 0..4 {
                scope.spawn(move || {
                    let mut client = Client::new(&format!("client{number}"), at, at);
                    (0..10).for_each(|_| assert!(client.refresh(at), "{engine:?}"));
                });
            }
        });
        let (_, report) = get(server.admin, "/health").unwrap();
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        assert_eq!(report["database"]["max_connections"], 1, "{report}");
        assert!(report["database"]["open_connections"].as_u64() <= Some(1), "{report}");
        server.stop().success();
    }
}

#[test]
fn eight_replicas_behind_a_transaction_pooling_pgbouncer() {
    let database = Database::empty(Engine::Postgres);
    let bouncer = PgBouncer::start(&database);
    // 80 connections of the service on 12 of the server: statements with a name would meet
    let url = format!("{}?prepared_statements=false", bouncer.url);
    let replica = || {
        let program = Program::new().env("DATABASE_URL", &url).env("AUTHSVC_ENV", "test");
        program.env("AUTHSVC_RATE_LIMIT", "off").env("AUTHSVC_PASSWORD_RATE_LIMIT", "off").serve()
    };
    let replicas: Vec<_> = (0..REPLICAS).map(|_| replica()).collect::<Vec<_>>();
    let replicas: Vec<_> = replicas.into_iter().map(|replica| replica.ready()).collect();
    let at = |number: usize| replicas[number % REPLICAS].public;
    let clients: Vec<Client> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..REPLICAS)
            .map(|number| {
                scope.spawn(move || {
                    let mut client = Client::new(&format!("client{number}"), at(number), at(number + 1));
                    for turn in 0..REFRESHES {
                        assert!(client.refresh(at(number + turn)), "nothing failed here");
                    }
                    client
                })
            })
            .collect();
        running.into_iter().map(|client| client.join().unwrap()).collect()
    });
    assert_eq!(check(&clients, &database), 0, "rows without an answer to a client");
    let counts = "SELECT count(*) || ' ' || count(*) FILTER (WHERE revoked) || ' ' || count(DISTINCT token_hash) FROM refresh_tokens";
    let tokens = REPLICAS * (REFRESHES + 2);
    assert_eq!(database.one(counts), format!("{tokens} {} {tokens}", REPLICAS * REFRESHES));
    let events = database.query("SELECT kind || ' ' || count(*) FROM auth_events GROUP BY kind ORDER BY kind");
    let refreshed = format!("token_refreshed {}", REPLICAS * REFRESHES);
    assert_eq!(events, ["login_succeeded 8", "registered 8", refreshed.as_str()]);
    for replica in replicas {
        let log = replica.stop().success().stderr;
        assert!(!log.contains("a request failed"), "{log}");
    }
}
