//! PostgreSQL's own figures: statement statistics in both versions of their columns, sessions, indexes, sequences.

use std::sync::OnceLock;

use serde_json::Value;

use crate::support::database::execute;
use crate::support::{Cluster, Database, Program, eventually};

/// A server with the statistics of statements.
fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER
        .get_or_init(|| Cluster::start(&["shared_preload_libraries=pg_stat_statements", "max_prepared_transactions=5"]))
}

fn detailed(program: &Program) -> Value {
    program.run(&["detailed-health"]).success().json()
}

fn message(report: &Value, name: &str) -> (String, String) {
    let found = report["checks"].as_array().unwrap().iter().find(|check| check["name"] == name).unwrap();
    (found["status"].as_str().unwrap().to_owned(), found["message"].as_str().unwrap().to_owned())
}

fn migrated() -> (Database, Program) {
    let database = Database::on(cluster(), None);
    let program = Program::on(&database).env("AUTHSVC_ENV", "test");
    program.run(&["migrate"]).success();
    (database, program)
}

#[test]
fn statements_are_read_under_the_old_and_the_new_names() {
    let newer = if cluster().version() >= 15 { "1.10" } else { "1.8" };
    for (version, total) in [("1.4", "total_time"), (newer, "total_exec_time")] {
        let (database, program) = migrated();
        let report = detailed(&program);
        assert_eq!(report["basic_health"]["performance"]["slow_queries"], Value::Null);
        assert!(report["warnings"].to_string().contains("CREATE EXTENSION pg_stat_statements"), "{report}");
        // in a schema of its own, as some installations have it
        database.execute(&format!(
            "CREATE SCHEMA \"Monitor\"; GRANT USAGE ON SCHEMA \"Monitor\" TO app; \
             CREATE EXTENSION pg_stat_statements SCHEMA \"Monitor\" VERSION '{version}'; \
             SELECT \"Monitor\".pg_stat_statements_reset(); \
             GRANT SELECT ON \"Monitor\".pg_stat_statements TO app; GRANT pg_read_all_stats TO app"
        ));
        database.execute("SELECT pg_sleep(0.15)");
        database.execute("ALTER ROLE app PASSWORD 'cAn4ry/Pass?w#rd@x'");
        let report = detailed(&program);
        let performance = &report["basic_health"]["performance"];
        assert_eq!(performance["slow_queries"], 1, "{version}: {report}");
        assert!(performance["avg_query_time_ms"].as_f64().unwrap() > 0.0);
        let slowest = &report["queries"]["slowest"][0];
        assert!(slowest["query"].as_str().unwrap().contains("pg_sleep($1)"), "{slowest}");
        assert!(slowest["mean_ms"].as_f64().unwrap() >= 150.0, "milliseconds: {slowest}");
        let expected = database.one(&format!(
            "SELECT ({total} / calls)::text FROM \"Monitor\".pg_stat_statements WHERE query LIKE '%pg_sleep(%' \
             AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
        ));
        assert!((slowest["mean_ms"].as_f64().unwrap() - expected.parse::<f64>().unwrap()).abs() < 0.01);
        let commands = report["queries"]["slowest"].to_string();
        assert!(!commands.to_uppercase().contains("ALTER ROLE"), "{commands}");
        assert!(message(&report, "slow_queries").1.starts_with("1 statement"));
    }
}

