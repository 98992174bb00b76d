//! `/metrics` of a running service: the metrics of the contract with real figures, also after runs of commands.

use std::time::Duration;

use serde_json::Value;

use crate::support::database::ENGINES;
use crate::support::program::{Server, get};
use crate::support::promtool::promtool;
use crate::support::{Cluster, Database, Engine, Program, eventually, proxy::Proxy};

/// The names that users' dashboards rely on.
const CONTRACT: [&str; 21] = [
    "authsvc_build_info",
    "authsvc_database_up",
    "authsvc_database_response_seconds",
    "authsvc_database_connections",
    "authsvc_database_cache_hit_ratio",
    "authsvc_database_deadlocks_total",
    "authsvc_database_slow_queries",
    "authsvc_database_long_running_queries",
    "authsvc_database_index_usage_ratio",
    "authsvc_database_size_bytes",
    "authsvc_table_rows",
    "authsvc_table_size_bytes",
    "authsvc_users",
    "authsvc_refresh_tokens",
    "authsvc_failed_logins_total",
    "authsvc_migrations",
    "authsvc_backup_last_success_timestamp_seconds",
    "authsvc_backup_last_size_bytes",
    "authsvc_cleanup_last_success_timestamp_seconds",
    "authsvc_cleanup_deleted_total",
    "authsvc_http_request_duration_seconds",
];

/// Metrics that only PostgreSQL, or its extension, has.
const OF_THE_SERVER: [&str; 5] = [
    "authsvc_database_cache_hit_ratio",
    "authsvc_database_deadlocks_total",
    "authsvc_database_slow_queries",
    "authsvc_database_long_running_queries",
    "authsvc_database_index_usage_ratio",
];

fn scrape(server: &Server) -> String {
    let (status, text) = get(server.admin, "/metrics").unwrap();
    assert_eq!(status, 200);
    text
}

/// The value of a sample, by its name and labels as they are printed.
fn sample(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

fn clean_up(database: &Database, removed: u32) {
    let now =
        if database.directory.is_some() { "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')" } else { "CURRENT_TIMESTAMP" };
    database.execute(&format!(
        "INSERT INTO maintenance_runs (kind, started_at, finished_at, outcome, counts) VALUES \
         ('cleanup', {now}, {now}, 'succeeded', '{{\"refresh_tokens\": {removed}}}')"
    ));
}

#[test]
fn a_service_tells_the_metrics_of_the_contract() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        if engine == Engine::Postgres {
            database.execute("GRANT pg_read_all_stats TO app");
        }
        let program = Program::on(&database).env("AUTHSVC_ENV", "development");
        let backup = program.run(&["backup", "--json"]).success().json();
        let server = Program::on(&database).env("AUTHSVC_ENV", "development").serve().ready();
        eventually("the first extended figures", || sample(&scrape(&server), "authsvc_users{state=\"all\"}"));
        // what commands do while it runs
        clean_up(&database, 4);
        clean_up(&database, 3);
        database
            .execute("INSERT INTO auth_events (kind) VALUES ('login_failed'), ('login_failed'), ('login_succeeded')");
        let text = eventually("the events", || {
            let text = scrape(&server);
            (sample(&text, "authsvc_failed_logins_total") == Some(2.0)).then_some(text)
        });
        for name in CONTRACT {
            let is_there = text.lines().any(|line| line.starts_with(&format!("# TYPE {name} ")));
            let is_of_server = OF_THE_SERVER.contains(&name);
            // there is no pg_stat_statements in the tests' cluster
            let expected = !is_of_server || (engine == Engine::Postgres && name != "authsvc_database_slow_queries");
            assert_eq!(is_there, expected, "{engine:?}: {name} in\n{text}");
        }
        assert_eq!(promtool(std::path::Path::new("."), &["check", "metrics"], &text), "", "{text}");
        for (name, expected) in [
            ("authsvc_database_up", 1.0),
            ("authsvc_users{state=\"all\"}", 12.0),
            ("authsvc_refresh_tokens{state=\"active\"}", 4.0),
            ("authsvc_refresh_tokens{state=\"expired\"}", 2.0),
            ("authsvc_refresh_tokens{state=\"revoked\"}", 2.0),
            ("authsvc_migrations{state=\"applied\"}", authsvc::migrate::migrations().len() as f64),
            ("authsvc_migrations{state=\"pending\"}", 0.0),
            ("authsvc_table_rows{table=\"users\"}", 13.0),
            ("authsvc_cleanup_deleted_total{what=\"refresh_tokens\"}", 7.0),
            ("authsvc_backup_last_size_bytes", backup["size"].as_f64().unwrap()),
        ] {
            assert_eq!(sample(&text, name), Some(expected), "{engine:?}: {name}");
        }
        let made = chrono::DateTime::parse_from_rfc3339(backup["created_at"].as_str().unwrap()).unwrap();
        let told = sample(&text, "authsvc_backup_last_success_timestamp_seconds").unwrap();
        assert!((told - made.timestamp() as f64).abs() < 2.0, "{told}");
        if engine == Engine::Postgres {
            let ratio = sample(&text, "authsvc_database_cache_hit_ratio").unwrap();
            assert!((0.0..=1.0).contains(&ratio), "{ratio}");
        }
        assert_eq!(get(server.public, "/metrics").unwrap().0, 404, "operators only");
        let document: Value = serde_json::from_str(&get(server.admin, "/health").unwrap().1).unwrap();
        assert_eq!(document["status"], "healthy");
        server.stop().success();
    }
}

/// Prometheus takes a counter that went down for a restart, and its return for as many events: a false alarm.
#[test]
fn a_database_that_stops_in_the_middle_of_a_report_takes_no_counter_back() {
    let proxy = Proxy::to(Cluster::shared().port);
    let database = Database::migrated(Engine::Postgres);
    let server = Program::new().env("DATABASE_URL", &proxy.url(&database)).serve().ready();
    eventually("the first extended figures", || sample(&scrape(&server), "authsvc_users{state=\"all\"}"));
    database.execute("INSERT INTO auth_events (kind) SELECT 'login_failed' FROM generate_series(1, 500)");
    clean_up(&database, 7);
    let counted = |text: &str| {
        let removed = sample(text, "authsvc_cleanup_deleted_total{what=\"refresh_tokens\"}");
        (sample(text, "authsvc_failed_logins_total"), removed)
    };
    let all = (Some(500.0), Some(7.0));
    eventually("the events", || (counted(&scrape(&server)) == all).then_some(()));
    // the basic report comes in time, the extended figures does not, and is never ended
    proxy.delay(Duration::from_millis(300));
    eventually("a slow answer", || {
        sample(&scrape(&server), "authsvc_database_response_seconds").filter(|seconds| *seconds > 0.25)
    });
    proxy.stall();
    eventually("the end of the database", || {
        let text = scrape(&server);
        assert_eq!(counted(&text), all, "{text}");
        (sample(&text, "authsvc_database_up") == Some(0.0)).then_some(())
    });
}
