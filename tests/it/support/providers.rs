//! Local test doubles of Google and GitHub. Google's double signs with real keys, by another library than the one that
//! verifies.

use std::collections::HashMap;
use std::future::Future;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use authsvc::auth::BaseUrl;
use authsvc::auth::oauth::{
    CallbackParams, Error, FlowKey, OauthClient, OauthSettings, ProviderProfile, Providers, RedirectMode, StartedLogin,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use entity::value::Provider;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::SecretSlice;
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// Part of every secret of these tests: nothing that is printed may hold it.
pub(crate) const SECRET: &str = "s3cret";
pub(crate) const CLIENT_ID: &str = "our-client";

/// The time of these tests.
pub(crate) fn now() -> DateTime<Utc> {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

/// An RSA key.
pub(crate) struct Key {
    pub(crate) id: &'static str,
    pub(crate) public: String,
    private: String,
    modulus: String,
}

impl Key {
    /// The one that Google signs with.
    pub(crate) fn of_google() -> &'static Self {
        static KEY: OnceLock<Key> = OnceLock::new();
        KEY.get_or_init(|| Self::make("first"))
    }

    /// Another's.
    pub(crate) fn other() -> &'static Self {
        static KEY: OnceLock<Key> = OnceLock::new();
        KEY.get_or_init(|| Self::make("second"))
    }

    fn make(id: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let openssl = |arguments: &str| {
            let output = Command::new("openssl").args(arguments.split(' ')).current_dir(&folder).output().unwrap();
            assert!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        openssl("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key");
        let modulus = openssl("rsa -in key -noout -modulus");
        let hex = modulus.trim().strip_prefix("Modulus=").unwrap();
        let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
        Self {
            id,
            public: openssl("rsa -in key -pubout"),
            private: std::fs::read_to_string(folder.path().join("key")).unwrap(),
            modulus: URL_SAFE_NO_PAD.encode(bytes),
        }
    }

    fn jwk(&self) -> Value {
        json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.id, "n": self.modulus, "e": "AQAB"})
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_as(claims, self.id)
    }

    /// Names another key in the header.
    pub(crate) fn sign_as(&self, claims: &Value, id: &str) -> String {
        let header = Header { kid: Some(id.to_owned()), ..Header::new(Algorithm::RS256) };
        jsonwebtoken::encode(&header, claims, &EncodingKey::from_rsa_pem(self.private.as_bytes()).unwrap()).unwrap()
    }
}

/// A token with any header, signed with a shared secret if there is one.
pub(crate) fn forged(algorithm: &str, claims: &Value, secret: Option<&[u8]>) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(json!({"alg": algorithm, "kid": Key::of_google().id})), part(claims.clone()));
    let sign = |secret| {
        let key = EncodingKey::from_secret(secret);
        jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap()
    };
    format!("{message}.{}", secret.map(sign).unwrap_or_default())
}

/// Any of the two.
pub(crate) struct Double {
    pub(crate) server: MockServer,
}

impl Double {
    pub(crate) async fn google() -> Self {
        let double = Self { server: MockServer::start().await };
        double.publishes(&[Key::of_google()], json!({})).await;
        double
    }

    pub(crate) async fn github() -> Self {
        Self { server: MockServer::start().await }
    }

    /// Forgets everything, then answers with these keys, and with these changes of the metadata.
    pub(crate) async fn publishes(&self, keys: &[&Key], changes: Value) {
        let base = self.server.uri();
        let mut metadata = json!({
            "issuer": base, "authorization_endpoint": format!("{base}/authorize"), "jwks_uri": format!("{base}/keys"),
            "token_endpoint": format!("{base}/token"), "response_types_supported": ["code"],
            "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        });
        merge(&mut metadata, changes);
        let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
        self.server.reset().await;
        self.answers("GET", "/.well-known/openid-configuration", json(200, metadata)).await;
        self.answers("GET", "/keys", json(200, json!({"keys": keys}))).await;
    }

    /// The first answer that was set takes precedence over later ones.
    pub(crate) async fn answers(&self, verb: &str, at: &str, answer: ResponseTemplate) {
        Mock::given(method(verb)).and(path(at)).respond_with(answer).mount(&self.server).await;
    }

    /// The same, for one request.
    pub(crate) async fn answers_once(&self, verb: &str, at: &str, answer: ResponseTemplate) {
        Mock::given(method(verb)).and(path(at)).respond_with(answer).up_to_n_times(1).mount(&self.server).await;
    }

    /// The requests of a path.
    pub(crate) async fn requests(&self, path: &str) -> Vec<Request> {
        let all = self.server.received_requests().await.unwrap();
        all.into_iter().filter(|request| request.url.path() == path).collect()
    }

    pub(crate) fn settings(&self) -> OauthSettings {
        let url = |text: &str| BaseUrl::parse(text).unwrap();
        let client = OauthClient { id: CLIENT_ID.to_owned(), secret: format!("{SECRET}-of-client").into() };
        OauthSettings {
            google: Some(client.clone()),
            github: Some(client),
            public_url: url("https://auth.example.com/"),
            page_url: None,
            google_issuer: url(&self.server.uri()),
            github_url: url(&self.server.uri()),
            github_api_url: url(&format!("{}/api/v3", self.server.uri())),
            timeout: Duration::from_secs(20),
        }
    }

    pub(crate) fn providers(&self) -> Providers {
        Providers::new(self.settings(), flow_key(7)).unwrap()
    }
}

pub(crate) fn flow_key(byte: u8) -> FlowKey {
    FlowKey::derived_from(&SecretSlice::from(vec![byte; 32]))
}

pub(crate) fn json(status: u16, body: Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

/// `null` takes a member away.
pub(crate) fn merge(into: &mut Value, changes: Value) {
    let Value::Object(changes) = changes else { panic!("not an object") };
    for (name, value) in changes {
        match value {
            Value::Null => drop(into.as_object_mut().unwrap().remove(&name)),
            value => into[name] = value,
        }
    }
}

/// The pairs of a query or of a form.
pub(crate) fn pairs(form: &[u8]) -> HashMap<String, String> {
    url::form_urlencoded::parse(form).into_owned().collect()
}

pub(crate) fn query(begun: &StartedLogin) -> HashMap<String, String> {
    pairs(url::Url::parse(&begun.url).unwrap().query().unwrap().as_bytes())
}

/// A browser that comes back as it should.
pub(crate) fn answer(begun: &StartedLogin) -> CallbackParams {
    CallbackParams {
        state: Some(begun.state.clone()),
        code: Some(format!("{SECRET}-code").into()),
        error: None,
        cookie: Some(begun.cookie.clone()),
    }
}

pub(crate) async fn begin(providers: &Providers, provider: Provider) -> StartedLogin {
    providers.begin(provider, RedirectMode::Callback, now()).await.unwrap()
}

/// The rest of a login that was begun.
pub(crate) async fn complete(
    providers: &Providers,
    provider: Provider,
    begun: &StartedLogin,
) -> Result<ProviderProfile, Error> {
    let result = match providers.check(provider, answer(begun), now()) {
        Ok(checked) => providers.exchange(checked, now()).await,
        Err(error) => Err(error),
    };
    if let Err(error) = &result {
        let shown = format!("{error} {error:?} {:?}", error.hint());
        assert!(!shown.contains(SECRET), "{shown}");
    }
    result
}
