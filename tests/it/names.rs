//! Names that need quoting: schema, role and database with capitals, spaces, quotes and umlauts.

use crate::backup::{backup, rows};
use crate::restore::{content, restored};
use crate::support::{Database, Engine, Program};

const SCHEMA: &str = r#""My ""Schema"", ü;""#;
const ROLE: &str = r#""App ""Role"" ü""#;
const ROLE_ENCODED: &str = "App%20%22Role%22%20%C3%BC";

/// An empty database that finds its tables in that schema, and the program as that role.
fn awkward() -> (Database, Program) {
    let database = Database::empty(Engine::Postgres);
    let (plain, name) = (database.name(), format!("My DB-{}", database.name()));
    database.execute(&format!(
        "CREATE ROLE {ROLE} LOGIN PASSWORD 'cAn4ry/Pass?w#rd@x' CREATEDB; CREATE SCHEMA {SCHEMA} AUTHORIZATION {ROLE}; \
         ALTER DATABASE {plain} SET search_path = {SCHEMA}; ALTER DATABASE {plain} OWNER TO {ROLE}"
    ));
    crate::support::Cluster::shared().superuser(&format!("ALTER DATABASE {plain} RENAME TO \"{name}\""));
    let database = database.renamed(&name);
    let url = database.url.replacen("://app:", &format!("://{ROLE_ENCODED}:"), 1);
    let program = Program::on(&database).env("DATABASE_URL", &url).env("AUTHSVC_ENV", "test");
    (database, program)
}

#[test]
fn every_command_works_with_names_that_need_quoting() {
    let (database, program) = awkward();
    program.run(&["migrate"]).success();
    program.run(&["seed"]).success();
    assert_eq!(program.run(&["status", "--check", "--json"]).success().json()["drift"], serde_json::json!([]));
    let report = program.run(&["detailed-health"]).success().json();
    assert_eq!(report["warnings"].to_string().matches("every figure that is missing").count(), 0, "{report}");
    assert_eq!(report["basic_health"]["tables"].as_array().unwrap().len(), entity::TABLES.len());
    assert_eq!(
        report["basic_health"]["tables"][0]["row_count"].to_string(),
        database.one("SELECT count(*)::text FROM users")
    );

    let before = rows(&database);
    let file = backup(&program, &[]);
    program.run(&["verify-backup", "--restore", file.to_str().unwrap()]).success();
    database.execute("DELETE FROM users");
    program.run(&["restore", "--yes", file.to_str().unwrap()]).success();
    assert!(content(&database) == restored(&before));
    program.run(&["rollback", "--yes"]).success();
    program.run(&["migrate"]).success();
    program.run(&["cleanup"]).success();
    program.run(&["status", "--check"]).success();
    program.serve().ready().stop().success();
}
