//! The health reports compared with hand-written SQL on both engines, and the causes of an unhealthy report.

use serde_json::Value;

use crate::support::database::ENGINES;
use crate::support::{Cluster, Database, Engine, Program, eventually};

fn detailed(program: &Program) -> Value {
    program.run(&["detailed-health", "--json"]).json()
}

fn check(report: &Value, name: &str) -> (String, String) {
    let checks = report["checks"].as_array().unwrap();
    let found =
        checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no check {name}: {checks:?}"));
    let text = |key: &str| found[key].as_str().unwrap().to_owned();
    if text("status") != "healthy" {
        assert!(!text("hint").is_empty(), "a finding without what to do: {found}");
        let errors = report["errors"].as_array().unwrap();
        assert!(errors.iter().any(|error| error.as_str().unwrap().starts_with(&format!("{name}: "))), "{errors:?}");
    }
    (text("status"), text("message"))
}

/// A moment some time ago, as each engine writes it.
fn ago(engine: Engine, interval: &str) -> String {
    match engine {
        Engine::Postgres => format!("CURRENT_TIMESTAMP - INTERVAL '{interval}'"),
        Engine::Sqlite => format!("strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '-{interval}')"),
    }
}

fn seeded(engine: Engine) -> (Database, Program) {
    let database = Database::migrated(engine);
    let program = Program::on(&database).env("AUTHSVC_ENV", "development");
    program.run(&["seed"]).success();
    let at = |interval: &str| ago(engine, interval);
    let mut events = Vec::new();
    for (count, kind, interval, ip) in [
        (25, "login_failed", "10 minutes", "'192.0.2.1'"),
        (19, "login_failed", "10 minutes", "'192.0.2.2'"),
        (30, "login_failed", "2 hours", "'192.0.2.3'"),
        (4, "login_failed", "30 hours", "NULL"),
        (2, "refresh_token_reused", "5 hours", "'192.0.2.4'"),
        (1, "refresh_token_reused", "25 hours", "'192.0.2.4'"),
        (7, "login_succeeded", "1 hours", "'192.0.2.4'"),
    ] {
        events.extend((0..count).map(|_| format!("({}, '{kind}', {ip})", at(interval))));
    }
    database.execute(&format!("INSERT INTO auth_events (occurred_at, kind, ip) VALUES {}", events.join(", ")));
    database.execute(&format!(
        "INSERT INTO maintenance_runs (kind, started_at, finished_at, outcome, counts) VALUES \
         ('cleanup', {}, {}, 'succeeded', '{{\"refresh_tokens\": 7}}'), ('cleanup', {}, {}, 'failed', '{{}}'), \
         ('verify', {}, {}, 'succeeded', '{{}}')",
        at("3 hours"),
        at("2 hours"),
        at("5 hours"),
        at("5 hours"),
        at("4 hours"),
        at("4 hours")
    ));
    (database, program)
}

