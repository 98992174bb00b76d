//! Separate limits of known devices and open sessions, at chosen times, and counters that other processes left behind.

use authsvc::db::Client;
use chrono::TimeDelta;
use secrecy::SecretString;

use crate::accounts::events;
use crate::lockout_rules::{Application, RIGHT, aside, at, client, context, on_each_engine, refusal};

/// An attacker tries again as soon as each lock ends, for two days.
#[test]
fn an_attacker_does_not_keep_the_owner_out() {
    on_each_engine(async |app, engine| {
        let (home, attacker) = (client("192.0.2.1"), client("203.0.113.66"));
        let session = app.register("ada", &home, at(0)).await;
        let cookie = app.auth.remember_device(session.principal, &context(&home, at(0))).await.unwrap();
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
        let cookie = app.auth.remember_device(session.principal, &context(&home, at(0))).await.unwrap();
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
        let foreign =
            app.auth.remember_device(mallory.principal, &context(&client("203.0.113.9"), at(1))).await.unwrap();
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
                .remember_device(session.principal, &context(&client(&format!("198.51.100.{number}")), at(number)))
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
        // after 90 days without a login the device is unknown
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
            app.auth
                .change_password(bearer, &current, &new, &context(from, at(2)))
                .await
                .map_err(|error| refusal(&error))
        };
        // others behind the same address and elsewhere lock the account and the client
        for number in 0..60 {
            app.log_in("ada", &format!("guess {number}"), &client("203.0.113.1"), at(2)).await;
            app.log_in(&format!("victim{number}"), "x", &home, at(2)).await;
        }
        assert_eq!(app.log_in("victim99", "x", &home, at(2)).await, "wait 30", "{engine:?}");
        assert_eq!(change(RIGHT, "another long password", &home).await, Ok(()), "{engine:?}");
        // a thief who has the session cannot guess for ever, and does not lock another session
        let other = app
            .auth
            .log_in("ada@example.com", &SecretString::from("another long password"), &context(&home, at(1000)))
            .await;
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
