//! The rules of lockouts at chosen times: decay, known devices, open sessions, and no difference between an account and none.

use std::sync::Arc;

use authsvc::auth::{Auth, Error, Keys, NoMailer, Parts, Passwords, ProviderTokens, Session};
use authsvc::db::{Client, DatabaseUrl, Defaults, Pool, PoolUse};
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use secrecy::SecretString;

use crate::accounts::{events, signing_key};
use crate::support::database::{ENGINES, block_on};
use crate::support::providers::Double;
use crate::support::{Database, Engine};

const RIGHT: &str = "a long password";

/// The application on a database, without a listener.
pub(crate) struct Application {
    pub(crate) database: Database,
    pub(crate) auth: Auth,
}

impl Application {
    pub(crate) async fn on(database: Database) -> Self {
        let url = DatabaseUrl::parse(&database.url, &Defaults::default()).unwrap();
        let parts = Parts {
            keys: Arc::new(Keys::parse(&SecretString::from(signing_key())).unwrap()),
            passwords: Passwords::new(2).unwrap(),
            mailer: Arc::new(NoMailer),
            issuer: "https://auth.example.com".to_owned(),
            providers: Double::google().await.providers(),
            provider_tokens: ProviderTokens::InClear,
            session_max_age: TimeDelta::days(90),
        };
        let auth = Auth::new(Pool::open(&url, PoolUse::SERVE).await.unwrap(), parts);
        Self { database, auth }
    }

    /// An account with this name, registered from this address.
    async fn register(&self, name: &str, from: &Client, now: DateTime<Utc>) -> Session {
        let (email, password) = (format!("{name}@example.com"), SecretString::from(RIGHT));
        let session = self.auth.register(&email, name, &password, from, now).await.ok().unwrap();
        self.auth.remember_device(session.principal, from, now).await.unwrap();
        session
    }

    /// The answer to a login: `ok`, `credentials`, or the seconds after which to try again.
    async fn log_in(&self, name: &str, password: &str, from: &Client, now: DateTime<Utc>) -> String {
        let email = format!("{name}@example.com");
        match self.auth.log_in(&email, &SecretString::from(password.to_owned()), from, now).await {
            Ok(session) => {
                self.auth.remember_device(session.principal, from, now).await.unwrap();
                "ok".to_owned()
            }
            Err(error) => refusal(&error),
        }
    }

    fn execute(&self, sql: &str) {
        aside(|| self.database.execute(sql));
    }

    fn one(&self, sql: &str) -> String {
        aside(|| self.database.one(sql))
    }

    /// The count of a subject, as it is stored.
    fn failures_of(&self, subject: &str) -> String {
        self.one(&format!("SELECT coalesce(sum(failures), 0) FROM login_throttles WHERE subject = '{subject}'"))
    }
}

/// Runs what has a runtime of its own.
fn aside<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join().unwrap())
}

fn refusal(error: &Error) -> String {
    match error {
        Error::Credentials | Error::CurrentPassword => "wrong".to_owned(),
        Error::Throttled { retry_after } => format!("wait {}", retry_after.as_secs()),
        other => panic!("{other}"),
    }
}

fn client(ip: &str) -> Client {
    Client::new(Some(ip.parse().unwrap()), None)
}

fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2027-03-01T00:00:00Z").unwrap().to_utc() + TimeDelta::minutes(minutes)
}

fn on_each_engine(test: impl AsyncFn(&Application, Engine)) {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        block_on(async { test(&Application::on(database).await, engine).await });
    }
}

