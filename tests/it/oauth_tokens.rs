//! OAuth tokens in the database: encrypted, in clear, or not stored, and re-encrypted when the key changes.

use std::process::Command;
use std::sync::Arc;

use authsvc::auth::vault::{TokenColumn, TokenLocation, Vault};
use authsvc::db::{DatabaseUrl, Defaults, Pool, PoolUse, StoredTokens};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use entity::value::{Provider, ProviderToken};
use secrecy::{ExposeSecret, SecretString};

use crate::support::database::ENGINES;
use crate::support::logins::{ACCESS, ADA, Person, REFRESH, google, log_in, program};
use crate::support::providers::run;
use crate::support::visitor::Visitor;
use crate::support::{Database, Engine, eventually};

const STORED: &str = "SELECT coalesce(access_token, '-') || ' ' || coalesce(refresh_token, '-') || ' ' || coalesce(key_id, '-') \
     FROM oauth_providers ORDER BY id";

fn key(byte: u8) -> String {
    STANDARD.encode([byte; 32])
}

fn vault(keys: &str) -> Arc<Vault> {
    Arc::new(Vault::from_keys(&SecretString::from(keys)).unwrap())
}

/// The tokens of a row, decrypted.
fn opened(vault: &Vault, provider_id: &str, row: &str) -> [String; 2] {
    let [access, refresh, key_id]: [&str; 3] = row.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let open = |token: &str, column| {
        let place = TokenLocation { provider: Provider::Google, provider_id, column };
        vault.open(&ProviderToken::new(token), key_id, place).unwrap().expose_secret().to_owned()
    };
    [open(access, TokenColumn::AccessToken), open(refresh, TokenColumn::RefreshToken)]
}

#[test]
fn oauth_tokens_are_encrypted() {
    for engine in ENGINES {
        let (database, double) = (Database::migrated(engine), google());
        let server = program(&database, &double).env("AUTHSVC_ENCRYPTION_KEY", &key(1)).serve().ready();
        log_in(&double, &mut Visitor::of(server.public), ADA).status(200);
        let first = database.one(STORED);
        assert!(first.ends_with(vault(&key(1)).current_key_id()) && !first.contains("cAn4ry"), "{first}");
        assert_eq!(opened(&vault(&key(1)), "1077", &first), [ACCESS, REFRESH]);
        assert_eq!(database.one("SELECT count(*) FROM oauth_providers WHERE expires_at > created_at"), "1");
        log_in(&double, &mut Visitor::of(server.public), ADA).status(200);
        let second = database.one(STORED);
        assert_ne!(first, second, "the second login's are stored");
        assert_eq!(opened(&vault(&key(1)), "1077", &second), [ACCESS, REFRESH]);
        let log = server.stop().success().stderr;
        assert!(!log.contains(&key(1)) && !log.contains("are not stored"), "{log}");
    }
}

#[test]
fn oauth_tokens_without_a_key_are_clear_in_tests_and_dropped_in_production() {
    let (database, double) = (Database::migrated(Engine::Sqlite), google());
    let server = program(&database, &double).serve().ready();
    log_in(&double, &mut Visitor::of(server.public), ADA).status(200);
    assert_eq!(database.one(STORED), format!("{ACCESS} {REFRESH} -"));
    server.stop().success();

    let production = || {
        let key = Command::new("openssl").args(["genpkey", "-algorithm", "ed25519"]).output().unwrap();
        let key = String::from_utf8(key.stdout).unwrap();
        program(&database, &double).env("AUTHSVC_JWT_KEY", &key)
    };
    for environment in ["production", "staging"] {
        let server = production().env("AUTHSVC_ENV", environment).serve().ready();
        log_in(&double, &mut Visitor::of(server.public), ADA).status(200);
        log_in(&double, &mut Visitor::of(server.public), Person { id: 2, email: "b@example.com", ..ADA }).status(200);
        assert_eq!(database.query(STORED), ["- - -", "- - -"]);
        let log = server.stop().success().stderr;
        assert_eq!(log.matches("OAuth tokens are not stored").count(), 1, "{log}");
    }
}

