//! Output of commands: help, versions, reports in text and JSON, and errors.

use authsvc::migrate::{migrations, newest};

use crate::support::{Database, Engine, Program};

const COMMANDS: [&str; 14] = [
    "serve",
    "migrate",
    "status",
    "rollback",
    "backup",
    "list-backups",
    "verify-backup",
    "restore",
    "health",
    "detailed-health",
    "cleanup",
    "seed",
    "completions",
    "man",
];

#[test]
fn every_help_is_as_written_down() {
    let mut all = Program::new().run(&["--help"]).success().stdout;
    for command in COMMANDS {
        all.push_str(&format!("\n==== {command}\n{}", Program::new().run(&[command, "--help"]).success().stdout));
    }
    insta::assert_snapshot!("help", all);
}

#[test]
fn the_version_names_commit_and_newest_migration() {
    let version = Program::new().run(&["--version"]).success().stdout;
    let newest = authsvc::migrate::newest();
    assert!(version.starts_with(&format!("authsvc {} (commit ", env!("CARGO_PKG_VERSION"))), "{version}");
    assert!(version.contains(&format!("migration {newest}")), "{version}");
}

#[test]
fn usage_errors_exit_with_2() {
    for arguments in [
        &["nonsense"][..],
        &["migrate", "--nonsense"],
        &["migrate", "--to", "x"],
        &["migrate", "--adopt", "--baseline", "4"],
        &["rollback", "1", "--to", "2"],
        &["completions", "nonsense"],
    ] {
        Program::new().run(arguments).code(2);
    }
}

#[test]
fn stdout_is_the_answer_and_nothing_else() {
    let database = Database::empty(Engine::Sqlite);
    let program = Program::on(&database).env("AUTHSVC_UNKNOWN", "1");
    let outcome = program.run(&["migrate", "--json"]).success();
    outcome.json();
    assert!(outcome.stderr.contains("unknown variable AUTHSVC_UNKNOWN"), "{}", outcome.stderr);
    for arguments in [
        &["migrate", "--json"][..],
        &["status"],
        &["rollback", "--dry-run", "--json"],
        &["migrate", "--dry-run", "--sql", "--json"],
    ] {
        program.run(arguments).success().json();
    }
    assert!(program.run(&["migrate"]).success().stdout.starts_with(&format!("up to date: {}", newest())));
}

#[test]
fn an_error_is_a_document_with_json() {
    let outcome = Program::new().env("DATABASE_URL", "mysql://h").run(&["status", "--json"]).code(2);
    let error = &outcome.json()["error"];
    assert_eq!(error["exit_code"], 2);
    assert!(
        error["message"].as_str().unwrap().contains("mysql") && error["hint"].as_str().unwrap().contains("postgres://")
    );
    assert!(outcome.stderr.contains("error: ") && outcome.stderr.contains("hint: "));
}

#[test]
fn at_a_terminal_it_is_text_and_asks_before_it_destroys() {
    let database = Database::migrated(Engine::Sqlite);
    let terminal = |input: &str, command: &str, no_color: &str| {
        let shell = format!("printf '{input}' | script -qec '{} {command}' /dev/null", env!("CARGO_BIN_EXE_authsvc"));
        let output = std::process::Command::new("sh")
            .args(["-c", &shell])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("DATABASE_URL", &database.url)
            .envs([("NO_COLOR", no_color), ("TERM", "xterm")])
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).replace('\r', "")
    };
    // a screen of eight lines shows seven, of which the long ones take two
    let narrow = format!("stty rows 8 cols 40; timeout --foreground -s INT 3 {}", env!("CARGO_BIN_EXE_authsvc"));
    let watched = std::process::Command::new("script")
        .args(["-qec", &format!("{narrow} detailed-health --watch"), "/dev/null"])
        .env_clear()
        .envs([("PATH", "/usr/bin:/bin"), ("DATABASE_URL", &database.url), ("NO_COLOR", "1")])
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let watched = String::from_utf8_lossy(&watched.stdout).replace('\r', "");
    let screen = watched.split("\u{1b}[H\u{1b}[2J").nth(1).unwrap();
    assert!(screen.starts_with("degraded  sqlite:"), "{watched:?}");
    let height: usize = screen.lines().map(|line| line.chars().count().div_ceil(40).max(1)).sum();
    assert!((4..=7).contains(&height), "{height} lines: {screen:?}");

    let text = terminal("", "status", "1");
    let told = format!("up to date: {} applied, none pending, no drift", migrations().len());
    assert!(text.contains(newest()) && text.contains(&told), "{text}");
    assert!(!text.contains('\u{1b}'), "colours in spite of NO_COLOR: {text:?}");
    assert!(terminal("", "status", "").contains('\u{1b}'));
    let text = terminal("", "detailed-health", "1");
    assert!(
        text.starts_with("degraded  sqlite:") && text.contains("\n  ! backups             there is no backup"),
        "{text}"
    );
    assert!(text.contains("→ run `authsvc backup`") && text.contains("\n  ✓ schema              up to date"), "{text}");
    assert!(terminal("", "health", "1").starts_with("healthy  sqlite:"));
    let refused = terminal("n\\n", "rollback", "1");
    assert!(
        refused.contains(&format!("undo {} in sqlite:", newest())) && refused.contains("not confirmed"),
        "{refused}"
    );
    assert_eq!(database.ledger().len(), migrations().len());
    let done = terminal("y\\n", "rollback", "1");
    let told = format!("done: {} is applied", migrations()[migrations().len() - 2].name);
    assert!(done.contains(&told), "{done}");
}

#[test]
fn completions_name_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = Program::new().run(&["completions", shell]).success().stdout;
        assert!(script.contains("rollback"), "{shell}");
    }
}