#[test]
fn every_figure_of_a_seeded_database_is_that_of_sql_by_hand() {
    for engine in ENGINES {
        let (database, program) = seeded(engine);
        let now = ago(engine, "0 seconds");
        let report = detailed(&program);
        let (accounts, security) = (&report["authentication_health"], &report["security_health"]);
        let users = "FROM users WHERE deleted_at IS NULL";
        for (figure, sql) in [
            (&accounts["total_users"], users.to_owned()),
            (&accounts["active_users"], format!("{users} AND active")),
            (&accounts["verified_users"], format!("{users} AND email_verified")),
            (&accounts["oauth_users"], format!("{users} AND provider IN ('google', 'github')")),
            (&accounts["email_users"], format!("{users} AND provider NOT IN ('google', 'github')")),
            (&accounts["recent_logins"], format!("{users} AND last_login > {}", ago(engine, "7 days"))),
            (&accounts["active_tokens"], format!("FROM refresh_tokens WHERE NOT revoked AND expires_at > {now}")),
            (&accounts["expired_tokens"], format!("FROM refresh_tokens WHERE NOT revoked AND expires_at < {now}")),
            (&accounts["revoked_tokens"], "FROM refresh_tokens WHERE revoked".to_owned()),
            (
                &accounts["expired_oauth_tokens"],
                format!("FROM oauth_providers WHERE access_token IS NOT NULL AND expires_at < {now}"),
            ),
            (&security["unverified_accounts"], format!("{users} AND NOT email_verified")),
            (
                &security["inactive_accounts"],
                format!("{users} AND (last_login IS NULL OR last_login < {})", ago(engine, "90 days")),
            ),
            (&security["locked_accounts"], format!("{users} AND locked_until > {now}")),
            (&security["seed_accounts"], format!("{users} AND email LIKE '%@example.com'")),
        ] {
            let expected = database.one(&format!("SELECT count(*) {sql}"));
            assert_eq!(figure.to_string(), expected, "{engine:?}: {sql}");
            assert_ne!(expected, "0", "{engine:?}: the data tells nothing about {sql}");
        }
        assert_eq!(security["failed_login_attempts"], 74);
        assert_eq!(security["suspicious_activity"], 3, "two tokens used twice, and one address that guesses");
        let cleaned = database
            .one("SELECT max(finished_at) FROM maintenance_runs WHERE kind = 'cleanup' AND outcome = 'succeeded'");
        same_time(&accounts["last_cleanup"], &cleaned);
        let verified = database.one("SELECT finished_at FROM maintenance_runs WHERE kind = 'verify'");
        same_time(&report["backups"]["last_verified"], &verified);
    }
}

/// To the second, because each engine writes times in its own form.
#[track_caller]
fn same_time(figure: &Value, expected: &str) {
    let figure = figure.as_str().unwrap_or_else(|| panic!("{figure} is no time, {expected} is"));
    assert_eq!(figure[..19].replace('T', " "), expected[..19].replace('T', " "));
}

#[test]
fn every_table_is_told_with_rows_size_and_last_change() {
    for engine in ENGINES {
        let (database, program) = seeded(engine);
        database.execute(&format!(
            "INSERT INTO login_throttles (subject, failures, last_failed_at) VALUES ('ip:192.0.2.9', 3, {})",
            ago(engine, "1 hours")
        ));
        let report = program.run(&["health", "--json"]).success().json();
        let tables = report["tables"].as_array().unwrap();
        let names: Vec<&str> = tables.iter().map(|table| table["name"].as_str().unwrap()).collect();
        assert_eq!(names, entity::TABLES, "every table of the schema");
        for table in tables {
            let name = table["name"].as_str().unwrap();
            assert_eq!(table["row_count"].to_string(), database.one(&format!("SELECT count(*) FROM {name}")), "{name}");
            assert_eq!(table["row_count_estimated"], false);
            let bytes = match engine {
                Engine::Postgres => format!("SELECT pg_total_relation_size('{name}')::text"),
                Engine::Sqlite => format!(
                    "SELECT CAST(sum(pgsize) AS TEXT) FROM dbstat WHERE name IN (SELECT name FROM sqlite_schema WHERE tbl_name = '{name}')"
                ),
            };
            assert_eq!(table["size_bytes"].to_string(), database.one(&bytes), "{name}");
            let size = table["size"].as_str().unwrap();
            let bytes = table["size_bytes"].as_u64().unwrap();
            assert!(size == format!("{} kB", bytes / 1024) || size == format!("{bytes} bytes"), "{size}");
            if engine == Engine::Postgres {
                assert_eq!(size, database.one(&format!("SELECT pg_size_pretty(pg_total_relation_size('{name}'))")));
            }
        }
        same_time(&tables[0]["last_update"], &database.one("SELECT max(updated_at) FROM users"));
        same_time(&tables[3]["last_update"], &database.one("SELECT max(occurred_at) FROM auth_events"));
        same_time(&tables[5]["last_update"], &database.one("SELECT last_failed_at FROM login_throttles"));
        assert_eq!(report["status"], "healthy");
        assert_eq!(report["migrations"]["applied"], authsvc::migrate::migrations().len());
        assert_eq!(report["migrations"]["pending"], 0);
        assert_eq!(report["migrations"]["drift"], false);
        assert_eq!(report["migrations"]["latest"], authsvc::migrate::newest());
        let version = report["database"]["version"].as_str().unwrap();
        assert!(version.starts_with(if engine == Engine::Postgres { "PostgreSQL 1" } else { "SQLite 3" }), "{version}");
        assert!(report["database"]["response_time_ms"].as_f64().unwrap() > 0.0);
    }
}