#[test]
fn a_typo_a_day_never_locks_and_an_office_neither() {
    on_each_engine(async |app, engine| {
        let office = client("192.0.2.10");
        app.register("ada", &office, at(0)).await;
        for day in 1..=60 {
            let morning = at(day * 23 * 60);
            assert_eq!(app.log_in("ada", &format!("typo {day}"), &office, morning).await, "wrong", "{engine:?} {day}");
            assert_eq!(app.log_in("ada", RIGHT, &office, morning + TimeDelta::seconds(9)).await, "ok");
        }
        assert_eq!(app.failures_of("ip:192.0.2.10"), "0", "a right password takes the typo back");
        // sixty people, half a minute apart, whose accounts never logged in from there
        app.execute("DELETE FROM known_devices");
        let hash = app.one("SELECT password_hash FROM users");
        for person in 0..60 {
            app.execute(&format!(
                "INSERT INTO users (email, username, password_hash) VALUES ('p{person}@example.com', 'p{person}', '{hash}')"
            ));
        }
        for person in 0..60 {
            let (name, now) = (format!("p{person}"), at(100_000) + TimeDelta::seconds(person * 30));
            assert_eq!(app.log_in(&name, "typo", &office, now).await, "wrong", "{engine:?} {person}");
            assert_eq!(app.log_in(&name, RIGHT, &office, now + TimeDelta::seconds(9)).await, "ok");
        }
        assert_eq!(app.one("SELECT count(*) FROM login_throttles"), "0", "{engine:?}");
    });
}

#[test]
fn a_client_that_sprays_is_locked_even_with_an_account_of_its_own() {
    on_each_engine(async |app, engine| {
        let attacker = client("198.51.100.9");
        app.register("mallory", &client("198.51.100.8"), at(0)).await;
        for number in 0..50 {
            let now = at(10) + TimeDelta::seconds(number);
            assert_eq!(app.log_in(&format!("victim{number}"), "Spring2027", &attacker, now).await, "wrong", "{number}");
            if number % 10 == 0 {
                assert_eq!(app.log_in("mallory", RIGHT, &attacker, now).await, "ok", "{engine:?}");
            }
        }
        let after = at(11);
        assert_eq!(app.log_in("victim99", "Spring2027", &attacker, after).await, "wait 19", "{engine:?}");
        assert_eq!(app.log_in("victim99", "Spring2027", &client("198.51.100.10"), after).await, "wrong");
        // a quarter of an hour later one more attempt is forgotten, and none of the locks has grown
        let later = at(11 + 16);
        assert_eq!(app.log_in("victim99", "Spring2027", &attacker, later).await, "wrong");
        assert_eq!(app.log_in("victim98", "Spring2027", &attacker, later).await, "wait 30", "{engine:?}");
    });
}

#[test]
fn a_script_with_an_old_password_counts_once_for_its_client() {
    on_each_engine(async |app, engine| {
        let script = client("192.0.2.20");
        for hour in 0..12 {
            assert_eq!(app.log_in("nobody", "old password", &script, at(hour * 60)).await, "wrong", "{hour}");
        }
        assert_eq!(app.failures_of("ip:192.0.2.20"), "1", "{engine:?}");
        for number in 0..3 {
            let now = at(720) + TimeDelta::seconds(number);
            assert_eq!(app.log_in("nobody", &format!("other {number}"), &script, now).await, "wrong");
        }
        let counted: i32 = app.failures_of("ip:192.0.2.20").parse().unwrap();
        assert!(counted >= 3, "{engine:?}: other passwords are other guesses: {counted}");
        let text = app.one("SELECT count(*) FROM login_throttles WHERE subject LIKE '%old%'");
        assert_eq!(text, "0");
    });
}

