//! Login with a provider: the state and its cookie, the parameters of the callback, and the settings. No secret is
//! printed.

use std::sync::LazyLock;

use authsvc::auth::oauth::{CallbackParams, Error, LIFETIME, OauthErrorKind, Providers, RedirectMode};
use authsvc::auth::{BaseUrl, oauth};
use authsvc::config::{Config, Variables};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use entity::value::Provider;
use proptest::prelude::*;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use crate::support::providers::{Double, SECRET, answer, begin, flow_key, now, query, run};

fn refused(providers: &Providers, provider: Provider, answer: CallbackParams) -> Error {
    providers.check(provider, answer, now()).map(|_| ()).unwrap_err()
}

#[test]
fn oauth_state_belongs_to_one_browser_and_one_provider() {
    run(async {
        let double = Double::github().await;
        let providers = double.providers();
        let (ours, others) = (begin(&providers, Provider::Github).await, begin(&providers, Provider::Github).await);
        assert_ne!(ours.state, others.state);
        assert_eq!(URL_SAFE_NO_PAD.decode(&ours.state).unwrap().len(), 32);
        let missing = [
            CallbackParams { state: None, ..answer(&ours) },
            CallbackParams { cookie: None, ..answer(&ours) },
            CallbackParams::default(),
        ];
        for answer in missing {
            let error = refused(&providers, Provider::Github, answer);
            assert!(matches!(error, Error::StateMissing) && error.kind() == OauthErrorKind::Browser, "{error:?}");
        }
        let mismatched = [
            CallbackParams { state: Some(others.state.clone()), ..answer(&ours) },
            CallbackParams { cookie: Some(others.cookie.clone()), ..answer(&ours) },
            CallbackParams { state: Some(String::new()), ..answer(&ours) },
            CallbackParams { state: Some(format!("{}A", ours.state)), ..answer(&ours) },
            CallbackParams { cookie: Some("".into()), ..answer(&ours) },
            CallbackParams { cookie: Some("not base64!".into()), ..answer(&ours) },
            CallbackParams { cookie: Some(ours.state.clone().into()), ..answer(&ours) },
        ];
        for answer in mismatched {
            let error = refused(&providers, Provider::Github, answer);
            assert!(matches!(error, Error::StateMismatch) && error.kind() == OauthErrorKind::Browser, "{error:?}");
        }
        assert!(matches!(refused(&providers, Provider::Google, answer(&ours)), Error::StateMismatch));
        assert!(matches!(refused(&providers, Provider::Email, answer(&ours)), Error::NotConfigured(_)));
        let checked = providers.check(Provider::Github, answer(&ours), now()).unwrap();
        let hash: String = Sha256::digest(&ours.state).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((checked.state_hash(), checked.state_expires_at()), (hash, now() + LIFETIME));
        assert!(double.server.received_requests().await.unwrap().is_empty(), "no request was sent");
    });
}

#[test]
fn oauth_state_ends_after_ten_minutes() {
    run(async {
        let providers = Double::github().await.providers();
        let begun = begin(&providers, Provider::Github).await;
        let after = |time| providers.check(Provider::Github, answer(&begun), now() + time);
        assert!(after(TimeDelta::seconds(599)).is_ok());
        assert!(matches!(after(TimeDelta::seconds(600)).unwrap_err(), Error::StateExpired));
    });
}

#[test]
fn oauth_cookies_of_another_key_or_changed_ones_do_not_open() {
    run(async {
        let double = Double::github().await;
        let (providers, replica) = (double.providers(), double.providers());
        let begun = begin(&providers, Provider::Github).await;
        replica.check(Provider::Github, answer(&begun), now()).unwrap();
        let stranger = Providers::new(double.settings(), flow_key(8)).unwrap();
        assert!(matches!(refused(&stranger, Provider::Github, answer(&begun)), Error::StateMismatch));
        let sealed = URL_SAFE_NO_PAD.decode(begun.cookie.expose_secret()).unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            let cookie = Some(URL_SAFE_NO_PAD.encode(&changed).into());
            let error = refused(&providers, Provider::Github, CallbackParams { cookie, ..answer(&begun) });
            assert!(matches!(error, Error::StateMismatch), "{at}");
        }
        // what the cookie holds cannot be read from it, and it fits into a header
        for part in [begun.state.as_str(), "auth.example.com", "github"] {
            assert!(!String::from_utf8_lossy(&sealed).contains(part), "{part}");
        }
        assert!(begun.cookie.expose_secret().len() < 1000);
    });
}