#[test]
fn development_accounts_make_production_unhealthy_and_the_worst_counts() {
    for engine in ENGINES {
        let (database, _) = seeded(engine);
        let program = Program::on(&database);
        let outcome = program.run(&["detailed-health"]).code(3);
        let report = outcome.json();
        assert_eq!(report["overall_status"], "unhealthy");
        assert_eq!(check(&report, "seed_accounts").0, "unhealthy");
        assert_eq!(check(&report, "backups"), ("degraded".into(), "there is no backup of this database".into()));
        let staging = Program::on(&database).env("AUTHSVC_ENV", "staging").run(&["detailed-health"]).success().json();
        assert_eq!(staging["overall_status"], "degraded");
        // one that is switched off is one click away from its published password
        database.execute("UPDATE users SET active = FALSE");
        assert_eq!(check(&detailed(&program), "seed_accounts").0, "unhealthy");
        database.execute("DELETE FROM users WHERE email LIKE '%@example.com'");
        let report = program.run(&["detailed-health"]).success().json();
        assert_eq!(check(&report, "seed_accounts").0, "healthy");
        assert_eq!(report["overall_status"], "degraded");
    }
}

#[test]
fn accounts_of_the_earlier_managers_seed_are_found_by_their_common_hash() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let hash = "$2a$10$abcdefghijklmnopqrstuv";
        database.execute(&format!(
            "INSERT INTO users (email, username, password_hash) VALUES ('a@corp.test', 'a', '{hash}'), ('b@corp.test', 'b', '{hash}'), \
             ('c@corp.test', 'c', 'another')"
        ));
        let report = detailed(&Program::on(&database));
        assert_eq!(report["security_health"]["seed_accounts"], 2);
    }
}

#[test]
fn a_schema_that_is_not_current_is_told_with_what_to_do() {
    for engine in ENGINES {
        let empty = Database::empty(engine);
        if engine == Engine::Sqlite {
            std::fs::write(empty.path(), "").unwrap();
        }
        let outcome = Program::on(&empty).run(&["health"]).code(3);
        let report = outcome.json();
        assert!(report["errors"][0].as_str().unwrap().contains("authsvc migrate"), "{report}");
        assert_eq!(report["tables"], serde_json::json!([]));
        assert!(
            report["warnings"].to_string().contains("tables: the schema is not the one of this program"),
            "{report}"
        );
        let report = detailed(&Program::on(&empty));
        assert_eq!(report["authentication_health"]["total_users"], Value::Null);

        let database = Database::migrated(engine);
        Program::on(&database).run(&["rollback", "--yes", "--no-safety-backup"]).success();
        let report = Program::on(&database).run(&["health"]).success().json();
        assert_eq!(report["migrations"]["pending"], 1);
        assert_eq!(report["status"], "degraded");
        Program::on(&database).run(&["migrate"]).success();
        database.execute("DROP INDEX idx_users_last_login");
        let report = Program::on(&database).run(&["health"]).success().json();
        assert_eq!(report["migrations"]["drift"], true);
        assert!(report["errors"][0].as_str().unwrap().contains("idx_users_last_login"), "{report}");
    }
}

