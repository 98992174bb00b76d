//! The five classes of account pre-hijacking (Sudhodanan and Paverd, 2022). In each, the owner of an address later logs
//! in with a provider. Nothing that the attacker prepared gives access.

use serde_json::{Value, json};

use crate::support::api::{Request, log_in as enter, me, refresh};
use crate::support::database::ENGINES;
use crate::support::logins::{ADA, Person, google, knows_at_github, log_in, program, register};
use crate::support::program::Server;
use crate::support::providers::Double;
use crate::support::visitor::Visitor;
use crate::support::{Database, Engine};

const PASSWORD: &str = "correct horse battery";
const EVE: Person = Person { id: 666, email: "eve@example.com", is_verified: true, name: "Eve" };

/// A service with both providers, and an account that an attacker registered with Ada's address.
struct Scene {
    database: Database,
    double: Double,
    server: Server,
    attacker: Visitor,
    prepared: Value,
}

impl Scene {
    fn on(engine: Engine) -> Self {
        let (database, double) = (Database::migrated(engine), google());
        let server = program(&database, &double).env("AUTHSVC_PASSWORD_RATE_LIMIT", "off").serve().ready();
        let mut attacker = Visitor::of(server.public);
        let prepared = register(&mut attacker, "ada@example.com");
        Self { database, double, server, attacker, prepared }
    }

    /// Ada comes through Google for the first time.
    fn ada_enters(&self) -> Value {
        log_in(&self.double, &mut Visitor::of(self.server.public), ADA).status(200).json()
    }

    /// Nothing that the attacker has opens an account.
    fn attacker_is_outside(&self) {
        let to = self.server.public;
        let text = |name: &str| self.prepared[name].as_str().unwrap();
        me(to, text("access_token")).refused(401, "access_token");
        refresh(to, text("refresh_token")).refused(401, "refresh_token");
        enter(to, "ada@example.com", PASSWORD).refused(401, "credentials");
        let live = "SELECT count(*) FROM refresh_tokens WHERE NOT revoked";
        assert_eq!(self.database.one(live), "1", "only Ada's session is left");
    }
}

#[test]
fn classic_federated_merge_and_unexpired_session() {
    for engine in ENGINES {
        for verified in ["FALSE", "TRUE"] {
            let scene = Scene::on(engine);
            enter(scene.server.public, "ada@example.com", PASSWORD).status(200);
            // an earlier version took the click of the owner for a proof
            scene.database.execute(&format!(
                "UPDATE users SET email_verified = {verified}, avatar_url = 'https://example.com/eve.png'"
            ));
            let entered = scene.ada_enters();
            assert_eq!(entered["user"]["id"], scene.prepared["user"]["id"], "{engine:?}");
            assert_eq!(
                (&entered["user"]["provider"], &entered["user"]["email_verified"]),
                (&"google".into(), &true.into())
            );
            let picture =
                if verified == "TRUE" { "https://example.com/eve.png" } else { "https://example.com/ada.png" };
            assert_eq!(entered["user"]["avatar"], picture);
            scene.attacker_is_outside();
            assert_eq!(
                scene.database.one("SELECT count(*) FROM users WHERE password_hash = '' AND provisional_uses IS NULL"),
                "1"
            );
            let detail = if verified == "TRUE" {
                "google; the first link: the password is erased and every session is ended"
            } else {
                "google; the address was unverified: password, other links and picture are erased and every session is ended"
            };
            assert_eq!(scene.database.one("SELECT detail FROM auth_events WHERE kind = 'oauth_linked'"), detail);
            // later logins and a second provider end nothing
            let first = entered["access_token"].as_str().unwrap();
            scene.ada_enters();
            knows_at_github(&scene.double, ADA);
            let mut ada = Visitor::of(scene.server.public);
            let begun = ada.get("/auth/oauth/state/github").status(200).json();
            let given = json!({"code": "cAn4ry", "state": begun["state"]});
            ada.post("/auth/oauth/github", &given).status(200);
            me(scene.server.public, first).status(200);
            assert_eq!(scene.database.one("SELECT count(*) FROM oauth_providers"), "2");
            scene.server.stop().success();
        }
    }
}