#[test]
fn oauth_errors_of_the_provider_come_after_the_state() {
    run(async {
        let providers = Double::github().await.providers();
        let begun = begin(&providers, Provider::Github).await;
        let with = |error: &str| CallbackParams { error: Some(error.to_owned()), ..answer(&begun) };
        let denied = refused(&providers, Provider::Github, with("access_denied"));
        assert!(matches!(denied, Error::Denied(Provider::Github)) && denied.kind() == OauthErrorKind::Refused);
        let error = refused(&providers, Provider::Github, with("server_error<script>"));
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (OauthErrorKind::Provider, "GitHub: authorization: it refused: server_errorscript")
        );
        let unproven = CallbackParams { state: Some("other".to_owned()), ..with("access_denied") };
        assert!(matches!(refused(&providers, Provider::Github, unproven), Error::StateMismatch));
        let error = refused(&providers, Provider::Github, CallbackParams { code: None, ..answer(&begun) });
        assert!(matches!(error, Error::CodeMissing), "{error}");
    });
}

#[test]
fn oauth_redirect_uris() {
    run(async {
        let double = Double::github().await;
        let mut settings = double.settings();
        let of = |settings: &oauth::OauthSettings, to| settings.redirect_uri(Provider::Github, to);
        assert_eq!(of(&settings, RedirectMode::Page), "https://auth.example.com/auth/oauth/github/callback");
        settings.page_url = Some(BaseUrl::parse("https://app.example.com/back/{provider}/").unwrap());
        assert_eq!(of(&settings, RedirectMode::Page), "https://app.example.com/back/github/");
        assert_eq!(of(&settings, RedirectMode::Callback), "https://auth.example.com/auth/oauth/github/callback");
        let providers = Providers::new(settings, flow_key(1)).unwrap();
        let begun = providers.begin(Provider::Github, RedirectMode::Page, now()).await.unwrap();
        assert_eq!(query(&begun)["redirect_uri"], "https://app.example.com/back/github/");
    });
}

#[test]
fn oauth_providers_that_are_not_set_up() {
    run(async {
        let settings = oauth::OauthSettings { google: None, github: None, ..Double::github().await.settings() };
        let providers = Providers::new(settings, flow_key(1)).unwrap();
        for provider in [Provider::Google, Provider::Github, Provider::Email] {
            let error = providers.begin(provider, RedirectMode::Callback, now()).await.unwrap_err();
            assert!(
                matches!(error, Error::NotConfigured(of) if of == provider) && error.kind() == OauthErrorKind::NotFound
            );
        }
    });
}

#[test]
fn oauth_steps_can_run_on_any_thread() {
    fn sent<T: Send>(_: T) {}
    run(async {
        let providers = Double::github().await.providers();
        let begun = begin(&providers, Provider::Github).await;
        sent(providers.begin(Provider::Google, RedirectMode::Callback, now()));
        sent(providers.exchange(providers.check(Provider::Github, answer(&begun), now()).unwrap(), now()));
    });
}