#[test]
fn a_database_that_does_not_answer_is_unhealthy_and_nothing_is_invented() {
    for (url, place) in [
        ("postgres://app:cAn4ry@127.0.0.1:1/none", "(postgres://app:****@127.0.0.1:1/none); "),
        ("sqlite:not-there.db", "`not-there.db` does not exist; "),
    ] {
        let program = Program::new().env("DATABASE_URL", url);
        for command in ["health", "detailed-health"] {
            let report = program.run(&[command]).code(3).json();
            let basic = if command == "health" { &report } else { &report["basic_health"] };
            assert_eq!(basic["database"]["connected"], false);
            assert_eq!(basic["database"]["response_time_ms"], Value::Null);
            assert_eq!(basic["performance"]["deadlocks"], Value::Null);
            assert_eq!(basic["status"], "unhealthy");
            assert_eq!(basic["database"]["open_connections"], 0);
            assert!(report["errors"][0].as_str().unwrap().contains(place), "{report}");
        }
        assert!(!program.directory().join("not-there.db").exists());
    }
}

#[test]
fn backups_are_those_of_this_database_and_runs_that_are_recorded() {
    for engine in ENGINES {
        let (database, program) = seeded(engine);
        let program = program.env("AUTHSVC_BACKUP_MAX_AGE", "1h");
        assert_eq!(check(&detailed(&program), "backups").0, "degraded");
        let made = program.run(&["backup", "--json"]).success().json();
        let report = detailed(&program);
        assert_eq!(report["backups"]["count"], 1);
        assert_eq!(report["backups"]["last_size_bytes"], made["size"]);
        assert_eq!(report["backups"]["recent"][0]["name"], made["filename"]);
        let runs = report["maintenance"]["last_runs"].as_array().unwrap();
        assert!(runs.iter().any(|run| run["kind"] == "backup" && run["bytes"] == made["size"]), "{runs:?}");
        // the file tells one time and the record of the run another, by the database's clock: the later one counts
        let recorded = database.one("SELECT started_at FROM maintenance_runs WHERE kind = 'backup'").replace(' ', "T");
        let made_at = made["created_at"].as_str().unwrap();
        same_time(&report["backups"]["last_backup"], made_at.max(&recorded));
        assert!(report["backups"]["age_seconds"].as_i64().unwrap() < 60);
        assert_eq!(check(&report, "backups").0, "healthy");

        // a file that was cut off is no backup, though the run that made it was one
        let file = program.directory().join("backups").join(made["filename"].as_str().unwrap());
        let whole = std::fs::read(&file).unwrap();
        std::fs::write(&file, &whole[..100]).unwrap();
        let (status, message) = check(&detailed(&program), "backup_files");
        assert_eq!(status, "degraded");
        assert!(message.contains(made["filename"].as_str().unwrap()), "{message}");
        std::fs::write(&file, whole).unwrap();

        // where nobody can look nobody knows
        let blocked = Program::on(&Database::migrated(engine))
            .env("BACKUP_DIR", &file.display().to_string())
            .env("AUTHSVC_BACKUP_MAX_AGE", "1h");
        let report = detailed(&blocked);
        assert_eq!(report["backups"]["count"], Value::Null);
        assert_eq!(check(&report, "backups").1, "none is known, and BACKUP_DIR cannot be read");

        // in another place there is no file, and the database knows of the run
        let elsewhere = Program::on(&database).env("AUTHSVC_ENV", "development").env("AUTHSVC_BACKUP_MAX_AGE", "1h");
        let report = detailed(&elsewhere);
        assert_eq!(report["backups"]["count"], 0);
        assert_eq!(check(&report, "backups").0, "healthy");
        database.execute(&format!(
            "UPDATE maintenance_runs SET started_at = {} WHERE kind = 'backup'",
            ago(engine, "2 hours")
        ));
        assert_eq!(check(&detailed(&elsewhere), "backups").0, "degraded");
        // the backup of another database is none of this one; a copy of this one would have its id
        let other = Database::empty(engine);
        Program::on(&other).run(&["migrate"]).success();
        let same_place = Program::on(&other)
            .env("BACKUP_DIR", &program.directory().join("backups").display().to_string())
            .env("AUTHSVC_ENV", "development");
        assert_eq!(detailed(&same_place)["backups"]["count"], 0);
    }
}

