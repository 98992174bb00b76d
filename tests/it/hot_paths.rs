//! Every query of the API finds its rows through an index on a filled database. The tests explain the queries that were
//! really sent.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use authsvc::auth::oauth::{CallbackParams, RedirectMode};
use authsvc::auth::{Auth, AuthParts, Keys, NoMailer, Passwords, Profile, ProviderTokens};
use authsvc::clock;
use authsvc::db::{Client, DatabaseUrl, Defaults, LogoutScope, Pool, PoolUse, RequestContext};
use entity::value::Provider;
use secrecy::{ExposeSecret as _, SecretString};

use crate::accounts::signing_key;
use crate::support::database::{ENGINES, block_on};
use crate::support::logins::{ADA, Person, consents};
use crate::support::providers::Double;
use crate::support::{Database, Engine};

/// Twenty thousand accounts with three tokens and two events each, a thousand throttles.
fn fill(database: &Database, engine: Engine) {
    let (numbers, now) = match engine {
        Engine::Postgres => ("generate_series(1, 20000) AS numbers(n)", "CURRENT_TIMESTAMP"),
        Engine::Sqlite => (
            "(WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 20000) SELECT n FROM numbers)",
            "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')",
        ),
    };
    let tokens = |kind: &str| {
        format!(
            "INSERT INTO refresh_tokens (user_id, token_hash, family_id, expires_at) SELECT n, '{kind}' || n, CASE WHEN n % 2 = 0 THEN n END, {now} FROM {numbers};"
        )
    };
    let event = |kind: &str| {
        format!(
            "INSERT INTO auth_events (occurred_at, kind, user_id, email) SELECT {now}, '{kind}', n, 'user' || n || '@example.com' FROM {numbers};"
        )
    };
    database.execute(&format!(
        "INSERT INTO users (email, username, password_hash) SELECT 'user' || n || '@example.com', 'user' || n, 'x' FROM {numbers}; \
         UPDATE users SET email_verified = TRUE WHERE username = 'user20000'; \
         UPDATE users SET provisional_uses = 1, created_at = '2020-01-01T00:00:00.000+00:00' WHERE username = 'user8'; \
         UPDATE users SET username_shared = TRUE WHERE id % 2 = 0 AND username <> 'user8'; \
         INSERT INTO oauth_providers (user_id, provider, provider_id) SELECT n, 'github', '' || n FROM {numbers}; \
         INSERT INTO known_devices (digest, user_id, kind, last_login_at) SELECT 'd' || n, n, 'cookie', {now} FROM {numbers}; \
         DELETE FROM oauth_providers WHERE provider_id = '8'; \
         INSERT INTO oauth_states (state_hash, expires_at) SELECT 'a' || n, {now} FROM {numbers}; \
         {} {} {} {} {} \
         INSERT INTO login_throttles (subject, failures, last_failed_at) SELECT 'ip:' || n, 1, {now} FROM {numbers}; ANALYZE",
        tokens("a"), tokens("b"), tokens("c"), event("login_failed"), event("login_succeeded")
    ));
}

/// Uses everything that the API has once, and what it answers when it refuses.
async fn use_everything(auth: &Auth) {
    let now = clock::now();
    let context = RequestContext::new(Client::new(Some([192, 0, 2, 1].into()), Some("test")), now);
    let password = SecretString::from("a long password");
    let wrong = SecretString::from("a wrong password");
    let made = auth.register("Ada@example.com", "ada", &password, &context).await.ok().unwrap();
    assert!(auth.register("ada@example.com", "user7", &password, &context).await.is_err());
    assert!(auth.register("user8@example.com", "user8", &password, &context).await.is_ok(), "takes it over");
    assert!(auth.log_in("ada@example.com", &wrong, &context).await.is_err());
    assert!(auth.log_in("nobody@example.com", &wrong, &context).await.is_err());
    let session = auth.log_in("ada@example.com", &password, &context).await.ok().unwrap();
    let bearer = auth.bearer(&session.access_token, now).unwrap();
    auth.refresh(&session.refresh_token, &context).await.ok().unwrap();
    let next = auth.refresh(&session.refresh_token, &context).await.ok().unwrap();
    auth.me(auth.bearer(&next.access_token, now).unwrap(), now).await.unwrap();
    auth.me(bearer, now).await.unwrap();
    assert_eq!(auth.sessions(bearer, now).await.unwrap().len(), 2);
    let profile = Profile { username: Some("countess".to_owned()), avatar: Some(None) };
    auth.change_profile(bearer, profile, now).await.unwrap();
    let other = auth.bearer(&made.access_token, now).unwrap().session;
    auth.end_session(bearer, other, &context).await.unwrap();
    auth.change_password(bearer, &password, &wrong, &context).await.unwrap();
    assert!(auth.refresh(&session.refresh_token, &context).await.is_err(), "a reuse");
    auth.log_out(&next.refresh_token, LogoutScope::This, &context).await.unwrap();
    auth.log_out(&next.refresh_token, LogoutScope::All, &context).await.unwrap();
    assert!(!next.access_token.expose_secret().is_empty());
}

