//! A role without DDL: the documented grants are all that the service needs, and missing privileges are named.

use serde_json::{Value, json};

use crate::support::api::{self, Request, me, refresh};
use crate::support::logins::{ADA, google, log_in, program};
use crate::support::program::get;
use crate::support::visitor::Visitor;
use crate::support::{CANARY, CANARY_ENCODED, Cluster, Database, Engine, Program, eventually};

/// A role of the service on a migrated database, with the rights of docs/OPERATIONS.md.
struct ServiceRole {
    name: String,
    database: Database,
}

impl ServiceRole {
    fn new() -> Self {
        let mut database = Database::migrated(Engine::Postgres);
        let name = format!("service_{}", database.name());
        Cluster::shared().superuser(&format!("CREATE ROLE {name} LOGIN PASSWORD '{CANARY}'"));
        database.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC");
        for grant in granted() {
            let grant = grant.replace("DATABASE authsvc ", &format!("DATABASE {} ", database.name()));
            database.execute(&grant.replace("authsvc_service", &name));
        }
        database.url = database.url.replace(&format!("app:{CANARY_ENCODED}"), &format!("{name}:{CANARY_ENCODED}"));
        Self { name, database }
    }

    /// Without one right; and the statement that gives it back.
    fn without(&self, privilege: &str, object: &str) -> String {
        self.database.execute(&format!("REVOKE {privilege} ON {object} FROM {}", self.name));
        format!("GRANT {privilege} ON {object} TO {}", self.name)
    }

    fn health(&self) -> Value {
        let outcome = Program::on(&self.database).env("AUTHSVC_ENV", "test").run(&["health"]);
        outcome.json()
    }
}

/// The GRANT statements of the section.
fn granted() -> Vec<String> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/OPERATIONS.md");
    let text = std::fs::read_to_string(path).unwrap();
    let section = text.split("## A service role without DDL").nth(1).unwrap().split("\n## ").next().unwrap();
    let is_of_role = |line: &&str| line.starts_with("GRANT ") && line.ends_with(" TO authsvc_service;");
    let grants: Vec<String> = section.lines().filter(is_of_role).map(str::to_owned).collect();
    assert!(grants.len() >= 6, "{grants:?}");
    grants
}

/// Every single right of them: a privilege, and the object as SQL writes it.
fn rights() -> Vec<(String, String)> {
    let mut rights = Vec::new();
    for grant in granted() {
        let (privileges, rest) = grant.strip_prefix("GRANT ").unwrap().split_once(" ON ").unwrap();
        let objects = rest.split(" TO ").next().unwrap();
        let (kind, objects) = match objects.split_once(' ') {
            Some((kind @ ("SEQUENCE" | "SCHEMA" | "DATABASE"), objects)) => (format!("{kind} "), objects),
            _ => (String::new(), objects),
        };
        for privilege in privileges.split(", ") {
            rights.extend(objects.split(", ").map(|object| (privilege.to_owned(), format!("{kind}{object}"))));
        }
    }
    rights
}

#[test]
fn what_the_documents_grant_is_all_that_the_service_needs() {
    let role = ServiceRole::new();
    let double = google();
    let server = program(&role.database, &double).env("AUTHSVC_PASSWORD_RATE_LIMIT", "off").serve().ready();
    let at = server.public;
    api::register(at, "ada").status(201);
    api::log_in(at, "ada@example.com", "wrong password").status(401);
    api::log_in(at, "nobody@example.com", "wrong password").status(401);
    let (access, token) = api::log_in(at, "ada@example.com", "a long password").status(200).tokens();
    // a token whose follower is unused is accepted again; a used follower makes it a stolen one
    refresh(at, &token).status(200);
    let (_, next) = refresh(at, &token).status(200).tokens();
    let (_, last) = refresh(at, &next).status(200).tokens();
    refresh(at, &token).status(401);
    refresh(at, &last).status(401);
    let (access_again, token) = api::log_in(at, "ada@example.com", "a long password").status(200).tokens();
    me(at, &access_again).status(200);
    let change = Request::new("PATCH", "/api/me").json(&json!({"username": "countess"})).bearer(&access_again);
    change.send(at).status(200);
    Request::new("GET", "/api/me/sessions").bearer(&access_again).send(at).status(200);
    Request::post("/auth/logout", &json!({"refresh_token": token})).send(at).status(204);
    log_in(&double, &mut Visitor::of(at), crate::support::logins::Person { email: "grace@example.com", ..ADA })
        .status(200);
    log_in(&double, &mut Visitor::of(at), crate::support::logins::Person { email: "grace@example.com", ..ADA })
        .status(200);
    drop(access);
    let (status, report) = get(server.admin, "/health").unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!((status, &report["status"]), (200, &json!("healthy")), "{report}");
    let log = server.stop().success().stderr;
    assert!(!log.contains("42501") && !log.contains("permission denied"), "{log}");
    let command = Program::on(&role.database).env("AUTHSVC_ENV", "test");
    role.database.execute("UPDATE refresh_tokens SET expires_at = now() - INTERVAL '1 day'; UPDATE auth_events SET occurred_at = now() - INTERVAL '9 years'; \
        INSERT INTO login_throttles (subject, failures, last_failed_at, blocked_until) VALUES ('old', 1, now() - INTERVAL '9 days', NULL); INSERT INTO oauth_states VALUES ('old', now() - INTERVAL '9 days'); \
        UPDATE known_devices SET last_login_at = now() - INTERVAL '99 days'; \
        INSERT INTO maintenance_runs (kind, started_at) VALUES ('backup', now() - INTERVAL '9 years'); UPDATE oauth_providers SET expires_at = now() - INTERVAL '1 day'");
    for arguments in
        [&["cleanup"][..], &["backup"], &["status", "--check"], &["health"], &["detailed-health"], &["migrate"]]
    {
        let outcome = command.run(arguments).success();
        assert!(!outcome.stderr.contains("permission denied"), "{arguments:?}: {}", outcome.stderr);
    }
    assert_eq!(role.health()["status"], "healthy");
    assert_eq!(
        role.database
            .one("SELECT count(*) FROM maintenance_runs WHERE kind IN ('cleanup', 'backup') AND outcome = 'succeeded'"),
        "2"
    );
    let error = command.env("AUTHSVC_ENV", "test").run(&["rollback", "--yes", "--no-safety-backup"]).code(1).error();
    assert!(error.contains("42501") && error.contains("with a role that may change the schema"), "{error}");
}

