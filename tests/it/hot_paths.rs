//! Every query of the API finds its rows through an index, on a filled database: what was really sent is explained.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use authsvc::auth::{Auth, Keys, NoMailer, Passwords, Profile};
use authsvc::clock;
use authsvc::db::{Client, DatabaseUrl, Defaults, Pool, PoolUse, Scope};
use secrecy::{ExposeSecret as _, SecretString};

use crate::accounts::signing_key;
use crate::support::database::{ENGINES, block_on};
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
         {} {} {} {} {} \
         INSERT INTO login_throttles (subject, failures, last_failed_at) SELECT 'ip:' || n, 1, {now} FROM {numbers}; ANALYZE",
        tokens("a"), tokens("b"), tokens("c"), event("login_failed"), event("login_succeeded")
    ));
}

/// Uses everything that the API has once, and what it answers when it refuses.
async fn use_everything(auth: &Auth) {
    let (now, client) = (clock::now(), Client::new(Some([192, 0, 2, 1].into()), Some("test")));
    let password = SecretString::from("a long password");
    let wrong = SecretString::from("a wrong password");
    let made = auth.register("Ada@example.com", "ada", &password, &client, now).await.ok().unwrap();
    assert!(auth.register("ada@example.com", "user7", &password, &client, now).await.is_err());
    assert!(auth.log_in("ada@example.com", &wrong, &client, now).await.is_err());
    assert!(auth.log_in("nobody@example.com", &wrong, &client, now).await.is_err());
    let session = auth.log_in("ada@example.com", &password, &client, now).await.ok().unwrap();
    let bearer = auth.bearer(&session.access_token, now).unwrap();
    let next = auth.refresh(&session.refresh_token, &client, now).await.ok().unwrap();
    auth.me(bearer).await.unwrap();
    assert_eq!(auth.sessions(bearer, now).await.unwrap().len(), 2);
    let profile = Profile { username: Some("countess".to_owned()), avatar: Some(None) };
    auth.change_profile(bearer, profile).await.unwrap();
    let other = auth.bearer(&made.access_token, now).unwrap().session;
    auth.end_session(bearer, other, &client, now).await.unwrap();
    auth.change_password(bearer, &password, &wrong, &client, now).await.unwrap();
    assert!(auth.refresh(&session.refresh_token, &client, now).await.is_err(), "a reuse");
    auth.log_out(&next.refresh_token, Scope::This, &client, now).await.unwrap();
    auth.log_out(&next.refresh_token, Scope::All, &client, now).await.unwrap();
    assert!(!next.access_token.expose_secret().is_empty());
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
            let pool = Pool::open(&url, PoolUse::Serve).await.unwrap();
            let pool = pool.observed(move |statement, _| {
                seen.lock().unwrap().insert(statement.to_string());
            });
            let keys = Keys::parse(&SecretString::from(signing_key())).unwrap();
            let passwords = Passwords::new(1).unwrap();
            use_everything(&Auth::new(
                pool,
                Arc::new(keys),
                passwords,
                Arc::new(NoMailer),
                "https://auth.example.com".to_owned(),
            ))
            .await;
        });
        let sent = sent.lock().unwrap();
        let explained: Vec<&String> = sent.iter().filter(|sql| !sql.starts_with("INSERT")).collect();
        assert!(explained.len() > 15, "{sent:#?}");
        for sql in explained {
            let (explain, scan) = match engine {
                Engine::Postgres => ("EXPLAIN", "Seq Scan"),
                Engine::Sqlite => ("EXPLAIN QUERY PLAN", "SCAN"),
            };
            let plan = database.query(&format!("{explain} {sql}"));
            let found = plan.iter().any(|line| line.contains("Index") || line.contains("SEARCH"));
            assert!(found && !plan.iter().any(|line| line.contains(scan)), "{engine:?}\n{sql}\n{plan:#?}");
        }
    }
}
