//! P12: a cleanup removes expired rows, never a live token, and never blocks a login.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::database::ENGINES;
use crate::support::program::get;
use crate::support::{Database, Engine, Program, eventually};

pub(crate) fn at(engine: Engine, offset: &str) -> String {
    match engine {
        Engine::Postgres => format!("CURRENT_TIMESTAMP + INTERVAL '{offset}'"),
        Engine::Sqlite => format!("strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '{offset}')"),
    }
}

/// Rows on both sides of every border.
pub(crate) fn filled(engine: Engine) -> Database {
    let database = Database::migrated(engine);
    let at = |offset: &str| at(engine, offset);
    database.execute("INSERT INTO users (id, email, username, password_hash) VALUES (1, 'a@corp.test', 'a', 'x')");
    let mut tokens = Vec::new();
    for (name, expires, revoked, revoked_at) in [
        ("live", "1 hours", "FALSE", "NULL".to_owned()),
        ("just-live", "10 seconds", "FALSE", "NULL".to_owned()),
        ("expired", "-1 seconds", "FALSE", "NULL".to_owned()),
        ("long-expired", "-90 days", "FALSE", "NULL".to_owned()),
        ("revoked-lately", "5 days", "TRUE", at("-23 hours")),
        ("revoked", "5 days", "TRUE", at("-25 hours")),
        ("revoked-somewhen", "5 days", "TRUE", "NULL".to_owned()),
        ("expired-and-revoked", "-1 hours", "TRUE", at("-1 hours")),
        ("expired-and-long-revoked", "-1 hours", "TRUE", at("-25 hours")),
    ] {
        tokens.push(format!("(1, '{name}', {}, {revoked}, {revoked_at})", at(expires)));
    }
    database.execute(&format!(
        "INSERT INTO refresh_tokens (user_id, token_hash, expires_at, revoked, revoked_at) VALUES {}",
        tokens.join(", ")
    ));
    database.execute(&format!(
        "INSERT INTO oauth_providers (user_id, provider, provider_id, access_token, refresh_token, expires_at, key_id) VALUES \
         (1, 'google', 'live', 'a', 'r', {}, 'k'), (1, 'google', 'expired', 'a', 'r', {}, 'k'), (1, 'github', 'erased', NULL, NULL, NULL, NULL)",
        at("1 hours"), at("-1 seconds")
    ));
    database.execute(&format!(
        "INSERT INTO auth_events (kind, occurred_at, detail) VALUES ('logout', {}, 'kept'), ('logout', {}, 'gone')",
        at("-89 days"),
        at("-91 days")
    ));
    database.execute(&format!(
        "INSERT INTO maintenance_runs (kind, started_at, outcome) VALUES ('seed', {}, 'succeeded'), ('seed', {}, 'succeeded')",
        at("-364 days"), at("-366 days")
    ));
    database.execute(&format!(
        "INSERT INTO login_throttles (subject, failures, last_failed_at) VALUES ('ip:192.0.2.1', 9, {}), ('ip:192.0.2.2', 9, {}); \
         INSERT INTO oauth_states (state_hash, expires_at) VALUES ('live', {}), ('expired', {}); \
         INSERT INTO known_devices (digest, user_id, kind, last_login_at) SELECT 'known', min(id), 'cookie', {} FROM users; \
         INSERT INTO known_devices (digest, user_id, kind, last_login_at) SELECT 'forgotten', min(id), 'address', {} FROM users",
        at("-24 hours"), at("-26 hours"), at("-59 minutes"), at("-61 minutes"), at("-90 days"), at("-91 days")
    ));
    database
}