#[test]
fn locks_grow_and_are_forgotten_an_hour_each() {
    on_each_engine(async |app, engine| {
        for (name, ip) in [("ada", "203.0.113.1"), ("nobody", "203.0.113.2")] {
            if name == "ada" {
                app.register(name, &client("192.0.2.1"), at(-60)).await;
            }
            let (from, mut now) = (client(ip), at(0));
            for count in 0..4 {
                assert_eq!(app.log_in(name, &format!("{count}"), &from, now).await, "wrong");
            }
            for wait in [30, 60, 120, 240, 480, 900, 900, 900] {
                assert_eq!(
                    app.log_in(name, &format!("for {wait}"), &from, now).await,
                    "wrong",
                    "{engine:?} {name} {wait}"
                );
                assert_eq!(app.log_in(name, RIGHT, &from, now).await, format!("wait {wait}"), "{engine:?} {name}");
                now += TimeDelta::seconds(wait);
            }
            // no more than ten are remembered: seven hours after the first of them three are left
            now += TimeDelta::hours(6);
            assert_eq!(app.log_in(name, "after hours", &from, now).await, "wrong", "{engine:?} {name}");
            assert_eq!(app.log_in(name, "and again", &from, now).await, "wrong", "{engine:?} {name}");
            assert_eq!(app.log_in(name, "and again", &from, now).await, "wait 30", "{engine:?} {name}");
        }
    });
}

/// Whatever the times are between failures, an account and an address without one answer alike.
#[test]
fn an_account_and_no_account_answer_alike_at_any_times() {
    on_each_engine(async |app, engine| {
        app.register("ada", &client("192.0.2.1"), at(0)).await;
        let gap = prop_oneof![
            3 => 0..90_i64,
            2 => 90..3_700_i64,
            1 => 3_600..100_000_i64,
            1 => Just(25 * 3_600_i64),
        ];
        let sequences = prop::collection::vec(gap, 6..14);
        let mut runner = TestRunner::deterministic();
        for case in 0..8 {
            let gaps = sequences.new_tree(&mut runner).unwrap().current();
            app.execute(
                "DELETE FROM login_throttles; UPDATE users SET failed_login_count = 0, locked_until = NULL, \
                 failed_logins_as_of = NULL, pending_attempts = 0, pending_until = NULL",
            );
            let mut now = at(100);
            for (step, gap) in gaps.iter().enumerate() {
                now += TimeDelta::seconds(*gap);
                let password = format!("{case} {step}");
                // a client each, so that only the accounts differ
                let known = app.log_in("ada", &password, &client("203.0.113.1"), now).await;
                let unknown = app.log_in("nobody", &password, &client("203.0.113.2"), now).await;
                assert_eq!(known, unknown, "{engine:?}: {gaps:?}, step {step}");
            }
        }
    });
}

#[test]
fn b4_the_sequence_that_told_accounts_from_others() {
    on_each_engine(async |app, engine| {
        app.register("ada", &client("192.0.2.1"), at(0)).await;
        let course = async |name: &str, from: &Client| {
            let mut course = Vec::new();
            for (number, minute) in [1, 2, 3, 4, 4 + 25 * 60, 5 + 25 * 60].into_iter().enumerate() {
                course.push(app.log_in(name, &format!("guess {number}"), from, at(minute)).await);
            }
            course
        };
        let (known, unknown) =
            (course("ada", &client("203.0.113.1")).await, course("nobody", &client("203.0.113.2")).await);
        assert_eq!(known, unknown, "{engine:?}");
        assert_eq!(known, ["wrong"; 6]);
    });
}

/// An attacker tries again as soon as each lock ends, for two days.
#[test]
fn an_attacker_does_not_keep_the_owner_out() {
    on_each_engine(async |app, engine| {
        let (home, attacker) = (client("192.0.2.1"), client("203.0.113.66"));
        let session = app.register("ada", &home, at(0)).await;
        let cookie = app.auth.remember_device(session.principal, &home, at(0)).await.unwrap();
        let mut now = at(1);
        for number in 0..40 {
            match app.log_in("ada", &format!("guess {number}"), &attacker, now).await.strip_prefix("wait ") {
                Some(seconds) => now += TimeDelta::seconds(seconds.parse().unwrap()),
                None => {
                    if number < 4 || number % 9 != 0 {
                        continue;
                    }
                    // the owner, without a cookie from home, and with one on the way
                    let abroad = client(&format!("198.51.100.{number}")).with_device(Some(cookie.clone()));
                    assert_eq!(app.log_in("ada", RIGHT, &home, now).await, "ok", "{engine:?} {number}");
                    assert_eq!(app.log_in("ada", RIGHT, &abroad, now).await, "ok", "{engine:?} {number}");
                    let stranger = client("203.0.113.67");
                    assert!(app.log_in("ada", RIGHT, &stranger, now).await.starts_with("wait"), "{engine:?} {number}");
                }
            }
        }
    });
}

