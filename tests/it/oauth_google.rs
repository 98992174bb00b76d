//! Login with Google's test double: a complete login, all kinds of invalid ID tokens, and a provider that fails.

use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

use authsvc::auth::BaseUrl;
use authsvc::auth::oauth::{
    Error, OauthErrorKind, OauthSettings, ProviderFailure, ProviderProfile, Providers, RedirectMode, StartedLogin,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use entity::value::Provider;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use wiremock::ResponseTemplate;

use crate::support::providers::{
    CLIENT_ID, Double, Key, SECRET, answer, begin, complete, flow_key, forged, json, merge, now, pairs, query, run,
};
use crate::support::{eventually, free_port};

const DISCOVERY: &str = "/.well-known/openid-configuration";

/// Good claims for this login, with changes.
fn claims(double: &Double, begun: &StartedLogin, changes: Value) -> Value {
    let mut claims = json!({
        "iss": double.server.uri(), "aud": CLIENT_ID, "azp": CLIENT_ID, "sub": "1077", "nonce": query(begun)["nonce"],
        "iat": now().timestamp(), "exp": now().timestamp() + 3600, "email": "Ada@example.com", "email_verified": true,
        "name": " Ada \u{7}Lovelace", "picture": "https://example.com/ada.png",
    });
    merge(&mut claims, changes);
    claims
}

fn tokens(id_token: &str) -> Value {
    json!({
        "access_token": format!("{SECRET}-access"), "refresh_token": format!("{SECRET}-refresh"), "expires_in": 3599,
        "token_type": "Bearer", "id_token": id_token,
    })
}

/// A login that gets this ID token.
async fn login(
    double: &Double,
    providers: &Providers,
    token: impl Fn(&StartedLogin) -> String,
) -> Result<ProviderProfile, Error> {
    let begun = begin(providers, Provider::Google).await;
    double.answers_once("POST", "/token", json(200, tokens(&token(&begun)))).await;
    complete(providers, Provider::Google, &begun).await
}

fn hash(text: &str) -> Vec<u8> {
    Sha256::digest(text).to_vec()
}

#[test]
fn oauth_google_from_beginning_to_end() {
    run(async {
        let double = Double::google().await;
        let providers = double.providers();
        let begun = begin(&providers, Provider::Google).await;
        let query = query(&begun);
        assert!(begun.url.starts_with(&format!("{}/authorize?", double.server.uri())), "{}", begun.url);
        for (name, value) in [
            ("response_type", "code"),
            ("client_id", CLIENT_ID),
            ("scope", "openid email profile"),
            ("code_challenge_method", "S256"),
            ("redirect_uri", "https://auth.example.com/auth/oauth/google/callback"),
            ("state", &begun.state),
        ] {
            assert_eq!(query[name], value, "{name}");
        }
        let at_hash = URL_SAFE_NO_PAD.encode(&hash(&format!("{SECRET}-access"))[..16]);
        let token = Key::of_google().sign(&claims(&double, &begun, json!({"at_hash": at_hash})));
        double.answers("POST", "/token", json(200, tokens(&token))).await;
        let profile = complete(&providers, Provider::Google, &begun).await.unwrap();

        let form = pairs(&double.requests("/token").await[0].body);
        assert_eq!(form["code"], format!("{SECRET}-code"));
        assert_eq!(form["client_secret"], format!("{SECRET}-of-client"));
        assert_eq!(form["redirect_uri"], query["redirect_uri"]);
        assert_eq!(URL_SAFE_NO_PAD.encode(hash(&form["code_verifier"])), query["code_challenge"], "PKCE");
        assert_eq!((profile.provider, profile.provider_id.as_str()), (Provider::Google, "1077"));
        assert_eq!(profile.verified_email().unwrap().as_str(), "Ada@example.com");
        assert_eq!(profile.name.as_deref(), Some("Ada Lovelace"));
        assert_eq!(profile.avatar_url.as_deref(), Some("https://example.com/ada.png"));
        assert_eq!(profile.tokens.access.expose_secret(), format!("{SECRET}-access"));
        assert_eq!(profile.tokens.refresh.as_ref().unwrap().expose_secret(), format!("{SECRET}-refresh"));
        assert_eq!(profile.tokens.expires_at, Some(now() + TimeDelta::seconds(3599)));
        assert!(!format!("{profile:?}").contains(SECRET));
    });
}

#[test]
fn oauth_google_claims_that_are_refused() {
    run(async {
        let double = Double::google().await;
        let providers = double.providers();
        let time = now().timestamp();
        for (changes, why) in [
            (json!({"aud": "another-client"}), "issued for another client"),
            (json!({"aud": [CLIENT_ID, "another-client"]}), "issued for another client"),
            (json!({"aud": []}), "issued for another client"),
            (json!({"iss": "https://accounts.google.com"}), "another issuer issued it"),
            (json!({"iss": format!("{}/", double.server.uri())}), "another issuer issued it"),
            (json!({"exp": time}), "it has expired"),
            (json!({"exp": time - 3600}), "it has expired"),
            (json!({"iat": time + 3600}), "it has expired, or is not valid yet"),
            (json!({"nonce": "of-another-login"}), "issued for another login"),
            (json!({"nonce": null}), "issued for another login"),
            (json!({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}), "another access token"),
            (json!({"sub": ""}), "its subject"),
            (json!({"sub": "1".repeat(256)}), "its subject"),
        ] {
            let sign = |begun: &StartedLogin| Key::of_google().sign(&claims(&double, begun, changes.clone()));
            let error = login(&double, &providers, sign).await.unwrap_err();
            let text = error.to_string();
            assert!(matches!(error, Error::IdToken { .. }) && text.contains(why), "{changes}: {text}");
            assert_eq!(error.kind(), OauthErrorKind::Provider);
        }
    });
}

#[test]
fn oauth_google_a_nonce_cannot_be_used_in_another_login() {
    run(async {
        let double = Double::google().await;
        let providers = double.providers();
        let first = begin(&providers, Provider::Google).await;
        let stolen = Key::of_google().sign(&claims(&double, &first, json!({})));
        login(&double, &providers, |_| stolen.clone()).await.unwrap_err();
    });
}

#[test]
fn oauth_google_signatures_that_are_refused() {
    run(async {
        let double = Double::google().await;
        let providers = double.providers();
        let (ours, other) = (Key::of_google(), Key::other());
        let secret = format!("{SECRET}-of-client");
        type Sign<'a> = &'a dyn Fn(&Value) -> String;
        let cases: [(Sign<'_>, &str); 9] = [
            (&|claims| other.sign_as(claims, ours.id), "its signature is not valid"),
            (&|claims| other.sign(claims), "unknown key"),
            (&|claims| forged("none", claims, None), "it is not signed"),
            (&|claims| forged("None", claims, None), ""),
            (&|claims| forged("HS256", claims, Some(ours.public.as_bytes())), "another algorithm"),
            (&|claims| forged("HS256", claims, Some(secret.as_bytes())), "another algorithm"),
            (&|claims| forged("RS256", claims, None), "its signature is not valid"),
            (&|claims| forged("RS256", claims, Some(ours.public.as_bytes())), "its signature is not valid"),
            (&|_| "not.a.token".to_owned(), ""),
        ];
        for (number, (sign, why)) in cases.into_iter().enumerate() {
            let error = login(&double, &providers, |begun| sign(&claims(&double, begun, json!({})))).await.unwrap_err();
            assert!(error.to_string().contains(why) && error.kind() == OauthErrorKind::Provider, "{number}: {error}");
        }
        // claims that were changed after they were signed
        let changed = |begun: &StartedLogin| {
            let token = ours.sign(&claims(&double, begun, json!({})));
            let forged = forged("RS256", &claims(&double, begun, json!({"sub": "1"})), None);
            format!("{}{}", forged, token.rsplit('.').next().unwrap())
        };
        let error = login(&double, &providers, changed).await.unwrap_err();
        assert!(error.to_string().contains("its signature is not valid"), "{error}");
    });
}

#[test]
fn oauth_google_addresses_that_nobody_vouches_for() {
    run(async {
        let double = Double::google().await;
        let providers = double.providers();
        for changes in [
            json!({"email_verified": false}),
            json!({"email_verified": null}),
            json!({"email": null}),
            json!({"email": "no address"}),
        ] {
            let sign = |begun: &StartedLogin| Key::of_google().sign(&claims(&double, begun, changes.clone()));
            let profile = login(&double, &providers, sign).await.unwrap();
            let error = profile.verified_email().unwrap_err();
            assert!(matches!(error, Error::NoVerifiedEmail(_)) && error.kind() == OauthErrorKind::Refused, "{changes}");
        }
        for picture in ["javascript:x", "https://example.com/a\u{0}.png", "https://example.com/a\n.png"] {
            let sign =
                |begun: &StartedLogin| Key::of_google().sign(&claims(&double, begun, json!({"picture": picture})));
            assert_eq!(login(&double, &providers, sign).await.unwrap().avatar_url, None);
        }
    });
}

#[test]
fn oauth_google_metadata_is_kept_for_an_hour() {
    run(async {
        let double = Double::google().await;
        let providers = double.providers();
        for _ in 0..2 {
            let sign = |begun: &StartedLogin| Key::of_google().sign(&claims(&double, begun, json!({})));
            login(&double, &providers, sign).await.unwrap();
        }
        assert_eq!(double.requests(DISCOVERY).await.len(), 1);
        providers.begin(Provider::Google, RedirectMode::Callback, now() + TimeDelta::minutes(61)).await.unwrap();
        assert_eq!(double.requests(DISCOVERY).await.len(), 2);
    });
}

#[test]
fn oauth_google_keys_that_are_newer_than_ours_are_looked_for_once() {
    run(async {
        let double = Double::google().await;
        let providers = double.providers();
        let begun = begin(&providers, Provider::Google).await;
        double.publishes(&[Key::other()], json!({})).await;
        let token = Key::other().sign(&claims(&double, &begun, json!({})));
        double.answers_once("POST", "/token", json(200, tokens(&token))).await;
        let later = now() + TimeDelta::minutes(1);
        let exchange = || providers.exchange(providers.check(Provider::Google, answer(&begun), now()).unwrap(), later);
        exchange().await.unwrap();
        assert_eq!(double.requests("/keys").await.len(), 1);
        // an unknown key
        let token = Key::of_google().sign(&claims(&double, &begun, json!({})));
        double.answers("POST", "/token", json(200, tokens(&token))).await;
        let error = exchange().await.unwrap_err();
        assert!(error.to_string().contains("unknown key"), "{error}");
        assert_eq!(double.requests("/keys").await.len(), 1);
    });
}

#[test]
fn oauth_google_that_fails() {
    run(async {
        let double = Double::google().await;
        let providers = double.providers();
        let huge = || ResponseTemplate::new(200).set_body_raw(vec![b' '; 1024 * 1024 + 1], "application/json");
        let error = |status, code: &str| json(status, json!({"error": code, "error_description": SECRET}));
        for (answer, expected) in [
            (ResponseTemplate::new(500).set_body_string(SECRET), ProviderFailure::Status(500)),
            (ResponseTemplate::new(302).insert_header("location", "/elsewhere"), ProviderFailure::Status(302)),
            (huge(), ProviderFailure::TooLong),
            (ResponseTemplate::new(200).set_body_string(format!("<{SECRET}>")), ProviderFailure::Unreadable),
            (json(200, json!({"token_type": "Bearer"})), ProviderFailure::Unreadable),
            (ResponseTemplate::new(400), ProviderFailure::Unreadable),
            (error(401, "invalid_client"), ProviderFailure::Refused("invalid_client".to_owned())),
            (error(400, "<b>S3CRET"), ProviderFailure::Refused("b".to_owned())),
        ] {
            double.answers_once("POST", "/token", answer).await;
            let begun = begin(&providers, Provider::Google).await;
            let error = complete(&providers, Provider::Google, &begun).await.unwrap_err();
            let Error::Provider { failure, .. } = &error else { panic!("{error:?}") };
            assert_eq!((failure, error.kind()), (&expected, OauthErrorKind::Provider));
        }
        assert!(double.requests("/elsewhere").await.is_empty(), "a redirect was followed");
        double.answers_once("POST", "/token", error(400, "invalid_grant")).await;
        let begun = begin(&providers, Provider::Google).await;
        let error = complete(&providers, Provider::Google, &begun).await.unwrap_err();
        assert!(matches!(error, Error::CodeRefused(_)) && error.kind() == OauthErrorKind::Browser, "{error:?}");
        // no ID token at all
        let mut bare = tokens("");
        merge(&mut bare, json!({"id_token": null}));
        double.answers_once("POST", "/token", json(200, bare)).await;
        let error = complete(&providers, Provider::Google, &begun).await.unwrap_err();
        assert!(error.to_string().contains("it is missing"), "{error}");
    });
}

/// What `begin` fails with.
async fn no_beginning(settings: OauthSettings) -> ProviderFailure {
    let providers = Providers::new(settings, flow_key(1)).unwrap();
    match providers.begin(Provider::Google, RedirectMode::Callback, now()).await {
        Err(Error::Provider { failure, .. }) => failure,
        other => panic!("{other:?}"),
    }
}

#[test]
fn oauth_google_whose_metadata_cannot_be_had() {
    run(async {
        let double = Double::google().await;
        for answer in [ResponseTemplate::new(503), ResponseTemplate::new(404), json(200, json!({}))] {
            double.server.reset().await;
            double.answers("GET", DISCOVERY, answer).await;
            let failure = no_beginning(double.settings()).await;
            assert!(matches!(failure, ProviderFailure::Status(503 | 404) | ProviderFailure::Unreadable), "{failure}");
        }
        let insecure = "http://192.0.2.1/x";
        for changes in [json!({"jwks_uri": insecure}), json!({"authorization_endpoint": insecure})] {
            double.publishes(&[Key::of_google()], changes).await;
            assert_eq!(no_beginning(double.settings()).await, ProviderFailure::Insecure);
        }
        double.publishes(&[Key::of_google()], json!({"issuer": "https://accounts.google.com"})).await;
        assert_eq!(no_beginning(double.settings()).await, ProviderFailure::Unreadable);
        double.publishes(&[Key::of_google()], json!({"token_endpoint": insecure})).await;
        let providers = double.providers();
        let begun = begin(&providers, Provider::Google).await;
        let error = complete(&providers, Provider::Google, &begun).await.unwrap_err();
        assert!(matches!(error, Error::Provider { failure: ProviderFailure::Insecure, .. }), "{error:?}");

        double.server.reset().await;
        double.answers("GET", DISCOVERY, ResponseTemplate::new(200).set_delay(Duration::from_secs(60))).await;
        let settings = OauthSettings { timeout: Duration::from_millis(50), ..double.settings() };
        assert_eq!(no_beginning(settings).await, ProviderFailure::Late);
        let settings = double.settings();
        drop(double);
        let mut settings = settings;
        settings.google_issuer = BaseUrl::parse(&format!("http://127.0.0.1:{}", free_port())).unwrap();
        assert!(matches!(no_beginning(settings).await, ProviderFailure::Unreachable(_)));
    });
}

#[test]
fn oauth_certificates_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let openssl = |arguments: &str| {
        let mut command = std::process::Command::new("openssl");
        command.args(arguments.split(' ')).current_dir(&folder).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let made = openssl("req -x509 -newkey rsa:2048 -nodes -days 2 -keyout key -out crt -subj /CN=localhost").status();
    assert!(made.unwrap().success());
    let port = free_port();
    let mut server = openssl(&format!("s_server -accept {port} -cert crt -key key -www -naccept 100")).spawn().unwrap();
    eventually("openssl listens", || TcpStream::connect(("127.0.0.1", port)).ok());
    let failure = run(async {
        let mut settings = Double::google().await.settings();
        settings.google_issuer = BaseUrl::parse(&format!("https://localhost:{port}")).unwrap();
        no_beginning(settings).await
    });
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(matches!(&failure, ProviderFailure::Unreachable(why) if why.contains("certificate")), "{failure:?}");
}