/// Makes an account, enters it again, links a verified one and one that is not, and is refused.
async fn log_in_through_google(auth: &Auth, double: &Double) {
    let now = clock::now();
    let context = RequestContext::new(Client::default(), now);
    let new = Person { email: "new@example.com", ..ADA };
    let verified = Person { id: 2, email: "user20000@example.com", ..ADA };
    let unverified = Person { id: 3, email: "user7@example.com", ..ADA };
    let unproven = Person { id: 4, email: "user9@example.com", is_verified: false, ..ADA };
    for (person, is_entered) in [(new, true), (new, true), (verified, true), (unverified, true), (unproven, false)] {
        let begun = auth.begin_oauth(Provider::Google, RedirectMode::Callback, now).await.unwrap();
        let consented = consents(double, &begun.url, person).await;
        let answer = CallbackParams {
            state: Some(begun.state),
            code: Some(consented.code.into()),
            error: None,
            cookie: Some(begun.cookie),
        };
        let entered = auth.finish_oauth(Provider::Google, answer, &context).await;
        assert_eq!(entered.is_ok(), is_entered, "{person:?}");
    }
}

#[test]
fn every_query_of_the_api_uses_an_index() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        fill(&database, engine);
        let sent = Arc::new(Mutex::new(BTreeSet::new()));
        let seen = sent.clone();
        block_on(async {
            let url = DatabaseUrl::parse(&database.url, &Defaults::default()).unwrap();
            let pool = Pool::open(&url, PoolUse::SERVE).await.unwrap();
            let pool = pool.observed(move |statement, _| {
                seen.lock().unwrap().insert(statement.to_string());
            });
            let keys = Keys::parse(&SecretString::from(signing_key())).unwrap();
            let passwords = Passwords::new(1).unwrap();
            let double = Double::google().await;
            let parts = AuthParts {
                keys: Arc::new(keys),
                passwords,
                mailer: Arc::new(NoMailer),
                issuer: "https://auth.example.com".to_owned(),
                providers: double.providers(),
                provider_tokens: ProviderTokens::InClear,
                session_max_age: chrono::TimeDelta::days(90),
            };
            let auth = Auth::new(pool, parts);
            use_everything(&auth).await;
            log_in_through_google(&auth, &double).await;
        });
        let sent = sent.lock().unwrap();
        let explained: Vec<&String> = sent.iter().filter(|sql| !sql.starts_with("INSERT")).collect();
        assert!(explained.len() > 15, "{sent:#?}");
        for sql in sent
            .iter()
            .filter(|sql| sql.starts_with("UPDATE \"users\"") || sql.starts_with("UPDATE \"oauth_providers\""))
        {
            assert!(sql.contains("\"updated_at\" = "), "no trigger sets updated_at: {sql}");
        }
        for sql in explained {
            let (explain, scan) = match engine {
                Engine::Postgres => ("EXPLAIN", "Seq Scan"),
                Engine::Sqlite => ("EXPLAIN QUERY PLAN", "SCAN"),
            };
            let plan = database.query(&format!("{explain} {sql}"));
            let found = plan.iter().any(|line| line.contains("Index") || line.contains("SEARCH"));
            // of a table of one row the planner reads that row, and `SCAN CONSTANT ROW` reads no table
            let scans = |line: &String| {
                line.contains(scan) && !line.contains("database_identity") && !line.contains("SCAN CONSTANT ROW")
            };
            let is_one_row = sql.contains("FROM \"database_identity\" WHERE") && !sql.contains("\"users\"");
            assert!((found || is_one_row) && !plan.iter().any(scans), "{engine:?}\n{sql}\n{plan:#?}");
        }
    }
}