#[test]
fn statistics_of_the_database_are_those_of_the_server() {
    let (database, program) = migrated();
    database.execute("GRANT pg_read_all_stats TO app");
    let mut sessions = [database.session(), database.session()];
    for session in &mut sessions {
        session.execute("SELECT 1");
    }
    let report = eventually("two idle sessions", || {
        let report = detailed(&program);
        (report["basic_health"]["performance"]["idle_connections"] == 2).then_some(report)
    });
    let performance = &report["basic_health"]["performance"];
    assert_eq!(performance["active_connections"], 0);
    assert_eq!(performance["long_running_queries"], 0);
    let name = database.name();
    let deadlocks = database.one(&format!("SELECT deadlocks::text FROM pg_stat_database WHERE datname = '{name}'"));
    assert_eq!(performance["deadlocks"].to_string(), deadlocks);
    // before version 15 a process of the server collects the statistics, with a delay
    let hits = eventually("statistics", || {
        let ratio = "round(100.0 * blks_hit / nullif(blks_hit + blks_read, 0))::text";
        let hits = database.one(&format!("SELECT {ratio} FROM pg_stat_database WHERE datname = '{name}'"));
        (hits != "\u{2205}").then_some(hits)
    });
    let ratio = performance["cache_hit_ratio"].as_f64().unwrap();
    assert!((ratio - hits.parse::<f64>().unwrap()).abs() < 2.0, "{ratio} {hits}");
    let bytes: f64 = database.one(&format!("SELECT pg_database_size('{name}')::text")).parse().unwrap();
    assert!((report["storage"]["database_bytes"].as_f64().unwrap() / bytes - 1.0).abs() < 0.01);
    let age: f64 = database
        .one(&format!("SELECT age(datfrozenxid)::text FROM pg_database WHERE datname = '{name}'"))
        .parse()
        .unwrap();
    assert!((report["storage"]["transaction_id_age"].as_f64().unwrap() - age).abs() < 100.0);
    assert!(report["storage"]["clock_skew_seconds"].as_f64().unwrap().abs() < 1.0);
}

#[test]
fn a_deadlock_is_counted() {
    let (database, program) = migrated();
    database.execute("CREATE TABLE pair (id INT PRIMARY KEY, n INT); INSERT INTO pair VALUES (1, 0), (2, 0)");
    let barrier = &std::sync::Barrier::new(2);
    std::thread::scope(|scope| {
        let database = &database;
        for (first, second) in [(1, 2), (2, 1)] {
            scope.spawn(move || {
                let mut session = database.session();
                session.execute(&format!(
                    "BEGIN; SET LOCAL deadlock_timeout = '50ms'; UPDATE pair SET n = n + 1 WHERE id = {first}"
                ));
                barrier.wait();
                // one of the two is chosen to fail
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    session.execute(&format!("UPDATE pair SET n = n + 1 WHERE id = {second}; COMMIT"));
                }));
            });
        }
    });
    eventually("the deadlock", || (detailed(&program)["basic_health"]["performance"]["deadlocks"] == 1).then_some(()));
}

#[test]
fn indexes_that_cost_more_than_they_give_are_named() {
    let (database, program) = migrated();
    assert_eq!(detailed(&program)["indexes"], serde_json::json!({"unused": [], "duplicate": [], "invalid": []}));
    database.execute(
        "CREATE INDEX twin ON users (last_login); CREATE INDEX prefix ON auth_events (kind); \
         CREATE INDEX other_order ON auth_events (kind DESC); CREATE INDEX part ON users (last_login) WHERE active",
    );
    let report = detailed(&program);
    assert_eq!(
        report["indexes"]["duplicate"],
        serde_json::json!([
            "auth_events.prefix (auth_events.idx_auth_events_kind_occurred_at begins with the same columns)",
            "users.twin (users.idx_users_last_login begins with the same columns)"
        ])
    );
    assert_eq!(message(&report, "indexes").0, "healthy");
    database.execute("UPDATE pg_index SET indisvalid = FALSE WHERE indexrelid = 'twin'::regclass");
    let report = detailed(&program);
    assert_eq!(report["indexes"]["invalid"], serde_json::json!(["users.twin"]));
    assert_eq!(message(&report, "indexes").0, "degraded");
}

/// Who follows the advice to drop it would end a migration.
#[test]
fn an_index_that_is_being_built_is_not_invalid() {
    let (database, program) = migrated();
    // it waits for every session that may still write without it
    let mut writer = database.session();
    writer.execute("BEGIN; UPDATE users SET active = active");
    let url = database.url.clone();
    let building = std::thread::spawn(move || execute(&url, "CREATE INDEX CONCURRENTLY slow ON users (created_at)"));
    eventually("the index", || {
        (database.one("SELECT count(*)::text FROM pg_index WHERE NOT indisvalid") == "1").then_some(())
    });
    let report = detailed(&program);
    assert_eq!(report["indexes"]["invalid"], serde_json::json!([]));
    assert_eq!(message(&report, "indexes").0, "healthy");
    writer.execute("COMMIT");
    building.join().unwrap();
}

