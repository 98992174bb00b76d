//! P11: probes respond in time whatever the database does, and report the truth. They cost it one set of queries a
//! second.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::accounts::signing_key;
use crate::support::database::block_on;
use crate::support::program::{Server, get};
use crate::support::{Cluster, Database, Engine, Program, eventually, proxy::Proxy};

/// What a probe is promised, and a moment for a busy machine.
const IN_TIME: Duration = Duration::from_millis(2500);

/// Status and document, which came in time.
#[track_caller]
fn probe(address: SocketAddr, path: &str) -> (u16, Value) {
    let begin = Instant::now();
    let (status, body) = get(address, path).unwrap_or_else(|| panic!("no answer to {path}"));
    assert!(begin.elapsed() < IN_TIME, "{path} took {:?}", begin.elapsed());
    (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
}

/// Every probe of a service whose database gives no answer.
fn all_say_gone(server: &Server) {
    eventually("503", || get(server.public, "/readyz").filter(|(status, _)| *status == 503));
    for (address, path) in [
        (server.public, "/readyz"),
        (server.admin, "/readyz"),
        (server.public, "/health"),
        (server.admin, "/health"),
        (server.admin, "/health/detailed"),
        (server.public, "/readyz?verbose"),
    ] {
        assert_eq!(probe(address, path).0, 503, "{path}");
    }
    assert_eq!(probe(server.public, "/livez").0, 200);
    let (_, report) = probe(server.admin, "/health/detailed");
    assert_eq!(report["overall_status"], "unhealthy");
    assert_eq!(report["basic_health"]["database"]["connected"], false);
    assert_eq!(report["authentication_health"]["total_users"], Value::Null, "figures of before are none of now");
    assert_eq!(report["checks"][0]["name"], "database");
    assert!(!report["checks"][0]["hint"].as_str().unwrap().is_empty());
}

fn all_say_healthy(server: &Server) {
    eventually("health", || get(server.admin, "/health").filter(|(status, _)| *status == 200));
    let report = eventually("all figures", || {
        let (status, report) = probe(server.admin, "/health/detailed");
        (status == 200 && report["authentication_health"]["total_users"] == 0).then_some(report)
    });
    assert_eq!(report["basic_health"]["database"]["connected"], true);
    eventually("readiness", || get(server.public, "/readyz").filter(|(status, _)| *status == 200));
}

fn through(proxy: &Proxy, database: &Database) -> Program {
    let url = proxy.url(database);
    Program::new().env("DATABASE_URL", &url).env("AUTHSVC_JWT_KEY", &signing_key())
}

#[test]
fn p11_a_stopped_server_and_its_return() {
    let cluster = Cluster::start(&[]);
    let database = Database::on(&cluster, None);
    let server = Program::on(&database).env("AUTHSVC_JWT_KEY", &signing_key()).serve().ready();
    all_say_healthy(&server);
    cluster.signal("STOP");
    all_say_gone(&server);
    cluster.signal("CONT");
    all_say_healthy(&server);
    cluster.crash();
    all_say_gone(&server);
    cluster.launch(&[]);
    all_say_healthy(&server);
    server.stop().success();
}

#[test]
fn p11_a_network_that_swallows_everything() {
    let proxy = Proxy::to(Cluster::shared().port);
    let database = Database::migrated(Engine::Postgres);
    let server = through(&proxy, &database).serve().ready();
    all_say_healthy(&server);
    proxy.stall();
    all_say_gone(&server);
    let outcome = through(&proxy, &database).run(&["health"]).code(3);
    assert!(outcome.stdout.contains("no answer"), "{}", outcome.stdout);
    proxy.resume();
    all_say_healthy(&server);
}

#[test]
fn p11_a_slow_network_is_told_and_a_slower_one_is_no_answer() {
    let proxy = Proxy::to(Cluster::shared().port);
    let database = Database::migrated(Engine::Postgres);
    let server = through(&proxy, &database).env("AUTHSVC_ENV", "test").serve().ready();
    all_say_healthy(&server);
    proxy.delay(Duration::from_millis(200));
    let report = eventually("a slow report", || {
        let (status, report) = probe(server.admin, "/health");
        assert_eq!(status, 200);
        (report["status"] == "degraded").then_some(report)
    });
    assert!(report["database"]["response_time_ms"].as_f64().unwrap() >= 200.0, "{report}");
    assert!(report["errors"][0].as_str().unwrap().contains("more than 100ms"), "{report}");
    assert_eq!(probe(server.public, "/readyz").0, 200);
    proxy.delay(Duration::from_secs(3));
    all_say_gone(&server);
    proxy.delay(Duration::ZERO);
    all_say_healthy(&server);
}

#[test]
fn p11_a_backup_directory_that_hangs_holds_up_nobody() {
    let database = Database::migrated(Engine::Sqlite);
    // asked for free space, the file system is silent for a while
    let silent = || {
        let inject = ["-e", "trace=statfs,exit_group", "-e", "inject=statfs:delay_enter=6000000"];
        let wrapper = [["strace", "-D", "-f", "-qq"].as_slice(), &["-o", "trace"], &inject].concat();
        Program::on(&database).env("AUTHSVC_ENV", "test").through(&wrapper)
    };
    let command = silent();
    let report = command.run(&["detailed-health"]).success().json();
    assert_eq!(report["backups"]["count"], Value::Null);
    assert!(report["warnings"].to_string().contains("BACKUP_DIR gave no answer"), "{report}");
    let trace = std::fs::read_to_string(command.directory().join("trace")).unwrap();
    let at = |what: &str| trace.find(what).unwrap_or_else(|| panic!("{what}: {trace}"));
    assert!(at("exit_group(") < at("statfs resumed"), "it ends before the file system answers: {trace}");
    let server = silent().serve().ready();
    let (status, report) = probe(server.admin, "/health/detailed");
    assert_eq!((status, &report["basic_health"]["database"]["connected"]), (200, &Value::Bool(true)), "{report}");
    server.stop().success();
}

#[test]
fn p11_a_locked_table_hides_its_figures_and_nothing_else() {
    let database = Database::migrated(Engine::Postgres);
    let server = Program::on(&database).env("AUTHSVC_ENV", "test").serve().ready();
    let mut session = database.session();
    session.execute("BEGIN; LOCK TABLE refresh_tokens IN ACCESS EXCLUSIVE MODE");
    let report = eventually("the reason", || {
        let (status, report) = probe(server.admin, "/health");
        assert_eq!(status, 200);
        report["warnings"].to_string().contains("lock timeout").then_some(report)
    });
    assert_eq!(report["database"]["connected"], true);
    assert!(report["performance"]["deadlocks"].is_u64());
    assert_eq!(probe(server.public, "/readyz").0, 200);
    let (_, detailed) = probe(server.admin, "/health/detailed");
    assert_eq!(detailed["basic_health"]["database"]["connected"], true);
    let detailed = Program::on(&database).run(&["detailed-health"]).json();
    assert_eq!(detailed["authentication_health"]["active_tokens"], Value::Null, "{detailed}");
    assert_eq!(detailed["authentication_health"]["total_users"], 0, "{detailed}");
    assert_eq!(detailed["security_health"]["failed_login_attempts"], 0, "{detailed}");
    session.execute("COMMIT");
    all_say_healthy(&server);
}

#[test]
fn p11_a_pool_without_a_free_connection() {
    let database = Database::migrated(Engine::Postgres);
    block_on(async {
        use authsvc::db::{DatabaseUrl, Defaults, Pool, PoolUse};
        use authsvc::health::{HealthCollector, HealthSettings, HealthStatus, SignIn, Thresholds};
        use authsvc::http::{BootStage, Readiness};
        use sea_orm::TransactionTrait;

        let url = DatabaseUrl::parse(&database.url, &Defaults::default()).unwrap();
        let pool = Pool::open(&url, PoolUse::SERVE).await.unwrap();
        let readiness = Readiness::default();
        readiness.ready(pool.clone()).await;
        let (environment, backup_dir) = ("test".to_owned(), "none".into());
        let (thresholds, sign_in) = (Thresholds::default(), SignIn::Possible);
        let collector = HealthCollector::new(HealthSettings { url, environment, backup_dir, thresholds, sign_in });
        collector.watch(pool.clone());
        assert!(readiness.check().await.is_ready());
        let mut held = Vec::new();
        for _ in 0..pool.usage().most {
            held.push(pool.orm().begin().await.unwrap());
        }
        let begin = Instant::now();
        while readiness.check().await.is_ready() {
            assert!(begin.elapsed() < Duration::from_secs(10), "it is still ready");
            tokio::task::yield_now().await;
        }
        assert!(matches!(readiness.check().await, BootStage::DatabaseGone { .. }));
        // the reports have connections of their own
        let begin = Instant::now();
        let report = collector.report().await.unwrap();
        assert!(begin.elapsed() < IN_TIME);
        assert!(report.database.connected);
        assert_eq!(report.status, HealthStatus::Degraded);
        assert_eq!((report.database.open_connections, report.database.max_connections), (10, 10));
        assert!(report.errors.iter().any(|error| error.starts_with("pool: 10 of 10")), "{:?}", report.errors);
    });
}

#[test]
fn p11_a_flood_of_probes_costs_one_set_of_queries_a_second() {
    let proxy = Proxy::to(Cluster::shared().port);
    let database = Database::migrated(Engine::Postgres);
    let server = through(&proxy, &database).serve().ready();
    all_say_healthy(&server);
    let (before, begin) = (proxy.queries(), Instant::now());
    std::thread::scope(|scope| {
        for path in ["/readyz", "/health", "/health/detailed", "/readyz?verbose"] {
            for address in [server.public, server.admin].into_iter().filter(|at| path.len() < 10 || *at == server.admin)
            {
                scope.spawn(move || {
                    while begin.elapsed() < Duration::from_secs(4) {
                        assert_eq!(get(address, path).unwrap().0, 200);
                    }
                });
            }
        }
    });
    // each second: one for readiness, two for the basic report, four for the extended figures; and those at both ends
    let allowed = (begin.elapsed().as_secs() as usize + 2) * 7;
    let asked = proxy.queries() - before;
    assert!(asked <= allowed, "{asked} messages, allowed {allowed}");
    assert!(asked >= 10, "{asked} messages: the reports are as old as the flood");
}

#[test]
fn a_basic_report_is_two_messages_and_reads_no_big_table() {
    let proxy = Proxy::to(Cluster::shared().port);
    let database = Database::migrated(Engine::Postgres);
    database.execute(
        "INSERT INTO users (email, username, password_hash) SELECT 'u' || g || '@corp.test', 'u' || g, 'x' FROM generate_series(1, 20000) g; \
         INSERT INTO refresh_tokens (user_id, token_hash, expires_at) \
         SELECT 1 + g % 10000, md5(g::text), now() + interval '1 hour' FROM generate_series(1, 30000) g; \
         ANALYZE users, refresh_tokens",
    );
    let scans = || {
        // before version 15 a process of the server collects the statistics
        if Cluster::shared().version() >= 15 {
            database.execute("SELECT pg_stat_force_next_flush()");
        }
        database.one("SELECT sum(seq_scan)::text FROM pg_stat_user_tables WHERE relname IN ('users', 'refresh_tokens')")
    };
    let before = scans();
    let asked = proxy.queries();
    let report = through(&proxy, &database).run(&["health"]).success().json();
    // two for the report, one on the other connection for drift
    assert_eq!(proxy.queries() - asked, 3);
    assert_eq!(scans(), before, "a big table was scanned");
    for (at, rows) in [(0, 20_000.0), (2, 30_000.0)] {
        assert_eq!(report["tables"][at]["row_count_estimated"], true);
        let estimate = report["tables"][at]["row_count"].as_f64().unwrap();
        assert!((estimate / rows - 1.0).abs() < 0.05, "{estimate} of {rows}");
        assert!(report["tables"][at]["last_update"].is_string());
    }
    assert!(report["warnings"].to_string().contains("users, refresh_tokens: an estimate"), "{report}");
}

#[test]
fn a_damaged_sqlite_file_is_found_on_demand() {
    let database = Database::migrated(Engine::Sqlite);
    let rows: Vec<String> =
        (0..400).map(|at| format!("('u{at}@corp.test', 'u{at}', '{at}{}')", "x".repeat(200))).collect();
    database.execute(&format!("INSERT INTO users (email, username, password_hash) VALUES {}", rows.join(", ")));
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    let program = Program::on(&database);
    let report = program.run(&["detailed-health", "--quick-check"]).success().json();
    assert_eq!(report["storage"]["sqlite"]["quick_check"], serde_json::json!([]));
    let file = &report["storage"]["sqlite"];
    let (pages, size) = (file["page_count"].as_u64().unwrap(), file["page_size"].as_u64().unwrap());
    assert_eq!(pages * size, std::fs::metadata(database.path()).unwrap().len());
    let root: u64 = database
        .one("SELECT CAST(rootpage AS TEXT) FROM sqlite_schema WHERE name = 'idx_users_last_login'")
        .parse()
        .unwrap();
    let mut bytes = std::fs::read(database.path()).unwrap();
    let page = usize::try_from((root - 1) * size).unwrap();
    bytes[page + 8..page + 600].fill(0xA5);
    std::fs::write(database.path(), bytes).unwrap();
    let report = program.run(&["detailed-health", "--quick-check"]).code(3).json();
    let check = report["checks"].as_array().unwrap().iter().find(|check| check["name"] == "quick_check").unwrap();
    assert_eq!(check["status"], "unhealthy");
    assert!(check["hint"].as_str().unwrap().contains("restore"), "{check}");
    let error =
        Program::on(&Database::migrated(Engine::Postgres)).run(&["detailed-health", "--quick-check"]).code(2).error();
    assert!(error.contains("is for SQLite"), "{error}");
}

#[test]
fn a_damaged_table_is_unhealthy_without_being_asked_for() {
    // in a file that is small enough to be counted the basic report reads it, else the detailed one
    for (megabytes, command) in [(0, "health"), (17, "detailed-health")] {
        let database = Database::migrated(Engine::Sqlite);
        if megabytes > 0 {
            database.execute(&format!("CREATE TABLE big AS SELECT zeroblob({megabytes} << 20) AS bytes"));
        }
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)");
        let root: usize = database
            .one("SELECT CAST(rootpage AS TEXT) FROM sqlite_schema WHERE name = 'oauth_providers'")
            .parse()
            .unwrap();
        let mut bytes = std::fs::read(database.path()).unwrap();
        bytes[(root - 1) * 4096..][..200].fill(0xA5);
        std::fs::write(database.path(), bytes).unwrap();
        let report = Program::on(&database).run(&[command]).code(3).json();
        let found = &report["errors"][0];
        assert!(found.as_str().unwrap().contains("malformed"), "{command}: {report}");
        assert!(found.as_str().unwrap().contains("restore"), "{command}: {report}");
    }
}

