//! P12 under faults: a cleanup during logins, beside other cleanups, killed midway, and with a wrong clock.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::cleanup::{at, filled};
use crate::support::database::ENGINES;
use crate::support::program::Running;
use crate::support::{Cluster, Database, Engine, Program, SetOnDrop, eventually, proxy::Proxy};

/// Expired tokens, and every tenth a live one.
fn crowded(engine: Engine, all: u32) -> Database {
    let database = Database::migrated(engine);
    let (series, set, analyze) = match engine {
        // a million keys are not to be looked up one by one
        Engine::Postgres => {
            ("generate_series(1, COUNT) g", "SET session_replication_role = replica;", "ANALYZE refresh_tokens")
        }
        Engine::Sqlite => (
            "(WITH RECURSIVE s (g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM s LIMIT COUNT) SELECT g FROM s)",
            "",
            "ANALYZE",
        ),
    };
    let series = |count: u32| series.replace("COUNT", &count.to_string());
    database.execute(&format!(
        "{set} INSERT INTO users (email, username, password_hash) SELECT 'u' || g || '@corp.test', 'u' || g, 'x' FROM {}; \
         INSERT INTO refresh_tokens (user_id, token_hash, expires_at) \
         SELECT 1 + g % 1000, 'h' || g, CASE WHEN g % 10 = 0 THEN {} ELSE {} END FROM {}; {analyze}",
        series(1000),
        at(engine, "1 days"),
        at(engine, "-1 days"),
        series(all)
    ));
    database
}

fn count(database: &Database, condition: &str) -> u64 {
    database.one(&format!("SELECT CAST(count(*) AS VARCHAR) FROM refresh_tokens WHERE {condition}")).parse().unwrap()
}

fn expired(database: &Database, engine: Engine) -> u64 {
    count(database, &format!("expires_at < {}", at(engine, "0 days")))
}

/// What a login changes: the account, the token that was used, and a new one.
fn login(engine: Engine, number: usize) -> String {
    let (begin, now) = match engine {
        Engine::Postgres => ("BEGIN", at(engine, "0 days")),
        Engine::Sqlite => ("BEGIN IMMEDIATE", at(engine, "0 days")),
    };
    format!(
        "{begin}; UPDATE users SET last_login = {now} WHERE id = {}; \
         UPDATE refresh_tokens SET revoked = TRUE, revoked_at = {now} WHERE token_hash = 'h{}'; \
         INSERT INTO refresh_tokens (user_id, token_hash, expires_at) VALUES (1, 'new{number}', {}); COMMIT",
        1 + number % 1000,
        (number + 1) * 10,
        at(engine, "7 days")
    )
}

/// One login after the other until it is over; the slowest.
fn stream(database: &Database, engine: Engine, over: &AtomicBool, logins: &AtomicUsize) -> Duration {
    let mut run: Box<dyn FnMut(&str)> = match engine {
        Engine::Postgres => {
            let mut session = database.session();
            Box::new(move |sql| session.execute(sql))
        }
        Engine::Sqlite => {
            let connection = rusqlite::Connection::open(database.path()).unwrap();
            connection.busy_timeout(Duration::from_secs(5)).unwrap();
            Box::new(move |sql| connection.execute_batch(sql).unwrap())
        }
    };
    let mut slowest = Duration::ZERO;
    while !over.load(Ordering::SeqCst) {
        let begin = Instant::now();
        run(&login(engine, logins.load(Ordering::SeqCst)));
        slowest = slowest.max(begin.elapsed());
        // who logs in does other things, too; without a gap SQLite's only writer is always the same one
        std::thread::park_timeout(Duration::from_millis(1));
        logins.fetch_add(1, Ordering::SeqCst);
    }
    slowest
}

/// A million expired tokens on PostgreSQL; fewer on SQLite, which inserts and deletes them more slowly, one after the
/// other.
#[test]
fn p12_logins_go_on_while_two_cleaners_remove_a_million() {
    for (engine, all) in [(Engine::Postgres, 1_111_111), (Engine::Sqlite, 222_222)] {
        let database = crowded(engine, all);
        let (doomed, live) = (expired(&database, engine), u64::from(all / 10));
        assert_eq!(doomed + live, u64::from(all));
        let (over, logins) = (AtomicBool::new(false), AtomicUsize::new(0));
        let slowest = std::thread::scope(|scope| {
            let stream = scope.spawn(|| stream(&database, engine, &over, &logins));
            let after_cleanup = SetOnDrop(&over);
            eventually("the first logins", || (logins.load(Ordering::SeqCst) > 10).then_some(()));
            let cleaners: Vec<_> = (0..2).map(|_| Program::on(&database)).collect();
            let running: Vec<_> = cleaners.iter().map(|program| program.spawn(&["cleanup", "--json"])).collect();
            let outcomes: Vec<_> = running.into_iter().map(Running::wait).collect();
            drop(after_cleanup);
            let reports = outcomes.into_iter().map(|outcome| outcome.success().json());
            let removed: u64 = reports.map(|report| report["expired_tokens"].as_u64().unwrap()).sum();
            assert_eq!(removed, doomed, "{engine:?}: each once");
            stream.join().unwrap()
        });
        let logins = u64::try_from(logins.load(Ordering::SeqCst)).unwrap();
        assert_eq!(expired(&database, engine), 0);
        assert_eq!(count(&database, "TRUE"), live + logins, "{engine:?}: a live token is gone");
        assert!(slowest < Duration::from_secs(2), "{engine:?}: a login waited {slowest:?}");
        let runs = database.query("SELECT outcome FROM maintenance_runs ORDER BY id");
        assert_eq!(runs, ["succeeded", "succeeded"]);
        let counted = "SELECT CAST(sum(CAST(counts ->> 'refresh_tokens' AS INTEGER)) AS VARCHAR) FROM maintenance_runs";
        assert_eq!(database.one(counted), doomed.to_string(), "{engine:?}");
    }
}

