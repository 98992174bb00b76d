//! An unverified address belongs to no account permanently: what a registration reserves, for how long, and what
//! remains when the owner of the address comes. Time is an argument here; the races run through the HTTP API.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use authsvc::auth::{Auth, AuthParts, Error, Keys, Mailer, Passwords, ProviderTokens, Session};
use authsvc::clock;
use authsvc::db::{Client, DatabaseUrl, Defaults, Pool, PoolUse, RequestContext};
use chrono::{DateTime, TimeDelta, Utc};
use entity::value::Email;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::runtime::{Builder, Runtime};

use crate::accounts::{events, signing_key};
use crate::support::database::ENGINES;
use crate::support::logins::google;
use crate::support::{Database, Engine};

const OLD: &str = "a long password";
const NEW: &str = "another long password";
const ADDRESS: &str = "ada@example.com";

/// Keeps what was sent; `false`: it sends nothing, as in production today.
struct Post {
    delivers: bool,
    sent: Arc<Mutex<Vec<SecretString>>>,
}

#[async_trait]
impl Mailer for Post {
    async fn send_verification(&self, _: &Email, token: &SecretString) -> Result<(), String> {
        self.sent.lock().unwrap().push(token.clone());
        Ok(())
    }

    fn delivers(&self) -> bool {
        self.delivers
    }
}

/// The application on a database, at any time.
struct Desk {
    runtime: Runtime,
    auth: Auth,
    sent: Arc<Mutex<Vec<SecretString>>>,
    start: DateTime<Utc>,
}

impl Desk {
    fn of(database: &Database, delivers: bool) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let url = DatabaseUrl::parse(&database.url, &Defaults::default()).unwrap();
        let sent = Arc::default();
        let parts = AuthParts {
            keys: Arc::new(Keys::parse(&SecretString::from(signing_key())).unwrap()),
            passwords: Passwords::new(1).unwrap(),
            mailer: Arc::new(Post { delivers, sent: Arc::clone(&sent) }),
            issuer: "https://auth.example.com".to_owned(),
            providers: google().providers(),
            provider_tokens: ProviderTokens::InClear,
            session_max_age: TimeDelta::days(90),
        };
        let pool = runtime.block_on(Pool::open(&url, PoolUse::SERVE)).unwrap();
        Self { runtime, auth: Auth::new(pool, parts), sent, start: clock::now() }
    }

    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    fn at(&self, hours: i64) -> DateTime<Utc> {
        self.start + TimeDelta::hours(hours)
    }

    fn register(&self, name: &str, password: &str, hours: i64) -> Result<Session, Error> {
        self.register_at(ADDRESS, name, password, hours)
    }

    fn register_at(&self, address: &str, name: &str, password: &str, hours: i64) -> Result<Session, Error> {
        self.run(self.auth.register(
            address,
            name,
            &password.into(),
            &RequestContext::new(Client::default(), self.at(hours)),
        ))
    }

    fn log_in(&self, password: &str, hours: i64) -> Result<Session, Error> {
        self.run(self.auth.log_in(ADDRESS, &password.into(), &RequestContext::new(Client::default(), self.at(hours))))
    }

    fn refresh(&self, token: &SecretString, hours: i64) -> Result<Session, Error> {
        self.run(self.auth.refresh(token, &RequestContext::new(Client::default(), self.at(hours))))
    }

    fn me(&self, session: &Session, hours: i64) -> Result<i64, Error> {
        let now = self.at(hours);
        Ok(self.run(self.auth.me(self.auth.bearer(&session.access_token, now)?, now))?.id)
    }
}

fn is_taken(result: &Result<Session, Error>) -> bool {
    matches!(result, Err(Error::Taken(_)))
}