#[test]
fn a_sequence_near_its_end_is_told_before_inserts_fail() {
    let (database, program) = migrated();
    assert_eq!(message(&detailed(&program), "sequences").0, "healthy");
    database.execute("SELECT setval('auth_events_id_seq', 8000000000000000000)");
    assert_eq!(message(&detailed(&program), "sequences").0, "degraded");
    database.execute("SELECT setval('auth_events_id_seq', 9200000000000000000)");
    let outcome = program.run(&["detailed-health"]).code(3);
    assert_eq!(
        message(&outcome.json(), "sequences"),
        ("unhealthy".into(), "the fullest sequence has given out 99.7 % of its numbers".into())
    );
}

#[test]
fn a_statement_that_runs_for_long_is_told_while_it_runs() {
    let (database, program) = migrated();
    database.execute("GRANT pg_read_all_stats TO app");
    let program = program.env("AUTHSVC_HEALTH_LONG_QUERY", "1s");
    std::thread::scope(|scope| {
        let mut session = database.session();
        scope.spawn(move || session.execute("SET application_name = 'report'; SELECT pg_sleep(4)"));
        let report = eventually("the long query", || {
            let report = detailed(&program);
            (message(&report, "long_queries").0 == "degraded").then_some(report)
        });
        assert_eq!(report["basic_health"]["performance"]["long_running_queries"], 1);
        let session = &report["queries"]["longest"][0];
        assert_eq!((session["application"].as_str(), session["state"].as_str()), (Some("report"), Some("active")));
        assert!(session["seconds"].as_f64().unwrap() > 1.0);
        assert_eq!(report["overall_status"], "degraded");
    });
    assert_eq!(message(&detailed(&program), "long_queries").0, "healthy");
}

/// The names of the checks that were made.
fn names(report: &Value) -> Vec<&str> {
    report["checks"].as_array().unwrap().iter().map(|check| check["name"].as_str().unwrap()).collect()
}

/// The program as a role that may read these tables and see no session but its own.
fn reader_of(tables: &str, database: &Database) -> Program {
    let name = database.name();
    cluster().superuser(&format!("CREATE ROLE reader_{name} LOGIN PASSWORD 'x'"));
    database.execute(&format!("GRANT SELECT ON {tables} TO reader_{name}"));
    let url = format!("postgres://reader_{name}:x@127.0.0.1:{}/{name}", cluster().port);
    Program::new().env("DATABASE_URL", &url).env("AUTHSVC_ENV", "test")
}

/// The same, of every table.
fn reader(database: &Database) -> Program {
    reader_of("ALL TABLES IN SCHEMA public", database)
}

#[test]
fn sessions_that_cannot_be_seen_are_not_judged() {
    let (database, _) = migrated();
    let mut session = database.session();
    session.execute("BEGIN");
    let report = detailed(&reader(&database));
    assert!(!names(&report).contains(&"long_transactions"), "{report}");
    assert!(report["warnings"].to_string().contains("longest: only visible sessions"), "{report}");
    drop(session);
    let name = database.name();
    cluster().superuser(&format!("ALTER DATABASE {name} SET track_activities = off"));
    let mut session = database.session();
    session.execute("BEGIN");
    let url = cluster().superuser_url(&name);
    let report = detailed(&Program::new().env("DATABASE_URL", &url).env("AUTHSVC_ENV", "test"));
    assert_eq!(report["basic_health"]["performance"]["active_connections"], Value::Null);
    assert!(!names(&report).contains(&"long_transactions") && !names(&report).contains(&"long_queries"), "{report}");
    assert!(report["warnings"].to_string().contains("set track_activities = on"), "{report}");
}