#[test]
fn p12_what_has_had_its_time_goes_and_nothing_else() {
    for engine in ENGINES {
        let database = filled(engine);
        let program = Program::on(&database);
        let content = || database.query("SELECT token_hash FROM refresh_tokens ORDER BY 1");
        let before = content();
        let planned = program.run(&["cleanup", "--dry-run", "--json"]).success().json();
        assert_eq!(content(), before, "a dry run changed something");
        assert_eq!(database.one("SELECT count(*) FROM maintenance_runs"), "2");
        let done = program.run(&["cleanup", "--json"]).success().json();
        assert_eq!(content(), ["just-live", "live", "revoked-lately"]);
        // what is expired and revoked is counted once
        for (name, count) in [
            ("expired_tokens", 4),
            ("revoked_tokens", 2),
            ("oauth_tokens", 1),
            ("auth_events", 1),
            ("maintenance_runs", 1),
            ("login_throttles", 1),
            ("oauth_states", 1),
            ("known_devices", 1),
            ("backups", 0),
        ] {
            assert_eq!((&done[name], &planned[name]), (&Value::from(count), &Value::from(count)), "{engine:?}: {name}");
        }
        assert_eq!(
            database.query("SELECT provider_id, access_token, refresh_token, expires_at IS NULL, key_id FROM oauth_providers ORDER BY id")
                .iter().map(|row| row.replace("|t|", "|1|").replace("|f|", "|0|")).collect::<Vec<_>>(),
            ["live|a|r|0|k", "expired|∅|∅|1|∅", "erased|∅|∅|1|∅"]
        );
        assert_eq!(database.query("SELECT detail FROM auth_events"), ["kept"]);
        assert_eq!(database.query("SELECT subject FROM login_throttles"), ["ip:192.0.2.1"]);
        assert_eq!(database.query("SELECT state_hash FROM oauth_states"), ["live"]);
        assert_eq!(database.query("SELECT digest FROM known_devices"), ["known"]);
        let runs =
            database.query("SELECT kind, outcome, counts ->> 'refresh_tokens' FROM maintenance_runs ORDER BY id");
        assert_eq!(runs, ["seed|succeeded|∅", "cleanup|succeeded|6"]);
        let report = program.run(&["detailed-health"]).json();
        assert!(report["authentication_health"]["last_cleanup"].is_string());
        let again = program.run(&["cleanup", "--json"]).success().json();
        assert_eq!(again["expired_tokens"], 0);
    }
}

#[test]
fn progress_is_shown_at_a_terminal_only() {
    for engine in ENGINES {
        let database = filled(engine);
        let program = Program::on(&database).env("AUTHSVC_LOG", "error").env("TERM", "xterm");
        assert_eq!(program.run(&["cleanup", "--dry-run"]).success().stderr, "");
        let program = program.through(&["sh", "-c", "script -qec \"$0 $*\" /dev/null"]);
        let shown = program.run(&["cleanup"]).success().stdout;
        assert!(shown.contains("refresh tokens, expired: 4 rows, 1 batches"), "{shown:?}");
        assert!(shown.contains("removed in ") && shown.trim_end().ends_with(" ms"), "{shown:?}");
        let piped = program.through(&[]).run(&["cleanup"]).success();
        assert_eq!(piped.stderr, "");
    }
}

/// Makes every backup of a directory so many hours older, by its metadata.
fn age_all(directory: &std::path::Path, hours: i64) {
    for entry in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.extension().is_some_and(|extension| extension == "meta") {
            let mut metadata: serde_json::Value = serde_json::from_slice(&std::fs::read(&entry).unwrap()).unwrap();
            let made: chrono::DateTime<chrono::Utc> = metadata["created_at"].as_str().unwrap().parse().unwrap();
            metadata["created_at"] = (made - chrono::TimeDelta::hours(hours)).to_rfc3339().into();
            std::fs::write(&entry, metadata.to_string()).unwrap();
        }
    }
}

#[test]
fn old_backups_go_by_the_retention_that_is_given() {
    let database = Database::migrated(Engine::Sqlite);
    let program = Program::on(&database);
    let names = || std::fs::read_dir(program.directory().join("backups")).unwrap().count();
    program.run(&["backup"]).success();
    eventually("another second", || program.run(&["backup"]).code.filter(|code| *code == 0 && names() >= 4));
    age_all(&program.directory().join("backups"), 2);
    assert_eq!(program.run(&["cleanup", "1h", "--dry-run", "--json"]).success().json()["backups"], 1);
    assert_eq!(program.run(&["cleanup", "--json"]).success().json()["backups"], 0, "a week is the default");
    let cleaned = program.run(&["cleanup", "1h", "--json"]).success().json();
    assert!(cleaned["backups"].as_u64().unwrap() >= 1);
    assert_eq!(names(), 2, "the newest valid one is kept");
    for wrong in ["0s", "soon", "-1h", "6m"] {
        program.run(&["cleanup", wrong]).code(2);
    }
}

#[test]
fn a_cleanup_waits_for_its_turn_and_gives_up_in_time() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let url = authsvc::db::DatabaseUrl::parse(&database.url, &authsvc::db::Defaults::default()).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let turn = runtime.block_on(authsvc::db::ExclusiveLock::try_acquire(&url)).unwrap().unwrap();
        let program = Program::on(&database).env("AUTHSVC_LOCK_WAIT", "500ms");
        let error = program.run(&["cleanup"]).code(6).error();
        assert!(error.contains("another process runs a cleanup") && error.contains("hint: "), "{error}");
        program.run(&["cleanup", "--dry-run"]).success();
        runtime.block_on(turn.release());
        program.run(&["cleanup"]).success();
    }
}

