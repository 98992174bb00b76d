//! Lockout rules at chosen times: decay, known devices, open sessions. Addresses with and without an account behave
//! alike.

use std::sync::Arc;

use authsvc::auth::{Auth, AuthParts, Error, Keys, NoMailer, Passwords, ProviderTokens, Session};
use authsvc::db::{Client, DatabaseUrl, Defaults, Pool, PoolUse, RequestContext};
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use secrecy::SecretString;

use crate::accounts::signing_key;
use crate::support::database::{ENGINES, block_on};
use crate::support::providers::Double;
use crate::support::{Database, Engine};

pub(crate) const RIGHT: &str = "a long password";

/// The application on a database, without a listener.
pub(crate) struct Application {
    pub(crate) database: Database,
    pub(crate) auth: Auth,
}

impl Application {
    async fn on(database: Database) -> Self {
        let url = DatabaseUrl::parse(&database.url, &Defaults::default()).unwrap();
        let parts = AuthParts {
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
    pub(crate) async fn register(&self, name: &str, from: &Client, now: DateTime<Utc>) -> Session {
        let (email, password) = (format!("{name}@example.com"), SecretString::from(RIGHT));
        let session = self.auth.register(&email, name, &password, &context(from, now)).await.ok().unwrap();
        self.auth.remember_device(session.principal, &context(from, now)).await.unwrap();
        session
    }

    /// The answer to a login: `ok`, `credentials`, or the seconds after which to try again.
    pub(crate) async fn log_in(&self, name: &str, password: &str, from: &Client, now: DateTime<Utc>) -> String {
        let email = format!("{name}@example.com");
        match self.auth.log_in(&email, &SecretString::from(password.to_owned()), &context(from, now)).await {
            Ok(session) => {
                self.auth.remember_device(session.principal, &context(from, now)).await.unwrap();
                "ok".to_owned()
            }
            Err(error) => refusal(&error),
        }
    }

    pub(crate) fn execute(&self, sql: &str) {
        aside(|| self.database.execute(sql));
    }

    pub(crate) fn one(&self, sql: &str) -> String {
        aside(|| self.database.one(sql))
    }

    /// The count of a subject, as it is stored.
    pub(crate) fn failures_of(&self, subject: &str) -> String {
        self.one(&format!("SELECT coalesce(sum(failures), 0) FROM login_throttles WHERE subject = '{subject}'"))
    }
}

/// Runs what has a runtime of its own.
pub(crate) fn aside<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join().unwrap())
}

pub(crate) fn refusal(error: &Error) -> String {
    match error {
        Error::Credentials | Error::CurrentPassword => "wrong".to_owned(),
        Error::Throttled { retry_after } => format!("wait {}", retry_after.as_secs()),
        other => panic!("{other}"),
    }
}

/// A request of a client at a time.
pub(crate) fn context(client: &Client, now: DateTime<Utc>) -> RequestContext {
    RequestContext::new(client.clone(), now)
}

pub(crate) fn client(ip: &str) -> Client {
    Client::new(Some(ip.parse().unwrap()), None)
}

pub(crate) fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2027-03-01T00:00:00Z").unwrap().to_utc() + TimeDelta::minutes(minutes)
}

pub(crate) fn on_each_engine(test: impl AsyncFn(&Application, Engine)) {
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

/// The Kelvin sign is a `k` to Unicode, and no `k` to those who look accounts up.
#[test]
fn a_lookalike_of_an_address_does_not_tell_whether_it_has_an_account() {
    on_each_engine(async |app, engine| {
        app.register("kate", &client("192.0.2.1"), at(0)).await;
        let course = async |name: &str, from: &Client| {
            for guess in 0..5 {
                app.log_in(&name.replace('k', "\u{212a}"), &format!("guess {guess}"), from, at(1)).await;
            }
            app.log_in(name, "guess 5", from, at(2)).await
        };
        let (known, unknown) =
            (course("kate", &client("203.0.113.1")).await, course("knut", &client("203.0.113.2")).await);
        assert_eq!(known, unknown, "{engine:?}");
        assert_eq!(known, "wrong", "{engine:?}");
    });
}