#[test]
fn a_known_device_has_a_limit_of_its_own() {
    on_each_engine(async |app, engine| {
        let home = client("192.0.2.1");
        let session = app.register("ada", &home, at(0)).await;
        let cookie = app.auth.remember_device(session.principal, &home, at(0)).await.unwrap();
        let thief = client("203.0.113.1").with_device(Some(cookie));
        for number in 0..5 {
            assert_eq!(app.log_in("ada", &format!("guess {number}"), &thief, at(1)).await, "wrong", "{engine:?}");
        }
        assert_eq!(app.log_in("ada", RIGHT, &thief, at(1)).await, "wait 30", "{engine:?}: the device is locked");
        assert_eq!(app.log_in("ada", RIGHT, &home, at(1)).await, "ok", "{engine:?}: the address of the owner is not");
        assert_eq!(
            app.log_in("ada", RIGHT, &client("203.0.113.2"), at(1)).await,
            "wait 30",
            "{engine:?}: strangers are"
        );
        assert_eq!(aside(|| events(&app.database, "account_locked")), "1");
        // one statement unlocks all of it
        app.execute("UPDATE users SET failed_login_count = 0, locked_until = NULL WHERE email = 'ada@example.com'");
        assert_eq!(app.log_in("ada", RIGHT, &thief, at(1)).await, "ok", "{engine:?}");
        // a cookie of another account, one that is forged, and one that is nonsense are no known devices
        let mallory = app.register("mallory", &client("203.0.113.9"), at(1)).await;
        let foreign = app.auth.remember_device(mallory.principal, &client("203.0.113.9"), at(1)).await.unwrap();
        for number in 0..5 {
            app.log_in("ada", &format!("stranger {number}"), &client("203.0.113.3"), at(2)).await;
        }
        for value in
            [foreign, SecretString::from("0".repeat(64)), SecretString::from("x\u{1f600}"), SecretString::from("")]
        {
            let other = client("203.0.113.4").with_device(Some(value));
            assert_eq!(app.log_in("ada", RIGHT, &other, at(2)).await, "wait 30", "{engine:?}");
        }
    });
}

#[test]
fn known_devices_are_bounded_expire_and_go_with_the_account() {
    on_each_engine(async |app, engine| {
        let session = app.register("ada", &client("192.0.2.1"), at(0)).await;
        for number in 1..=14 {
            app.auth
                .remember_device(session.principal, &client(&format!("198.51.100.{number}")), at(number))
                .await
                .unwrap();
        }
        let count = |app: &Application| app.one("SELECT count(*) FROM known_devices");
        assert_eq!(count(app), "20", "{engine:?}: ten of each kind");
        for number in 0..5 {
            app.log_in("ada", &format!("guess {number}"), &client("203.0.113.1"), at(20)).await;
        }
        assert_eq!(
            app.log_in("ada", RIGHT, &client("192.0.2.1"), at(20)).await,
            "wait 30",
            "{engine:?}: the oldest is forgotten"
        );
        assert_eq!(app.log_in("ada", RIGHT, &client("198.51.100.14"), at(20)).await, "ok");
        // after 90 days without a login it is a stranger
        let later = at(91 * 24 * 60);
        for number in 0..5 {
            app.log_in("ada", &format!("later {number}"), &client("203.0.113.1"), later).await;
        }
        assert_eq!(app.log_in("ada", RIGHT, &client("198.51.100.14"), later).await, "wait 30", "{engine:?}");
        app.execute("DELETE FROM users");
        assert_eq!(count(app), "0", "{engine:?}");
    });
}

