//! The programs of `examples/`, built as a user builds them and run on databases with development data; and
//! `docs/EMBEDDING.md`, which quotes them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::json;

use crate::accounts::signing_key;
use crate::support::api::{Request, log_in, me, register};
use crate::support::database::ENGINES;
use crate::support::program::get;
use crate::support::{Database, Engine, Program};
use crate::tidy::files;

const NAMES: [&str; 2] = ["own_service", "typed_queries"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// An example, built in the profile and the target folder of this test.
fn example(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let tests = std::env::current_exe().unwrap();
        let profile = tests.ancestors().nth(2).unwrap();
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--locked", "--offline", "--quiet", "--target-dir"]).arg(profile.parent().unwrap());
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        cargo.args(NAMES.iter().flat_map(|name| ["--example", name])).current_dir(root());
        // crates that look at what cargo sets for a test would be built again
        let is_of_test =
            |name: &str| name == "OUT_DIR" || name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        for (name, _) in std::env::vars().filter(|(name, _)| is_of_test(name)) {
            cargo.env_remove(name);
        }
        let built = cargo.output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        profile.join("examples")
    });
    folder.join(name)
}

/// A database with development data.
fn seeded(engine: Engine) -> Database {
    let database = Database::migrated(engine);
    Program::on(&database).env("AUTHSVC_ENV", "development").run(&["seed"]).success();
    database
}

#[test]
fn a_program_of_ones_own_queries_the_tables_by_types() {
    let by_provider = "Email: 8 accounts\nGithub: 2 accounts\nGoogle: 2 accounts\n";
    let cases = [
        ("ADA@example.com", "ada <ada@example.com>, verified: true\nsessions: 2, links: []\n"),
        ("hedy@example.com", "hedy <hedy@example.com>, verified: true\nsessions: 1, links: [Google]\n"),
        ("deleted@example.com", "no account has this address\n"),
    ];
    for engine in ENGINES {
        let database = seeded(engine);
        let program = Program::new().running(&example("typed_queries"));
        for (address, expected) in cases {
            let stdout = program.run(&[&database.url, address]).success().stdout;
            assert_eq!(stdout, format!("{expected}{by_provider}"), "{engine:?}");
        }
    }
}

#[test]
fn a_program_of_ones_own_starts_the_service_with_its_mailer() {
    for engine in ENGINES {
        let (database, key) = (seeded(engine), signing_key());
        let serve = || {
            let program = Program::on(&database).running(&example("own_service")).env("AUTHSVC_JWT_KEY", &key);
            program.env("AUTHSVC_PUBLIC_URL", "https://auth.example.com").serve().ready()
        };
        let first = serve();
        log_in(first.public, "ada@example.com", "correct-horse-battery").status(200);
        let (access, _) = register(first.public, "grete").tokens();
        assert_eq!(get(first.admin, "/livez").unwrap().0, 200);
        let stdout = first.stop().success().stdout;
        let token = stdout.strip_prefix("to grete@example.com: https://app.example.com/verify#").unwrap().trim_end();
        let second = serve();
        Request::post("/auth/verify-email", &json!({"token": token})).bearer(&access).send(second.public).status(204);
        assert_eq!(me(second.public, &access).status(200).json()["email_verified"], true, "{engine:?}");
    }
}

#[test]
fn the_document_quotes_the_programs() {
    let page = std::fs::read_to_string(root().join("docs/EMBEDDING.md")).unwrap();
    let trimmed = |text: &str| text.lines().map(|line| format!("{}\n", line.trim())).collect::<String>();
    let programs: Vec<(String, String)> = files(&root().join("examples"), "rs")
        .iter()
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(path).unwrap()))
        .collect();
    let mut names: Vec<&str> = programs.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, NAMES);
    for name in NAMES {
        assert!(page.contains(&format!("(../examples/{name}.rs)")), "{name} is not in docs/EMBEDDING.md");
    }
    for block in page.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap()) {
        let is_quoted = programs.iter().any(|(_, text)| trimmed(text).contains(&trimmed(block)));
        assert!(is_quoted, "no program of examples/ has these lines:\n{block}");
    }
}