#[test]
fn trojan_identifier() {
    for engine in ENGINES {
        let mut scene = Scene::on(engine);
        // an earlier service linked the attacker's account at Google, by a row, and at GitHub, by the account's own
        // columns
        scene.database.execute(
            "UPDATE users SET provider = 'github', provider_id = '666', password_hash = '';
             INSERT INTO oauth_providers (user_id, provider, provider_id) SELECT id, 'google', '666' FROM users",
        );
        let entered = scene.ada_enters();
        assert_eq!(entered["user"]["id"], scene.prepared["user"]["id"]);
        scene.attacker_is_outside();
        let by_google = log_in(&scene.double, &mut scene.attacker, EVE).status(200).json();
        knows_at_github(&scene.double, EVE);
        let begun = scene.attacker.get("/auth/oauth/state/github").status(200).json();
        let given = json!({"code": "cAn4ry", "state": begun["state"]});
        let by_github = scene.attacker.post("/auth/oauth/github", &given).status(200).json();
        for session in [by_google, by_github] {
            assert_ne!(session["user"]["id"], entered["user"]["id"], "{engine:?}");
            assert_eq!(session["user"]["email"], "eve@example.com");
        }
        assert_eq!(scene.database.one("SELECT count(*) FROM oauth_providers WHERE user_id = 1"), "1");
        scene.server.stop().success();
    }
}

/// There is no change of an address yet. What is left of the class is the token that was mailed before the owner came:
/// it opens nothing, with or without what the attacker has.
#[test]
fn unexpired_email_change() {
    for engine in ENGINES {
        let (database, double) = (Database::migrated(engine), google());
        let serve = || {
            let program = program(&database, &double).env("AUTHSVC_ENV", "development");
            program.env("AUTHSVC_PASSWORD_RATE_LIMIT", "off")
        };
        let key = crate::accounts::signing_key();
        let first = serve().env("AUTHSVC_JWT_KEY", &key).env("AUTHSVC_PUBLIC_URL", "http://localhost").serve().ready();
        let prepared = register(&mut Visitor::of(first.public), "grete@example.com");
        let log = first.stop().success().stderr;
        let token = log.split("token=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let server = serve().env("AUTHSVC_JWT_KEY", &key).env("AUTHSVC_PUBLIC_URL", "http://localhost").serve().ready();
        let verify = |body: Value| Request::post("/auth/verify-email", &body);
        // the owner clicks on the link
        verify(json!({"token": token})).send(server.public).refused(401, "verification_proof");
        let grete = Person { email: "grete@example.com", ..ADA };
        log_in(&double, &mut Visitor::of(server.public), grete).status(200);
        let access = prepared["access_token"].as_str().unwrap();
        verify(json!({"token": token})).bearer(access).send(server.public).refused(401, "access_token");
        let with_password = verify(json!({"token": token, "password": PASSWORD})).send(server.public);
        with_password.refused(403, "current_password");
        server.stop().success();
    }
}

#[test]
fn non_verifying_identity_provider() {
    for engine in ENGINES {
        let scene = Scene::on(engine);
        // the attacker's account at a provider says that it has Ada's address
        for id in [ADA.id, EVE.id] {
            let liar = Person { id, is_verified: false, ..ADA };
            log_in(&scene.double, &mut Visitor::of(scene.server.public), liar).refused(403, "no_verified_email");
        }
        assert_eq!(scene.database.one("SELECT count(*) FROM oauth_providers"), "0");
        let access = scene.prepared["access_token"].as_str().unwrap();
        me(scene.server.public, access).status(200);
        scene.ada_enters();
        scene.attacker_is_outside();
        scene.server.stop().success();
    }
}