#[test]
fn p12_a_held_row_holds_up_nothing() {
    let database = crowded(Engine::Postgres, 10_000);
    let mut session = database.session();
    session.execute("BEGIN; SELECT 1 FROM refresh_tokens WHERE token_hash IN ('h1', 'h5001') FOR UPDATE");
    let done = Program::on(&database).run(&["cleanup", "--json"]).success().json();
    assert_eq!(done["expired_tokens"], 8_998);
    session.execute("COMMIT");
    assert_eq!(Program::on(&database).run(&["cleanup", "--json"]).success().json()["expired_tokens"], 2);
}

#[test]
fn a_stop_or_a_kill_midway_leaves_whole_batches() {
    for (engine, signal) in ENGINES.into_iter().flat_map(|engine| ["TERM", "KILL"].map(|signal| (engine, signal))) {
        let database = crowded(engine, 50_000);
        let proxy = Proxy::to(Cluster::shared().port);
        let url = if engine == Engine::Postgres { proxy.url(&database) } else { database.url.clone() };
        // slow enough to be stopped: an answer takes its time, or a batch is as small as it gets
        proxy.delay(Duration::from_millis(30));
        let program = Program::on(&database).env("DATABASE_URL", &url).env("AUTHSVC_CLEANUP_BATCH", "1ms");
        let running = program.spawn(&["cleanup", "--json"]);
        eventually("the first batch", || (expired(&database, engine) < 45_000).then_some(()));
        running.signal(signal);
        let outcome = running.wait();
        proxy.delay(Duration::ZERO);
        assert_eq!(count(&database, "TRUE") - expired(&database, engine), 5_000);
        if signal == "TERM" {
            assert!(outcome.code(1).error().contains("the rows removed so far are not restored"));
            assert_eq!(database.one("SELECT outcome FROM maintenance_runs"), "cancelled");
        } else {
            assert_eq!(database.one("SELECT outcome FROM maintenance_runs"), "∅", "no end is recorded");
        }
        let rest = expired(&database, engine);
        assert!(rest > 0, "{engine:?}: it was over before it was stopped");
        // no lock is left: the next cleanup continues
        let done = program.run(&["cleanup", "--json"]).success().json();
        assert_eq!(done["expired_tokens"].as_u64().unwrap(), rest);
    }
}

/// SQLite has no clock but the program's.
#[test]
fn p12_the_clock_of_the_database_decides() {
    for offset in ["-5d", "+5d"] {
        let database = filled(Engine::Postgres);
        let program = Program::on(&database).with_clock(offset);
        let planned = program.run(&["cleanup", "--dry-run", "--json"]).success().json();
        let done = program.run(&["cleanup", "--json"]).success().json();
        for (name, count) in [("expired_tokens", 4), ("revoked_tokens", 2), ("oauth_tokens", 1), ("auth_events", 1)] {
            assert_eq!((&done[name], &planned[name]), (&count.into(), &count.into()), "{offset}: {name}");
        }
        assert_eq!(
            database.query("SELECT token_hash FROM refresh_tokens ORDER BY 1"),
            ["just-live", "live", "revoked-lately"]
        );
        let wrong = "SELECT count(*)::text FROM maintenance_runs \
                     WHERE kind = 'cleanup' AND NOT (started_at <= finished_at AND now() - started_at < '1 minute' AND finished_at <= now())";
        assert_eq!(database.one(wrong), "0", "{offset}: the run is recorded by another clock");
    }
}

/// By its own clock a replica that is behind would see that a cleanup was done long after now, and one that is ahead
/// would tell the others so.
#[test]
fn replicas_with_wrong_clocks_clean_up_and_let_others_clean_up() {
    let database = filled(Engine::Postgres);
    let left = || database.one("SELECT count(*)::text FROM refresh_tokens WHERE expires_at < now()");
    for offset in ["+5d", "-5d", "+0d"] {
        database.execute("INSERT INTO refresh_tokens (user_id, token_hash, expires_at) VALUES (1, 'another', now() - interval '1 second')");
        let program = Program::on(&database).env("AUTHSVC_CLEANUP_INTERVAL", "1s").with_clock(offset);
        let server = program.serve().ready();
        eventually("a cleanup", || (left() == "0").then_some(()));
        server.stop().success();
    }
}
