//! The promises of the documents: tests behind the README's promises, and the state after the blocks of each section.

use serde_json::Value;

use crate::accounts::signing_key;
use crate::documents::{Place, Situation};
use crate::support::api::{log_in, me};
use crate::support::database::query;
use crate::support::program::Server;
use crate::support::{Database, Engine, Program};

const PASSWORD: &str = "correct-horse-battery";

impl Place {
    /// Of the database that the section is about.
    fn url(&self) -> String {
        match (&self.database, &self.cluster) {
            (Some(database), _) => database.url.clone(),
            (None, Some(cluster)) => cluster.superuser_url("authsvc"),
            (None, None) => format!("sqlite:{}", self.directory().join("authsvc.db").display()),
        }
    }

    fn rows(&self, sql: &str) -> Vec<String> {
        match &self.database {
            Some(database) => database.query(sql),
            None => query(&self.url(), sql),
        }
    }

    fn one(&self, sql: &str) -> String {
        self.rows(sql).remove(0)
    }

    /// Metadata of the backups, oldest first.
    fn backups(&self) -> Vec<Value> {
        let entries = std::fs::read_dir(self.directory().join("backups")).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let metadata = paths.iter().filter(|path| path.extension().is_some_and(|ending| ending == "meta"));
        metadata.map(|path| serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()).collect()
    }

    fn serve(&self) -> Server {
        let program = Program::new().env("DATABASE_URL", &self.url()).env("AUTHSVC_ENV", "test");
        program.env("AUTHSVC_JWT_KEY", &signing_key()).env("AUTHSVC_PASSWORD_RATE_LIMIT", "off").serve().ready()
    }

    fn has_database(&self, name: &str) -> bool {
        !self.rows(&format!("SELECT 1 FROM pg_database WHERE datname = '{name}'")).is_empty()
    }
}

#[test]
fn every_promise_of_the_readme_links_a_file_with_its_tests() {
    let section = include_str!("../../README.md").split("## Twelve promises").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let promises: Vec<&str> = section.split("\n- **P").skip(1).collect();
    assert_eq!(promises.len(), 12);
    for (number, promise) in (1..).zip(promises) {
        assert!(promise.starts_with(&format!("{number}** ")), "P{number} is missing: {promise}");
        let links = promise.split("[tests](").skip(1).map(|rest| rest.split(')').next().unwrap());
        let files = links.map(|link| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(link));
        let texts: Vec<String> = files.map(|file| std::fs::read_to_string(file).unwrap()).collect();
        let named = format!("p{number}_");
        let holds =
            |text: &String| text.split("#[test]").skip(1).any(|test| test.split('(').next().unwrap().contains(&named));
        assert!(!texts.is_empty() && texts.iter().all(holds), "P{number} has no test named {named}");
    }
}

const APPLIED: &str = "SELECT count(*) FROM authsvc_migrations";
const LIVE: &str = "SELECT count(*) FROM refresh_tokens WHERE NOT revoked";