#[test]
fn limits_can_be_set_and_a_wrong_one_is_refused() {
    let (_database, program) = seeded(Engine::Postgres);
    assert_eq!(check(&detailed(&program), "suspicious_activity").0, "healthy", "three are allowed");
    // two clocks may agree to the microsecond
    let program = program
        .with_clock("+1s")
        .env("AUTHSVC_HEALTH_FAILED_LOGINS", "73")
        .env("AUTHSVC_HEALTH_SUSPICIOUS_ACTIVITY", "2")
        .env("AUTHSVC_HEALTH_FREE_SPACE", "900PB")
        .env("AUTHSVC_HEALTH_CLOCK_SKEW", "0s")
        .env("AUTHSVC_HEALTH_RESPONSE_TIME", "1ns")
        .env("AUTHSVC_HEALTH_CONNECTIONS", "0");
    let report = detailed(&program);
    for name in ["failed_logins", "free_space", "clock", "database", "connections", "suspicious_activity"] {
        assert_eq!(check(&report, name).0, "degraded", "{name}");
    }
    for (name, value) in [
        ("AUTHSVC_HEALTH_LONG_QUERY", "soon"),
        ("AUTHSVC_HEALTH_CACHE_HIT", "101"),
        ("AUTHSVC_HEALTH_FAILED_LOGINS", "-1"),
        ("AUTHSVC_HEALTH_FREE_SPACE", "much"),
        ("AUTHSVC_BACKUP_MAX_AGE", "old"),
    ] {
        let error = Program::new().env(name, value).run(&["health"]).code(2).error();
        assert!(error.contains(name) && error.contains(value), "{error}");
    }
}

#[test]
fn a_failed_run_shows_until_one_succeeds() {
    let database = Database::migrated(Engine::Sqlite);
    let run = |minutes: u32, outcome: &str| {
        let at = ago(Engine::Sqlite, &format!("{minutes} minutes"));
        database.execute(&format!(
            "INSERT INTO maintenance_runs (kind, started_at, finished_at, outcome, error) VALUES ('backup', {at}, {at}, '{outcome}', 'disk full')"
        ));
    };
    let program = Program::on(&database);
    run(30, "succeeded");
    run(20, "failed");
    let (status, message) = check(&detailed(&program), "maintenance");
    assert_eq!(status, "degraded");
    assert!(message.contains("backup") && message.contains("disk full"), "{message}");
    run(10, "succeeded");
    assert_eq!(check(&detailed(&program), "maintenance").0, "healthy");
}

#[test]
fn queries_and_sessions_are_told_without_their_text() {
    let database = Database::migrated(Engine::Postgres);
    let mut session = database.session();
    session.execute("SET application_name = 'reporting'; BEGIN; SELECT 'cAn4ry', count(*) FROM users");
    let program = Program::on(&database).env("AUTHSVC_HEALTH_LONG_TRANSACTION", "1s");
    // the role of the service is no superuser: what it may not see is missing, and said so
    let report = detailed(&program);
    assert_eq!(report["basic_health"]["performance"]["active_connections"], Value::Null);
    assert!(report["warnings"].to_string().contains("GRANT pg_read_all_stats"), "{report}");
    let name = database.name();
    Cluster::shared().superuser(&format!("CREATE ROLE watcher_{name} LOGIN PASSWORD 'x' IN ROLE pg_monitor, app"));
    let url = format!("postgres://watcher_{name}:x@127.0.0.1:{}/{name}", Cluster::shared().port);
    let program = program.env("DATABASE_URL", &url);
    let session = eventually("the idle transaction", || {
        let report = detailed(&program);
        let longest = report["queries"]["longest"].as_array().unwrap().clone();
        longest.into_iter().find(|session| session["application"] == "reporting").map(|session| (session, report))
    });
    assert_eq!(session.0["state"], "idle in transaction");
    assert_eq!(session.0["command"], "SET");
    assert_eq!(session.0["wait"], "Client: ClientRead");
    let found = eventually("a second to pass", || {
        let report = detailed(&program);
        (check(&report, "long_transactions").0 == "degraded").then_some(report)
    });
    assert!(found["basic_health"]["performance"]["active_connections"].is_u64());
}