#[test]
fn an_abandoned_registration_holds_its_address_for_a_day() {
    for (engine, delivers) in ENGINES.into_iter().flat_map(|engine| [(engine, true), (engine, false)]) {
        let database = Database::migrated(engine);
        let desk = Desk::of(&database, delivers);
        let old = desk.register("ada", OLD, 0).ok().unwrap();
        let (phone, _) = (desk.log_in(OLD, 1).ok().unwrap(), desk.log_in(OLD, 2).ok().unwrap());
        database.execute("UPDATE users SET avatar_url = 'https://example.com/eve.png'");
        assert!(is_taken(&desk.register("ada", NEW, 23)), "{engine:?}");
        assert_eq!(database.one("SELECT count(*) FROM users"), "1");

        // the name of the old account is free, too
        let new = desk.register("ADA", NEW, 24).ok().unwrap();
        assert_ne!(new.user.id, old.user.id, "nothing of the old account is given away");
        assert_eq!((new.user.username.as_str(), &new.user.avatar), ("ADA", &None));
        assert!(desk.log_in(OLD, 24).is_err());
        assert_eq!(desk.log_in(NEW, 24).ok().unwrap().user.id, new.user.id);
        for session in [&old, &phone] {
            assert!(desk.refresh(&session.refresh_token, 24).is_err());
            assert!(desk.me(session, 0).is_err(), "the access token is refused at once");
        }
        assert_eq!(desk.me(&new, 24).ok(), Some(new.user.id));

        // an operator finds everything that is needed to give it back
        let kept = "SELECT email LIKE 'released-1-%@email.invalid' AND username LIKE 'released-1-%' AND deleted_at IS NOT NULL \
                    AND avatar_url IS NOT NULL AND password_hash <> '' FROM users WHERE id = 1";
        assert!(["t", "1"].contains(&database.one(kept).as_str()));
        let told = "SELECT user_id || ' ' || kind || ' ' || email || ' ' || detail FROM auth_events WHERE kind <> 'login_failed' AND detail IS NOT NULL ORDER BY id";
        let expected = [
            format!("{} registered ada@example.com takes the address over from account 1", new.user.id),
            format!(
                "1 logout ada@example.com all sessions: account {} took the address over, which was not verified within a day; the name was ada",
                new.user.id
            ),
        ];
        assert_eq!(database.query(told), expected, "{engine:?}");

        // and the new one has a day of its own, in which no other account takes it over
        assert!(is_taken(&desk.register("eve", OLD, 47)));
    }
}

/// Hours after the registration at which an account is used, and whether it holds its address then: where mail is
/// delivered, and where not.
const USES: [(&[i64], bool, bool); 9] = [
    (&[], false, false),
    (&[1, 2, 3, 11], false, false),
    (&[12], false, true),
    (&[12, 13, 14, 23], false, true),
    (&[12, 24], true, true),
    (&[20, 31], false, true),
    (&[20, 32], true, true),
    (&[30, 100], true, true),
    (&[400], false, true),
];

#[test]
fn an_account_in_use_holds_its_address() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        for (delivers, by_refresh) in [(true, true), (true, false), (false, true), (false, false)] {
            let desk = Desk::of(&database, delivers);
            for (hours, with_mail, without) in USES {
                database.execute("DELETE FROM users");
                let mut token = desk.register("ada", OLD, 0).ok().unwrap().refresh_token;
                for hour in hours {
                    // a session that is not refreshed for a week is over
                    let refreshed = match by_refresh && *hour < 168 {
                        true => desk.refresh(&token, *hour),
                        false => desk.log_in(OLD, *hour),
                    };
                    token = refreshed.ok().unwrap().refresh_token;
                }
                let holds = if delivers { with_mail } else { without };
                let taken = is_taken(&desk.register("eve", NEW, *hours.last().unwrap_or(&0).max(&24)));
                assert_eq!(taken, holds, "{engine:?} {delivers} {by_refresh} {hours:?}");
                assert_eq!(desk.log_in(OLD, 500).is_ok(), holds);
            }
        }
    }
}

/// What keeps a registration that is older than a day from losing its address.
const KEEPS: [&str; 7] = [
    "UPDATE users SET email_verified = TRUE",
    "UPDATE users SET active = FALSE",
    "UPDATE users SET deleted_at = created_at",
    // an account of an earlier version, or of a replica of it
    "UPDATE users SET provisional_uses = NULL",
    "UPDATE users SET provider = 'google', provider_id = '1', password_hash = ''",
    "INSERT INTO oauth_providers (user_id, provider, provider_id) SELECT id, 'google', '7' FROM users",
    "UPDATE users SET provisional_uses = 3",
];

#[test]
fn an_account_that_is_not_provisional_holds_its_address() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let desk = Desk::of(&database, true);
        for keeps in KEEPS {
            database.execute("DELETE FROM users");
            desk.register("ada", OLD, 0).ok().unwrap();
            database.execute(keeps);
            assert!(is_taken(&desk.register("eve", NEW, 10_000)), "{engine:?}: {keeps}");
            assert_eq!(database.one("SELECT count(*) FROM users WHERE email = 'ada@example.com'"), "1");
        }
    }
}