#[test]
fn oauth_tokens_follow_the_key() {
    for engine in ENGINES {
        let (database, double) = (Database::migrated(engine), google());
        let logs_in = |keys: Option<&str>, person: Person| {
            let program = program(&database, &double);
            let program = keys.into_iter().fold(program, |program, keys| program.env("AUTHSVC_ENCRYPTION_KEY", keys));
            let server = program.serve().ready();
            log_in(&double, &mut Visitor::of(server.public), person).status(200);
            server.stop().success();
        };
        let of = |id, email| Person { id, email, ..ADA };
        logs_in(Some(&key(9)), of(1, "lost@example.com"));
        let lost = database.one(STORED);
        logs_in(Some(&key(1)), of(2, "old@example.com"));
        logs_in(None, of(3, "clear@example.com"));
        // many more, in clear, and one that was erased
        database.execute(
            "INSERT INTO oauth_providers (user_id, provider, provider_id, access_token) \
                 WITH RECURSIVE n (i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 349) \
                 SELECT (SELECT min(id) FROM users), 'google', CAST(i AS VARCHAR(9)), 'cAn4ry-access' FROM n",
        );
        database.execute(
            "INSERT INTO oauth_providers (user_id, provider, provider_id) SELECT min(id), 'github', '1' FROM users",
        );
        let keys = format!("{},{}", key(2), key(1));
        let server = program(&database, &double).env("AUTHSVC_ENCRYPTION_KEY", &keys).serve().ready();
        let current = vault(&key(2)).current_key_id().to_owned();
        let count = format!("SELECT count(*) FROM oauth_providers WHERE key_id = '{current}'");
        eventually("every token is under the new key", || (database.one(&count) == "252").then_some(()));
        // the new key opens them without the old one
        let rows = database.query(STORED);
        assert_eq!(rows[0], lost, "a key that is missing: left as it is");
        assert_eq!(opened(&vault(&key(2)), "2", &rows[1]), [ACCESS, REFRESH]);
        assert_eq!(opened(&vault(&key(2)), "3", &rows[2]), [ACCESS, REFRESH]);
        assert!(rows[3..253].iter().all(|row| !row.contains("cAn4ry") && row.ends_with(&format!(" - {current}"))));
        assert_eq!(rows[253], "- - -");
        let log = server.stop().success().stderr;
        let told = format!(
            "cannot encrypt tokens of providers again: the token was encrypted with key {}",
            vault(&key(9)).current_key_id()
        );
        assert_eq!(log.matches(&told).count(), 1, "{log}");
    }
}

#[test]
fn oauth_tokens_of_a_login_are_not_overwritten() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        database.execute(
            "INSERT INTO users (email, username, password_hash, provider) VALUES ('a@example.com', 'a', '', 'google')",
        );
        database.execute(
            "INSERT INTO oauth_providers (user_id, provider, provider_id, access_token) SELECT id, 'google', '1', 'first' FROM users",
        );
        let url = DatabaseUrl::parse(&database.url, &Defaults::default()).unwrap();
        run(async {
            let pool = Pool::open(&url, PoolUse::SERVE).await.unwrap();
            let seen = pool.tokens_under_other_keys("current", 0, 10).await.unwrap();
            let stored =
                |token: &str| StoredTokens { access: Some(ProviderToken::new(token)), ..StoredTokens::default() };
            assert!(pool.replace_tokens(&seen[0], &stored("second"), authsvc::clock::now()).await.unwrap());
            assert!(
                !pool.replace_tokens(&seen[0], &stored("third"), authsvc::clock::now()).await.unwrap(),
                "{engine:?}"
            );
            let sealed = StoredTokens { key_id: Some("current".to_owned()), ..stored("fourth") };
            let seen = pool.tokens_under_other_keys("current", 0, 10).await.unwrap();
            assert!(pool.replace_tokens(&seen[0], &sealed, authsvc::clock::now()).await.unwrap());
            assert!(pool.tokens_under_other_keys("current", 0, 10).await.unwrap().is_empty());
            assert_eq!(pool.tokens_under_other_keys("next", 0, 10).await.unwrap().len(), 1);
            assert!(pool.tokens_under_other_keys("next", seen[0].id, 10).await.unwrap().is_empty());
        });
        assert_eq!(database.one(STORED), "fourth - current");
    }
}