#[test]
fn an_open_session_has_a_limit_of_its_own() {
    on_each_engine(async |app, engine| {
        let home = client("192.0.2.1");
        let session = app.register("ada", &home, at(0)).await;
        let bearer = app.auth.bearer(&session.access_token, at(1)).unwrap();
        let change = async |current: &str, new: &str, from: &Client| {
            let (current, new) = (SecretString::from(current.to_owned()), SecretString::from(new.to_owned()));
            app.auth.change_password(bearer, &current, &new, from, at(2)).await.map_err(|error| refusal(&error))
        };
        // others behind the same address and elsewhere lock the account and the client
        for number in 0..60 {
            app.log_in("ada", &format!("guess {number}"), &client("203.0.113.1"), at(2)).await;
            app.log_in(&format!("victim{number}"), "x", &home, at(2)).await;
        }
        assert_eq!(app.log_in("victim99", "x", &home, at(2)).await, "wait 30", "{engine:?}");
        assert_eq!(change(RIGHT, "another long password", &home).await, Ok(()), "{engine:?}");
        // a thief who has the session cannot guess for ever, and does not lock another session
        let other =
            app.auth.log_in("ada@example.com", &SecretString::from("another long password"), &home, at(1000)).await;
        assert!(other.is_ok(), "{engine:?}");
        for number in 0..5 {
            assert_eq!(
                change(&format!("guess {number}"), "a third long password", &home).await,
                Err("wrong".to_owned())
            );
        }
        let waited = change("another long password", "a third long password", &home).await;
        assert_eq!(waited, Err("wait 30".to_owned()), "{engine:?}");
        app.execute("UPDATE users SET failed_login_count = 0, locked_until = NULL WHERE email = 'ada@example.com'");
        assert_eq!(
            change("another long password", "a third long password", &home).await,
            Ok(()),
            "{engine:?}: unlocked"
        );
    });
}

#[test]
fn a_process_that_dies_leaves_failures_and_blocks_for_a_minute_only() {
    on_each_engine(async |app, engine| {
        app.register("ada", &client("192.0.2.1"), at(0)).await;
        let pending = at(60).timestamp_millis() + 60_000;
        app.execute(&format!(
            "UPDATE users SET failed_login_count = 4, pending_attempts = 4, pending_until = {pending}, failed_logins_as_of = {}",
            at(60).timestamp_millis()
        ));
        let stranger = client("203.0.113.1");
        let later = at(60) + TimeDelta::seconds(61);
        assert_eq!(app.log_in("ada", "guess", &stranger, later).await, "wrong", "{engine:?}");
        assert_eq!(
            app.log_in("ada", RIGHT, &stranger, later).await,
            "wait 30",
            "{engine:?}: the four count as failures"
        );
    });
}

/// An older replica counts plainly: its failures and locks hold here, and those of this version hold there.
#[test]
fn counts_of_an_older_replica_are_failures() {
    on_each_engine(async |app, engine| {
        app.register("ada", &client("192.0.2.1"), at(0)).await;
        let stranger = client("203.0.113.1");
        app.execute("UPDATE users SET failed_login_count = 4");
        assert_eq!(app.log_in("ada", "guess", &stranger, at(1)).await, "wrong");
        assert_eq!(app.log_in("ada", RIGHT, &stranger, at(1)).await, "wait 30", "{engine:?}");
        let row = app.one("SELECT failed_login_count FROM users WHERE locked_until IS NOT NULL");
        assert_eq!(row, "5", "{engine:?}: an older replica refuses as well");
        app.execute(
            "INSERT INTO login_throttles (subject, failures, last_failed_at) SELECT 'ip:203.0.113.2', 49, created_at FROM users",
        );
        let other = client("203.0.113.2");
        assert_eq!(app.log_in("nobody1", "guess", &other, at(1)).await, "wrong");
        assert_eq!(app.log_in("nobody2", "guess", &other, at(1)).await, "wait 30", "{engine:?}");
    });
}