#[test]
fn a_registration_that_fails_takes_nothing_over() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let desk = Desk::of(&database, true);
        let old = desk.register("ada", OLD, 0).ok().unwrap();
        let other = desk.register_at("b@example.com", "bob", OLD, 0);
        assert!(other.is_ok());
        assert!(is_taken(&desk.register("Bob", NEW, 48)));
        assert!(desk.register("eve", "password", 48).is_err());
        assert_eq!(desk.log_in(OLD, 48).ok().unwrap().user.id, old.user.id);
        assert_eq!(database.one("SELECT count(*) FROM users WHERE deleted_at IS NULL"), "2");
    }
}

#[test]
fn a_mailed_token_needs_a_session_or_the_password_of_the_account() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let desk = Desk::of(&database, true);
        let now = desk.at(0);
        let context = RequestContext::new(Client::default(), now);
        let first = desk.register("ada", OLD, 0).ok().unwrap();
        let token = desk.sent.lock().unwrap().pop().unwrap();
        let eve = desk.register_at("e@example.com", "eve", OLD, 0).ok().unwrap();
        let bearer = |session: &Session| desk.auth.bearer(&session.access_token, now).ok();
        let verify = |session: Option<&Session>, password: Option<&str>| {
            let password = password.map(SecretString::from);
            desk.run(desk.auth.verify_email(&token, session.and_then(bearer), password.as_ref(), &context))
        };
        // who clicks the link in the mail may be another person than who registered
        assert!(matches!(verify(None, None), Err(Error::VerificationProof)));
        assert!(matches!(verify(Some(&eve), None), Err(Error::VerificationProof)));
        assert!(matches!(verify(Some(&eve), Some(OLD)), Err(Error::VerificationProof)));
        assert!(matches!(verify(None, Some(NEW)), Err(Error::CurrentPassword)));
        assert_eq!(events(&database, "login_failed"), "1");
        desk.run(desk.auth.log_out(&first.refresh_token, authsvc::db::LogoutScope::All, &context)).unwrap();
        assert!(matches!(verify(Some(&first), None), Err(Error::AccessToken(_))));
        assert_eq!(events(&database, "email_verified"), "0");
        assert!(matches!(
            desk.run(desk.auth.verify_email(&NEW.into(), None, None, &context)),
            Err(Error::VerificationToken)
        ));

        assert!(verify(None, Some(OLD)).is_ok());
        assert_eq!(events(&database, "email_verified"), "1");
        database.execute("UPDATE users SET email_verified = FALSE WHERE username = 'ada'");
        let second = desk.log_in(OLD, 0).ok().unwrap();
        assert!(verify(Some(&second), None).is_ok());
        assert!(verify(Some(&second), None).is_ok(), "twice is as good as once");
        assert!(matches!(verify(None, None), Err(Error::VerificationProof)));
        assert_eq!(database.one("SELECT count(*) FROM users WHERE email_verified AND provisional_uses IS NULL"), "1");
        for off in ["active = FALSE", "deleted_at = created_at", "email = 'x@example.com'"] {
            database.execute(&format!("UPDATE users SET {off} WHERE username = 'ada'"));
            assert!(verify(None, Some(OLD)).is_err(), "{off}");
            database.execute(&format!(
                "UPDATE users SET active = TRUE, deleted_at = NULL, email = '{ADDRESS}' WHERE username = 'ada'"
            ));
        }
    }
}

#[test]
fn a_token_that_was_mailed_for_the_old_account_does_not_verify_the_new_one() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let desk = Desk::of(&database, true);
        let old = desk.register("ada", OLD, 0).ok().unwrap();
        let token = desk.sent.lock().unwrap().pop().unwrap();
        assert!(!token.expose_secret().is_empty());
        // within the lifetime of the token
        database.execute(match engine {
            Engine::Postgres => "UPDATE users SET created_at = created_at - INTERVAL '25 hours'",
            Engine::Sqlite => "UPDATE users SET created_at = '2020-01-01T00:00:00.000+00:00'",
        });
        let new = desk.register("ada", NEW, 1).ok().unwrap();
        let now = desk.at(1);
        let context = RequestContext::new(Client::default(), now);
        for session in [&old, &new] {
            let bearer = desk.auth.bearer(&session.access_token, now).ok();
            assert!(desk.run(desk.auth.verify_email(&token, bearer, None, &context)).is_err());
        }
        for password in [OLD, NEW] {
            assert!(desk.run(desk.auth.verify_email(&token, None, Some(&password.into()), &context)).is_err());
        }
        assert_eq!(database.one("SELECT count(*) FROM users WHERE email_verified"), "0");
    }
}