#[test]
fn a_damaged_page_of_a_server_is_unhealthy() {
    let cluster = Cluster::start(&[]);
    let database = Database::on(&cluster, None);
    let program = Program::on(&database);
    program.run(&["migrate"]).success();
    database.execute("INSERT INTO auth_events (kind) VALUES ('login_failed')");
    cluster.superuser("CHECKPOINT");
    let file = cluster.socket().join("data").join(database.one("SELECT pg_relation_filepath('auth_events')"));
    cluster.crash();
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[..200].fill(0xA5);
    std::fs::write(&file, bytes).unwrap();
    cluster.launch(&[]);
    let report = program.run(&["health"]).code(3).json();
    let found = report["errors"][0].as_str().unwrap();
    assert!(found.contains("invalid page") && found.contains("restore the newest verified backup"), "{report}");
}

#[test]
fn a_sqlite_file_that_is_locked_as_a_whole_says_what_to_look_for() {
    let database = Database::migrated(Engine::Sqlite);
    let file = rusqlite::Connection::open(database.path()).unwrap();
    file.execute_batch("PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE").unwrap();
    let report = Program::on(&database).run(&["health"]).code(3).json();
    assert!(report["errors"][0].as_str().unwrap().contains("holds the file locked"), "{report}");
}

#[test]
fn a_locked_sqlite_file_is_told_in_time() {
    let database = Database::migrated(Engine::Sqlite);
    let server = Program::on(&database).env("AUTHSVC_JWT_KEY", &signing_key()).serve().ready();
    all_say_healthy(&server);
    let file = rusqlite::Connection::open(database.path()).unwrap();
    file.execute_batch("BEGIN IMMEDIATE").unwrap();
    // in a log's mode a writer holds up no reader
    all_say_healthy(&server);
    file.execute_batch("ROLLBACK").unwrap();
    assert_eq!(probe(server.admin, "/health").1["database"]["backend"], "sqlite");
}