#[test]
fn each_right_that_is_missing_is_named() {
    let role = ServiceRole::new();
    assert!(!role.health()["errors"].to_string().contains("rights"), "{}", role.health());
    let mut seen = 0;
    for (privilege, object) in rights() {
        // the first two are needed to connect at all, and PUBLIC has the one
        if object.starts_with("DATABASE") || object.starts_with("SCHEMA") {
            continue;
        }
        let back = role.without(&privilege, &object);
        let report = role.health();
        let errors = report["errors"].to_string();
        let (right, grant) =
            (format!("{privilege} ON {object}"), format!("GRANT {privilege} ON {object} TO {}", role.name));
        if object == "authsvc_migrations" {
            assert!(errors.contains("permission denied for table authsvc_migrations"), "{right}: {report}");
        } else {
            assert_eq!(report["status"], "degraded", "{right}: {report}");
            assert!(errors.contains(&right) && errors.contains(&grant), "{right}: {report}");
        }
        role.database.execute(&back);
        seen += 1;
    }
    assert!(seen > 35, "{seen}");
    assert!(!role.health()["errors"].to_string().contains("rights"));
    role.without("USAGE", "SCHEMA public");
    assert!(role.health().to_string().contains("no schema of its search_path"), "{}", role.health());
}

#[test]
fn a_role_that_cannot_log_accounts_in_is_not_ready_and_one_that_cannot_register_is() {
    let role = ServiceRole::new();
    let back = role.without("USAGE", "SEQUENCE refresh_tokens_id_seq");
    let server = Program::on(&role.database).env("AUTHSVC_ENV", "test").serve();
    let told = eventually("the reason", || {
        get(server.public, "/readyz").filter(|(status, body)| *status == 503 && body.contains("refresh_tokens_id_seq"))
    });
    assert!(told.1.contains("waiting_for_database") && told.1.contains("no account can log in"), "{}", told.1);
    role.database.execute(&back);
    let server = server.ready();
    role.without("USAGE", "SEQUENCE users_id_seq");
    let report = eventually("the finding", || {
        let report: Value = serde_json::from_str(&get(server.admin, "/health").unwrap().1).unwrap();
        (report["status"] == "degraded").then_some(report)
    });
    let errors = report["errors"].to_string();
    assert!(errors.contains("USAGE ON SEQUENCE users_id_seq") && errors.contains("registering fail"), "{report}");
    assert_eq!(get(server.public, "/readyz").unwrap().0, 200, "who has an account can log in");
    api::register(server.public, "ada").status(500);
    let back = role.without("UPDATE", "users");
    let report = eventually("the worse finding", || {
        let (status, report) = get(server.admin, "/health").unwrap();
        let report: Value = serde_json::from_str(&report).unwrap();
        (status == 503).then_some(report)
    });
    assert_eq!(report["status"], "unhealthy");
    role.database.execute(&back);
    server.stop().success();
    let program = Program::on(&role.database).env("AUTHSVC_DATABASE_WAIT", "2s").env("AUTHSVC_LISTEN", "127.0.0.1:0");
    role.without("INSERT", "auth_events");
    let error = program.env("AUTHSVC_ADMIN_LISTEN", "127.0.0.1:0").run(&["serve"]).code(1).error();
    assert!(error.contains("INSERT ON auth_events") && error.contains("grant the rights"), "{error}");
}

#[test]
fn a_right_to_single_columns_is_a_right() {
    let role = ServiceRole::new();
    role.without("UPDATE", "users");
    role.database.execute(&format!(
        "GRANT UPDATE (email, username, password_hash, avatar_url, last_login, email_verified, active, failed_login_count, locked_until, updated_at) \
         ON users TO {}",
        role.name
    ));
    assert!(!role.health()["errors"].to_string().contains("rights"), "{}", role.health());
}

#[test]
fn row_security_that_hides_rows_is_reported() {
    let role = ServiceRole::new();
    role.database.execute("ALTER TABLE users ENABLE ROW LEVEL SECURITY");
    let report = role.health();
    assert!(report["errors"].to_string().contains("row security of users hides every row"), "{report}");
    role.database.execute("CREATE POLICY everything ON users USING (TRUE)");
    let report = role.health();
    assert!(report["errors"].to_string().contains("row security of users can hide rows"), "{report}");
    // the owner is not subject to it
    let owner = role.database.url.replace(&role.name, "app");
    let report =
        Program::new().env("DATABASE_URL", &owner).env("AUTHSVC_ENV", "test").run(&["health"]).success().json();
    assert!(!report["errors"].to_string().contains("rights: "), "{report}");
}
