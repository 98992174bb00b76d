//! Login with GitHub's test double: a complete login, the address that counts, and errors with status 200.

use authsvc::auth::oauth::{Error, OauthErrorKind, ProviderFailure, ProviderProfile};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entity::value::Provider;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use wiremock::ResponseTemplate;

use crate::support::providers::{CLIENT_ID, Double, SECRET, begin, complete, json, now, pairs, query, run};

const TOKEN: &str = "/login/oauth/access_token";

fn tokens() -> ResponseTemplate {
    json(
        200,
        json!({"access_token": format!("{SECRET}-access"), "scope": "read:user,user:email", "token_type": "bearer"}),
    )
}

fn user() -> Value {
    json!({"id": 583_231, "login": "ada", "name": "Ada", "avatar_url": "https://avatars.example.com/u/1", "email": null})
}

fn address(email: &str, primary: bool, verified: bool) -> Value {
    json!({"email": email, "primary": primary, "verified": verified, "visibility": null})
}

async fn login(double: &Double, user: Value, addresses: Value) -> Result<ProviderProfile, Error> {
    double.server.reset().await;
    double.answers("POST", TOKEN, tokens()).await;
    double.answers("GET", "/api/v3/user", json(200, user)).await;
    double.answers("GET", "/api/v3/user/emails", json(200, addresses)).await;
    let providers = double.providers();
    let begun = begin(&providers, Provider::Github).await;
    complete(&providers, Provider::Github, &begun).await
}

#[test]
fn oauth_github_from_beginning_to_end() {
    run(async {
        let double = Double::github().await;
        double.answers("POST", TOKEN, tokens()).await;
        double.answers("GET", "/api/v3/user", json(200, user())).await;
        let addresses = json!([address("old@example.com", false, true), address("ada@example.com", true, true)]);
        double.answers("GET", "/api/v3/user/emails", json(200, addresses)).await;
        let providers = double.providers();
        let begun = begin(&providers, Provider::Github).await;
        let query = query(&begun);
        assert!(begun.url.starts_with(&format!("{}/login/oauth/authorize?", double.server.uri())), "{}", begun.url);
        for (name, value) in [
            ("response_type", "code"),
            ("client_id", CLIENT_ID),
            ("scope", "read:user user:email"),
            ("code_challenge_method", "S256"),
            ("redirect_uri", "https://auth.example.com/auth/oauth/github/callback"),
            ("state", &begun.state),
        ] {
            assert_eq!(query[name], value, "{name}");
        }
        let profile = complete(&providers, Provider::Github, &begun).await.unwrap();
        assert_eq!((profile.provider, profile.provider_id.as_str()), (Provider::Github, "583231"));
        assert_eq!(profile.verified_email().unwrap().as_str(), "ada@example.com");
        assert_eq!(profile.name.as_deref(), Some("Ada"));
        assert!(profile.tokens.refresh.is_none() && profile.tokens.expires_at.is_none());

        let form = pairs(&double.requests(TOKEN).await[0].body);
        assert_eq!(form["code"], format!("{SECRET}-code"));
        assert_eq!(form["client_secret"], format!("{SECRET}-of-client"));
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
        assert_eq!(challenge, query["code_challenge"], "PKCE");
        for path in ["/api/v3/user", "/api/v3/user/emails"] {
            let request = &double.requests(path).await[0];
            assert_eq!(request.headers["authorization"], format!("Bearer {SECRET}-access"));
            assert!(request.headers["user-agent"].to_str().unwrap().starts_with("authsvc/"));
        }
    });
}

#[test]
fn oauth_github_only_a_verified_primary_address_counts() {
    run(async {
        let double = Double::github().await;
        for addresses in [
            json!([]),
            json!([address("ada@example.com", true, false)]),
            json!([address("ada@example.com", false, true)]),
            json!([address("ada@example.com", true, false), address("b@example.com", false, true)]),
            json!([address("no address", true, true)]),
            json!([address("a@ex..com", true, true)]),
        ] {
            let profile = login(&double, user(), addresses.clone()).await.unwrap();
            assert!(matches!(profile.verified_email().unwrap_err(), Error::NoVerifiedEmail(_)), "{addresses}");
        }
    });
}

#[test]
fn oauth_github_what_is_missing_or_unsafe() {
    run(async {
        let double = Double::github().await;
        let bare = json!({"id": 1, "login": "ada", "name": null, "avatar_url": "http://example.com/a.png"});
        let profile = login(&double, bare, json!([])).await.unwrap();
        assert_eq!((profile.name.as_deref(), profile.avatar_url), (Some("ada"), None));
        for picture in
            ["https://169.254.169.254/a", "https://u:p@example.com/a", "https://0x7f.1/a", "https://a.local/"]
        {
            let user = json!({"id": 1, "login": "ada", "name": null, "avatar_url": picture});
            assert_eq!(login(&double, user, json!([])).await.unwrap().avatar_url, None, "{picture}");
        }
        let error = login(&double, json!({"login": "ada"}), json!([])).await.unwrap_err();
        assert!(matches!(error, Error::Provider { failure: ProviderFailure::Unreadable, .. }), "{error:?}");
    });
}

#[test]
fn oauth_github_that_fails() {
    run(async {
        let double = Double::github().await;
        let providers = double.providers();
        let begun = begin(&providers, Provider::Github).await;
        // GitHub's errors have status 200
        let error = |code: &str| json(200, json!({"error": code, "error_description": SECRET, "error_uri": "x"}));
        double.answers_once("POST", TOKEN, error("bad_verification_code")).await;
        let refused = complete(&providers, Provider::Github, &begun).await.unwrap_err();
        assert!(matches!(refused, Error::CodeRefused(_)) && refused.kind() == OauthErrorKind::Browser, "{refused:?}");
        double.answers_once("POST", TOKEN, error("incorrect_client_credentials")).await;
        let refused = complete(&providers, Provider::Github, &begun).await.unwrap_err();
        assert_eq!(refused.to_string(), "GitHub: exchanging the code: it refused: incorrect_client_credentials");
        assert!(refused.hint().unwrap().contains("client id"), "{refused:?}");

        double.answers("POST", TOKEN, tokens()).await;
        for (answer, expected) in [
            (ResponseTemplate::new(401), ProviderFailure::Status(401)),
            (ResponseTemplate::new(301).insert_header("location", "/elsewhere"), ProviderFailure::Status(301)),
            (ResponseTemplate::new(502), ProviderFailure::Status(502)),
            (ResponseTemplate::new(200).set_body_string("{"), ProviderFailure::Unreadable),
            (ResponseTemplate::new(200).set_body_bytes(vec![b' '; 1024 * 1024 + 1]), ProviderFailure::TooLong),
        ] {
            double.answers_once("GET", "/api/v3/user", answer).await;
            let checked = crate::support::providers::answer(&begun);
            let checked = providers.check(Provider::Github, checked, now()).unwrap();
            let error = providers.exchange(checked, now()).await.unwrap_err();
            let Error::Provider { failure, .. } = &error else { panic!("{error:?}") };
            assert_eq!(failure, &expected);
        }
        assert!(double.requests("/elsewhere").await.is_empty(), "a redirect was followed");
    });
}