/// Asserts what the text around a section's blocks says of their effect.
#[track_caller]
pub(crate) fn check(section: &str, situation: Situation, place: &Place, stdout: &str) {
    use Situation::{Accounts, Earlier, Moving, Owned, Postgres, Served, Server, Sqlite};
    match (section, situation) {
        ("A database for it", Server) => {
            let role = "SELECT pg_get_userbyid(datdba), (SELECT rolcreatedb FROM pg_roles WHERE rolname = 'authsvc')::text \
                        FROM pg_database WHERE datname = 'authsvc'";
            assert_eq!(place.one(role), "authsvc|true");
            assert_eq!(place.one("SELECT count(*) FROM pg_extension WHERE extname = 'pg_stat_statements'"), "1");
            assert_ne!(place.one(APPLIED), "0");
            assert_eq!(place.one("SELECT pg_has_role('authsvc', 'pg_monitor', 'MEMBER')::text"), "true");
        }
        ("A service role without DDL", Owned) => is_a_service_role(place, stdout),
        ("A database of the legacy manager", Earlier) => {
            assert!(!place.has_database("copy_of_earlier") && place.directory().join("before.sql.gz").exists());
            assert_ne!(place.one(APPLIED), "0");
            assert_eq!(place.backups().len(), 1);
        }
        ("From SQLite to PostgreSQL", Moving) => {
            let file = format!("sqlite:{}", place.directory().join("authsvc.db").display());
            let users = "SELECT id, email, username, password_hash FROM users ORDER BY users.id";
            assert_eq!(place.rows(&users.replace("id,", "id::text,")), query(&file, users), "ids are as they were");
            let server = place.serve();
            log_in(server.public, "ada@example.com", PASSWORD).status(200);
            server.stop().success();
        }
        ("The database's password", Owned) => {
            assert_eq!(place.one("SELECT rolcanlogin::text FROM pg_roles WHERE rolname = 'authsvc'"), "false");
            let owners = "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relname IN ('users', 'maintenance_runs')";
            assert_eq!(place.rows(owners), ["authsvc"]);
            assert_eq!(place.backups().len(), 1);
        }
        ("Accounts", Accounts | Sqlite) => are_as_promised(place, stdout),
        ("An account whose address was taken over", Accounts) => {
            assert!(stdout.contains("account 42 took the address over"), "{stdout}");
            let held = "SELECT string_agg(id || ' ' || active || ' ' || username, ', ' ORDER BY id) FROM users WHERE email = 'ada@example.org' \
                        AND deleted_at IS NULL AND provisional_uses IS NULL";
            assert_eq!(place.one(held), "17 true ada.lovelace");
            assert_eq!(place.one("SELECT active::text FROM users WHERE id = 42"), "false");
        }
        ("When you are paged", Served) => assert!(stdout.contains("authsvc_database_up 1"), "{stdout}"),
        ("Two commands", Served) => assert!(stdout.contains("\"access_token\""), "{stdout}"),
        (section, Sqlite) => check_on_sqlite(section, place),
        (section, Postgres) => check_on_postgres(section, place),
        (section, situation) => panic!("{section}, {situation:?}: what does the document promise?"),
    }
}

#[track_caller]
fn check_on_sqlite(section: &str, place: &Place) {
    match section {
        "Backups" => {
            assert_eq!(place.backups().len(), 1);
            assert!(place.backups()[0]["verified_at"].is_string(), "the second command proves it");
            assert_eq!(std::fs::read_dir(place.directory().join("copies")).unwrap().count(), 2);
        }
        "Restore without this program" => {
            let copy = format!("sqlite:{}", place.directory().join("new.db").display());
            assert_eq!(query(&copy, "SELECT count(*) FROM users"), place.rows("SELECT count(*) FROM users"));
        }
        "When rows are lost" => {
            assert_eq!(place.backups().len(), 2, "what is there is backed up first");
            assert_ne!(place.one("SELECT count(*) FROM users"), "0");
        }
        "The signing key" => {
            let file =
                |step: u8| std::fs::read_to_string(place.directory().join(format!("jwt-key-{step}.pem"))).unwrap();
            assert_eq!(
                file(2),
                file(3) + file(1).split("-----END PRIVATE KEY-----\n").next().unwrap() + "-----END PRIVATE KEY-----\n"
            );
        }
        "The providers' tokens" => {
            let lines =
                |step: u8| std::fs::read_to_string(place.directory().join(format!("encryption-{step}"))).unwrap();
            let (first, second) = (lines(1), lines(2));
            assert_eq!(first.lines().rev().collect::<Vec<_>>(), second.lines().collect::<Vec<_>>());
        }
        "Secrets" => {
            let secrets = place.directory().join("secrets");
            assert_eq!(std::fs::read_dir(secrets).unwrap().count(), 4, "the last line makes nothing");
        }
        section => panic!("{section} on SQLite: what does the document promise?"),
    }
}

