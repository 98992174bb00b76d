//! Commands on several hosts, and backups from a standby.

use std::time::Duration;

use crate::failover::Pair;
use crate::support::proxy::Proxy;
use crate::support::{Program, eventually};

#[test]
fn every_command_finds_its_server_and_a_standby_is_backed_up() {
    let pair = Pair::start(&[]);
    let writing = Program::new().env("DATABASE_URL", &pair.url("read-write")).env("AUTHSVC_ENV", "test");
    writing.run(&["rollback", "--yes"]).success();
    writing.run(&["migrate"]).success();
    writing.run(&["seed"]).success();
    writing.run(&["status", "--check"]).success();
    writing.run(&["health"]).success();
    writing.run(&["cleanup"]).success();
    let fill =
        "INSERT INTO auth_events (kind, detail) SELECT 'logout', repeat('x', 200) FROM generate_series(1, 200000)";
    pair.database.execute(fill);
    let there = pair.database.seen_on(&pair.standby);
    eventually("the rows on the standby", || (there.one("SELECT count(*) FROM auth_events") == "200000").then_some(()));
    for attrs in ["standby", "prefer-standby", "read-only", "any"] {
        let program = Program::new().env("DATABASE_URL", &pair.url(attrs));
        let made = program.run(&["backup", "--json"]).success().json();
        assert_eq!(made["validated"], true, "{attrs}");
        assert!(made["database_url"].as_str().unwrap().contains(&pair.standby.port.to_string()), "{made}");
        let file = format!("backups/{}", made["filename"].as_str().unwrap());
        program.run(&["verify-backup", &file]).success();
        if attrs == "standby" {
            pair.database.execute("TRUNCATE auth_events");
            let file = program.directory().join(file);
            writing.run(&["restore", "--yes", file.to_str().unwrap()]).success();
            assert_eq!(pair.database.one("SELECT count(*) FROM auth_events"), "200000");
        }
    }
    let error = writing.run(&["migrate", "--to", "nowhere"]).stderr;
    assert!(!error.contains("none of the"), "{error}");
    // a standby that accepts no writes is a finding, unless it was asked for
    let told = Program::on(&pair.database.seen_on(&pair.standby)).run(&["health"]).success().json();
    assert!(told["errors"][0].as_str().unwrap().starts_with("writes: the server accepts no writes"), "{told}");
    let told = Program::new().env("DATABASE_URL", &pair.url("standby")).run(&["health"]).success().json();
    assert_eq!(told["errors"], serde_json::json!([]), "{told}");
    // what must write says where it was
    let reading = Program::new().env("DATABASE_URL", &pair.url("standby")).env("AUTHSVC_ENV", "test");
    let error = reading.run(&["rollback", "--yes"]).code(1).error();
    assert!(error.contains("25006") && error.contains("target_session_attrs=read-write"), "{error}");
    // and if no server is suitable, the message names each
    pair.primary.configure("RESET synchronous_standby_names");
    pair.standby.crash();
    let error = reading.run(&["backup"]).code(1).error();
    let reasons = [format!("127.0.0.1:{}: no connection", pair.standby.port), "the server is not a standby".to_owned()];
    assert!(reasons.iter().all(|reason| error.contains(reason)), "{error}");
    let preferring = Program::new().env("DATABASE_URL", &pair.url("prefer-standby"));
    preferring.run(&["backup"]).success();
    // the one before the rollback, and this: those of a standby are written nowhere
    assert_eq!(
        pair.database.one("SELECT count(*) FROM maintenance_runs WHERE kind = 'backup' AND outcome = 'succeeded'"),
        "2"
    );
}

#[test]
fn a_backup_in_the_way_of_the_recovery_says_what_to_do() {
    let pair = Pair::start(&["max_standby_streaming_delay=0"]);
    let there = pair.database.seen_on(&pair.standby);
    let proxy = Proxy::to(pair.standby.port);
    proxy.delay(Duration::from_millis(300));
    let url = there.url.replace(&pair.standby.port.to_string(), &proxy.address.port().to_string());
    let program = Program::new().env("DATABASE_URL", &url);
    let backup = program.spawn(&["backup"]);
    let locks = "SELECT count(*) FROM pg_locks WHERE relation = 'users'::regclass AND pid <> pg_backend_pid()";
    eventually("the backup", || (there.one(locks) != "0").then_some(()));
    pair.database.execute("TRUNCATE auth_events");
    let error = backup.wait().code(1).error();
    assert!(error.contains("conflict with recovery") && error.contains("hot_standby_feedback"), "{error}");
}