#[test]
fn a_server_that_counts_nothing_has_no_figures_of_zero() {
    let (database, program) = migrated();
    cluster().superuser(&format!("ALTER DATABASE {} SET track_counts = off", database.name()));
    let report = detailed(&program);
    for figure in ["deadlocks", "cache_hit_ratio", "index_usage_ratio"] {
        assert_eq!(report["basic_health"]["performance"][figure], Value::Null, "{figure}");
    }
    assert_eq!(report["indexes"]["unused"], Value::Null);
    assert!(!names(&report).contains(&"dead_rows"), "{report}");
    assert!(report["warnings"].to_string().contains("set track_counts = on"), "{report}");
}

#[test]
fn rows_that_came_after_the_planner_looked_are_unknown_and_not_zero() {
    let (database, program) = migrated();
    database.execute(
        "ALTER TABLE users SET (autovacuum_enabled = off); ANALYZE users; \
         INSERT INTO users (email, username, password_hash) \
         SELECT 'u' || g || '@corp.test', 'u' || g, 'x' || g FROM generate_series(1, 20000) g",
    );
    let report = program.run(&["health"]).json();
    assert_eq!(report["tables"][0]["row_count"], Value::Null, "{report}");
    assert!(report["warnings"].to_string().contains("rows of users: unknown until"), "{report}");
    database.execute("ANALYZE users");
    assert_eq!(program.run(&["health"]).json()["tables"][0]["row_count"], 20_000);
}

#[test]
fn a_forgotten_prepared_transaction_is_told() {
    let (database, program) = migrated();
    database.execute("GRANT pg_read_all_stats TO app");
    let program = program.env("AUTHSVC_HEALTH_LONG_TRANSACTION", "1s");
    let name = database.name();
    database.session().execute(&format!(
        "BEGIN; INSERT INTO auth_events (kind) VALUES ('login_failed'); PREPARE TRANSACTION '{name}'"
    ));
    let message = eventually("a second to pass", || {
        let (status, message) = message(&detailed(&program), "long_transactions");
        (status == "degraded").then_some(message)
    });
    assert!(message.ends_with("0 are idle, 1 are prepared"), "{message}");
    database.execute(&format!("ROLLBACK PREPARED '{name}'"));
    assert_eq!(self::message(&detailed(&program), "long_transactions").0, "healthy");
}

#[test]
fn connections_to_other_databases_count_because_the_server_limits_them_all() {
    let cluster = Cluster::start(&["max_connections=20"]);
    let (database, other) = (Database::on(&cluster, None), Database::on(&cluster, None));
    let program = Program::on(&database).env("AUTHSVC_ENV", "test").env("AUTHSVC_HEALTH_CONNECTIONS", "40");
    program.run(&["migrate"]).success();
    assert_eq!(message(&detailed(&program), "connections").0, "healthy");
    let _held: Vec<_> = (0..10).map(|_| other.session()).collect();
    let (status, message) = message(&detailed(&program), "connections");
    assert_eq!(status, "degraded");
    assert!(message.starts_with("11 of the server's 20 connections"), "{message}");
}

#[test]
fn a_role_without_rights_gets_no_invented_figures() {
    let (database, _) = migrated();
    let report = detailed(&reader_of("seaql_migrations, authsvc_migrations", &database));
    assert_eq!(report["basic_health"]["database"]["connected"], true);
    // sizes need no right, rows do
    let table = &report["basic_health"]["tables"][0];
    assert_eq!(table["size_bytes"].to_string(), database.one("SELECT pg_total_relation_size('users')::text"));
    assert_eq!((&table["row_count"], &table["last_update"]), (&Value::Null, &Value::Null));
    assert_eq!(report["authentication_health"]["total_users"], Value::Null);
    assert_eq!(report["security_health"]["seed_accounts"], Value::Null);
    let names = names(&report);
    for unknown in ["seed_accounts", "failed_logins", "suspicious_activity", "maintenance"] {
        assert!(!names.contains(&unknown), "{unknown} is judged without a figure: {report}");
    }
    assert!(names.contains(&"transaction_ids") && names.contains(&"schema"));
    assert!(report["warnings"].to_string().contains("permission denied for table users"), "{report}");
}