#[track_caller]
fn check_on_postgres(section: &str, place: &Place) {
    match section {
        "Restore without this program" => {
            let copy = place.url().replace(&format!("/{}", place.database.as_ref().unwrap().name()), "/empty_one");
            assert_eq!(query(&copy, "SELECT count(*) FROM users"), place.rows("SELECT count(*) FROM users"));
            // the name is the document's, and the server is shared
            place.database.as_ref().unwrap().execute("DROP DATABASE empty_one");
        }
        "A restore drill" => {
            assert_eq!(place.backups().len(), 1);
            assert!(
                !place.has_database("drill") && !place.has_database("drill_by_hand"),
                "they are dropped at the end"
            );
        }
        "When rows are lost" => {
            assert_eq!(place.one(LIVE), "0", "all sessions are ended");
            assert_eq!(place.one("SELECT count(*) FROM refresh_tokens WHERE revoked AND token_hash = 'live' AND revoked_at IS NOT NULL"), "1");
        }
        "Which database it is" => {
            // every migrated database of the tests is a copy of one, and so has its id
            let original = Database::migrated(Engine::Postgres);
            for column in ["database_id", "epoch"] {
                let sql = format!("SELECT {column} FROM database_identity");
                assert_ne!(place.one(&sql), original.one(&sql), "{column}");
            }
        }
        "Upgrading" => {
            assert!(place.directory().join("pending.sql").exists() && place.directory().join("report.json").exists());
            assert!(place.backups()[0]["verified_at"].is_string(), "the backup is proven");
        }
        "Going back" => {
            assert_eq!(place.one("SELECT max(version) FROM authsvc_migrations"), "009_maintenance_runs");
            assert_eq!(place.backups().len(), 1, "a safety backup is made");
        }
        section => panic!("{section} on PostgreSQL: what does the document promise?"),
    }
}

/// The section's accounts: unlocked, deactivated, without sessions, listed.
fn are_as_promised(place: &Place, stdout: &str) {
    assert_eq!(place.one(LIVE.replace("NOT revoked", "NOT revoked AND token_hash = 'live'").as_str()), "0");
    assert_eq!(place.one("SELECT count(*) FROM login_throttles"), "0");
    assert!(stdout.contains("kind") || place.database.is_none(), "{stdout}");
    let server = place.serve();
    let (token, _) = log_in(server.public, "locked@example.com", PASSWORD).status(200).tokens();
    me(server.public, &token).status(200);
    log_in(server.public, "grace@example.com", PASSWORD).status(401);
    log_in(server.public, "ada@example.com", PASSWORD).status(200);
    server.stop().success();
}

/// The role of the service has every right that it needs, and none to change the schema.
fn is_a_service_role(place: &Place, stdout: &str) {
    let report: Value = serde_json::from_str(&stdout[stdout.rfind("\n{\n").unwrap()..]).unwrap();
    assert_eq!(report["database"]["connected"], true, "{report}");
    assert!(!report["errors"].to_string().contains("rights"), "{report}");
    assert_eq!(place.backups().len(), 1);
    let owned = "SELECT count(*) FROM pg_class WHERE pg_get_userbyid(relowner) = 'authsvc_service'";
    assert_eq!(place.one(owned), "0");
    assert_eq!(place.one("SELECT has_schema_privilege('authsvc_service', 'public', 'CREATE')::text"), "false");
    // a later migration's table, made by the role that migrates
    place.rows("SET ROLE authsvc; CREATE TABLE later (id BIGSERIAL PRIMARY KEY)");
    let rights = "SELECT (has_table_privilege('authsvc_service', 'later', 'SELECT') AND has_table_privilege('authsvc_service', 'later', 'DELETE') \
                  AND has_sequence_privilege('authsvc_service', 'later_id_seq', 'USAGE'))::text";
    assert_eq!(place.one(rights), "true");
}