#[test]
fn oauth_prints_no_secret() {
    run(async {
        let double = Double::github().await;
        let providers = double.providers();
        let begun = begin(&providers, Provider::Github).await;
        let checked = providers.check(Provider::Github, answer(&begun), now()).unwrap();
        let shown = format!("{providers:?} {begun:?} {:?} {checked:?} {:?}", answer(&begun), flow_key(1));
        for secret in [SECRET, &begun.state, begun.cookie.expose_secret(), "[1, 1"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    });
}

fn config<const N: usize>(pairs: [(&str, &str); N]) -> Result<Config, String> {
    let result = Config::from_variables(&Variables::from(pairs));
    assert!(!format!("{result:?}").contains(SECRET), "{result:?}");
    result.map_err(|error| format!("{error} | {}", error.hint()))
}

#[test]
fn oauth_variables() {
    let found = config([]).unwrap();
    assert!(found.oauth.google.is_none() && found.oauth.github.is_none() && found.vault.is_none());
    assert_eq!(found.oauth.google_issuer.as_str(), "https://accounts.google.com");
    assert_eq!(found.public_url.as_str(), "http://127.0.0.1:8080");
    assert_eq!(config([("AUTHSVC_LISTEN", "[::]:81")]).unwrap().public_url.as_str(), "http://localhost:81");
    assert_eq!(config([("AUTHSVC_LISTEN", "[::1]:81")]).unwrap().public_url.as_str(), "http://[::1]:81");
    let found = config([
        ("AUTHSVC_GOOGLE_CLIENT_ID", "g"),
        ("AUTHSVC_GOOGLE_CLIENT_SECRET", "s3cret"),
        ("AUTHSVC_GITHUB_URL", "http://127.0.0.1:9"),
        ("AUTHSVC_PUBLIC_URL", "https://auth.example.com"),
        ("AUTHSVC_ENCRYPTION_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="),
    ])
    .unwrap();
    assert!(found.warnings.is_empty(), "{:?}", found.warnings);
    assert_eq!(found.oauth.google.unwrap().id, "g");
    assert_eq!(found.vault.unwrap().current_key_id().len(), 16);
}

#[test]
fn oauth_variables_that_are_refused() {
    for (pairs, expected) in [
        (vec![("AUTHSVC_GOOGLE_CLIENT_ID", "g")], "AUTHSVC_GOOGLE_CLIENT_SECRET: is not set"),
        (vec![("AUTHSVC_GITHUB_CLIENT_SECRET", "s3cret")], "AUTHSVC_GITHUB_CLIENT_ID: is not set"),
        (vec![("AUTHSVC_GITHUB_URL", "http://github.com")], "is not https"),
        (vec![("AUTHSVC_GOOGLE_ISSUER", "http://localhost.example.com")], "is not https"),
        (vec![("AUTHSVC_GITHUB_API_URL", "https://u:s3cret@h")], "holds a user or a password"),
        (vec![("AUTHSVC_PUBLIC_URL", "auth.example.com")], "is not a URL"),
        (vec![("AUTHSVC_PUBLIC_URL", "ftp://auth.example.com")], "https://"),
        (vec![("AUTHSVC_OAUTH_REDIRECT_URL", "https://h/?a=s3cret")], "holds a `?` or a `#`"),
        (vec![("AUTHSVC_ENCRYPTION_KEY", "s3cret")], "AUTHSVC_ENCRYPTION_KEY: key 1 "),
    ] {
        let error = match pairs[..] {
            [one] => config([one]).unwrap_err(),
            _ => unreachable!(),
        };
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn oauth_secrets_from_files_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "s3cret\n").unwrap();
    let found = config([
        ("AUTHSVC_GITHUB_CLIENT_ID", "h"),
        ("AUTHSVC_GITHUB_CLIENT_SECRET_FILE", file.to_str().unwrap()),
        ("AUTHSVC_GITHUB_CLIENT_ID_FILE", "no secret, no twin"),
    ])
    .unwrap();
    assert_eq!(found.oauth.github.unwrap().secret.expose_secret(), "s3cret");
    assert_eq!(found.warnings.len(), 1, "{:?}", found.warnings);
}

proptest! {
    #[test]
    fn oauth_no_cookie_makes_it_panic(cookie in "\\PC{0,80}", state in "\\PC{0,60}") {
        static PROVIDERS: LazyLock<Providers> = LazyLock::new(|| run(async { Double::github().await.providers() }));
        let answer = CallbackParams { state: Some(state), cookie: Some(cookie.into()), ..CallbackParams::default() };
        prop_assert!(matches!(refused(&PROVIDERS, Provider::Github, answer), Error::StateMismatch));
    }
}