#[test]
fn replicas_clean_up_once_in_an_interval() {
    for engine in ENGINES {
        let database = filled(engine);
        let servers: Vec<_> = (0..3)
            .map(|_| Program::on(&database).env("AUTHSVC_CLEANUP_INTERVAL", "1s").env("AUTHSVC_ENV", "test").serve())
            .collect();
        let servers: Vec<_> = servers.into_iter().map(crate::support::program::Server::ready).collect();
        eventually("a cleanup", || {
            (database.one("SELECT count(*) FROM maintenance_runs WHERE kind = 'cleanup' AND outcome = 'succeeded'")
                != "0")
                .then_some(())
        });
        assert_eq!(
            database.query("SELECT token_hash FROM refresh_tokens ORDER BY 1"),
            ["just-live", "live", "revoked-lately"]
        );
        eventually("the metric", || {
            let text = get(servers[0].admin, "/metrics").unwrap().1;
            text.contains("authsvc_cleanup_last_success_timestamp_seconds").then_some(())
        });
        for server in servers {
            server.stop().success();
        }
        let runs =
            database.query("SELECT outcome, count(*) FROM maintenance_runs WHERE kind = 'cleanup' GROUP BY outcome");
        let outcomes: BTreeMap<&str, &str> = runs.iter().map(|row| row.split_once('|').unwrap()).collect();
        assert!(outcomes.keys().all(|outcome| ["succeeded", "cancelled"].contains(outcome)), "{runs:?}");
    }
}

#[test]
fn a_schema_that_is_not_current_is_not_touched() {
    let database = filled(Engine::Sqlite);
    let program = Program::on(&database);
    program.run(&["rollback", "--yes", "--no-safety-backup"]).success();
    let error = program.run(&["cleanup"]).code(1).error();
    assert!(error.contains("pending migrations: 1") && error.contains("authsvc migrate"), "{error}");
    assert_eq!(database.one("SELECT count(*) FROM refresh_tokens"), "9");
}

#[test]
fn the_functions_of_the_schema_agree_with_the_program() {
    let (by_function, by_program) = (filled(Engine::Postgres), filled(Engine::Postgres));
    let removed = by_function.one("SELECT cleanup_expired_tokens()::text");
    let done = Program::on(&by_program).run(&["cleanup", "--json"]).success().json();
    let counted = done["expired_tokens"].as_u64().unwrap() + done["revoked_tokens"].as_u64().unwrap();
    assert_eq!(removed, counted.to_string());
    let tokens = "SELECT token_hash FROM refresh_tokens ORDER BY 1";
    assert_eq!(by_function.query(tokens), by_program.query(tokens));

    let seeded = Database::migrated(Engine::Postgres);
    Program::on(&seeded).env("AUTHSVC_ENV", "test").run(&["seed"]).success();
    seeded.execute("SELECT update_user_last_login(id) FROM users WHERE username = 'barbara'");
    let report = Program::on(&seeded).run(&["detailed-health"]).json();
    let accounts = &report["authentication_health"];
    let figures = ["total_users", "active_users", "verified_users", "oauth_users", "email_users", "recent_logins"]
        .map(|name| accounts[name].to_string());
    let columns = "total_users::text, active_users::text, verified_users::text, oauth_users::text, email_users::text, recent_logins::text";
    assert_eq!(seeded.one(&format!("SELECT {columns} FROM get_user_statistics()")), figures.join("|"));
}

#[test]
fn a_service_leaves_backups_made_by_hand() {
    let database = Database::migrated(Engine::Sqlite);
    let directory = tempfile::tempdir().unwrap();
    let program = || {
        let backups = directory.path().join("backups").display().to_string();
        Program::on(&database).env("BACKUP_DIR", &backups).env("AUTHSVC_BACKUP_RETENTION", "1h")
    };
    let files = || std::fs::read_dir(directory.path().join("backups")).unwrap().count();
    eventually("two backups", || {
        program().run(&["backup"]).success();
        (files() == 4).then_some(())
    });
    age_all(&directory.path().join("backups"), 2);
    let server = program().env("AUTHSVC_CLEANUP_INTERVAL", "1s").serve().ready();
    eventually("two cleanups", || {
        let runs =
            database.one("SELECT count(*) FROM maintenance_runs WHERE kind = 'cleanup' AND outcome = 'succeeded'");
        (runs.parse::<u32>().unwrap() >= 2).then_some(())
    });
    server.stop().success();
    assert_eq!(files(), 4);
    assert_eq!(program().run(&["cleanup", "--dry-run", "--json"]).success().json()["backups"], 1);
}