#[test]
fn one_missing_right_hides_the_figures_of_one_table() {
    let (database, _) = migrated();
    database.execute("ANALYZE maintenance_runs");
    let program = reader(&database);
    database.execute(&format!("REVOKE SELECT ON oauth_providers FROM reader_{}", database.name()));
    let report = detailed(&program);
    assert_eq!(report["authentication_health"]["expired_oauth_tokens"], Value::Null);
    for figure in ["total_users", "active_tokens"] {
        assert_eq!(report["authentication_health"][figure], 0, "{figure}: {report}");
    }
    for figure in ["failed_login_attempts", "suspicious_activity", "seed_accounts"] {
        assert_eq!(report["security_health"][figure], 0, "{figure}: {report}");
    }
    assert!(names(&report).contains(&"maintenance"), "{report}");
    assert_eq!(report["maintenance"]["last_runs"][0]["kind"], "migrate");
    let tables = report["basic_health"]["tables"].as_array().unwrap();
    assert_eq!(tables.len(), entity::TABLES.len());
    assert!(tables.iter().all(|table| table["size_bytes"].is_u64()), "{report}");
    assert_eq!((&tables[4]["row_count"], &tables[4]["row_count_estimated"]), (&Value::from(1), &Value::Bool(false)));
    assert_eq!((&tables[1]["row_count_estimated"], &tables[1]["last_update"]), (&Value::Bool(true), &Value::Null));
    let warnings = report["warnings"].to_string();
    assert!(
        warnings.contains("permission denied for table oauth_providers") && warnings.contains("GRANT SELECT"),
        "{warnings}"
    );
}

#[test]
fn a_server_that_takes_no_writes_is_told() {
    let (database, program) = migrated();
    assert_eq!(message(&detailed(&program), "writes").0, "healthy");
    cluster().superuser(&format!("ALTER DATABASE {} SET default_transaction_read_only = on", database.name()));
    let report = program.run(&["health"]).success().json();
    assert_eq!(report["status"], "degraded");
    assert!(report["errors"].to_string().contains("no account can log in"), "{report}");
    // a URL that asks for such a server gets one
    let url = format!("{}?target_session_attrs=read-only", database.url);
    let report = program.env("DATABASE_URL", &url).run(&["health"]).success().json();
    assert_eq!(report["status"], "healthy", "{report}");
}

#[test]
fn what_a_role_may_not_read_at_all_is_refused_and_not_silence() {
    let (database, _) = migrated();
    let program = reader(&database);
    database.execute(&format!("REVOKE SELECT ON authsvc_migrations FROM reader_{}", database.name()));
    let report = program.run(&["health"]).code(3).json();
    assert!(
        report["errors"][0].as_str().unwrap().contains("permission denied for table authsvc_migrations"),
        "{report}"
    );
    assert!(report["warnings"].to_string().contains("it refused the first query"), "{report}");
}

#[test]
fn statements_of_other_roles_that_are_hidden_are_counted() {
    let (database, _) = migrated();
    database.execute("CREATE EXTENSION pg_stat_statements");
    let program = reader(&database);
    // another test may reset the statistics
    eventually("the warning", || {
        database.execute("SELECT count(*) FROM users");
        detailed(&program)["warnings"].to_string().contains("slowest: without").then_some(())
    });
}

#[test]
fn a_schema_that_a_role_may_not_use_is_not_an_empty_database() {
    let (database, _) = migrated();
    let program = reader(&database);
    database.execute("REVOKE USAGE ON SCHEMA public FROM PUBLIC");
    for command in ["health", "status"] {
        let told = program.run(&[command]);
        let told = format!("{}{}", told.stdout, told.stderr);
        assert!(told.contains("no schema of its search_path"), "{command}: {told}");
        assert!(!told.contains("empty"), "{command}: {told}");
    }
}
