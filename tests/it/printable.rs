//! Text from elsewhere reaches a terminal or a log without control characters. Colours appear only on terminals that
//! support them.

use std::process::Command;

use authsvc::printable::{self, Styles};

use crate::support::{Database, Engine, Program};

/// An escape sequence, a bell, a line that is made up, C1 and a right-to-left override.
const NASTY: &str = "x\u{1b}[2J\u{7}\nerror: fake\r\u{9b}31m\u{202e}\u{2066}y";

#[track_caller]
fn is_harmless(text: &str) {
    let unsafe_in = |sign: char| {
        (sign.is_control() && sign != '\n' && sign != '\t')
            || matches!(sign, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!text.contains(unsafe_in), "{text:?}");
    assert!(!text.lines().any(|line| line.starts_with("error: fake")), "{text:?}");
}

#[test]
fn every_character_that_a_terminal_obeys_is_escaped() {
    for code in (0..0x20)
        .chain(0x7f..0xa0)
        .chain(0x202a..=0x202e)
        .chain(0x2066..=0x2069)
        .chain([0x2028, 0x2029, 0x200e, 0x200f, 0x61c])
    {
        let sign = char::from_u32(code).unwrap();
        let text = format!("a{sign}b");
        is_harmless(&printable::line(&text));
        assert!(!printable::line(&text).contains(sign), "{code:x}");
        let kept = matches!(sign, '\n' | '\t');
        assert_eq!(printable::block(&text, Styles::Escaped).contains(sign), kept, "{code:x}");
        let value = serde_json::Value::String(text.clone());
        let document = printable::json(&value.to_string());
        is_harmless(&document);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&document).unwrap(), value, "JSON is unchanged");
    }
    assert_eq!(printable::line("naïve 試験 🦀 e\u{301}"), "naïve 試験 🦀 e\u{301}");
    let coloured = "\u{1b}[1;31mred\u{1b}[0m";
    assert_eq!(printable::block(coloured, Styles::Kept), coloured);
    for other in ["\u{1b}[2J", "\u{1b}]0;title\u{7}", "\u{1b}[31", "\u{1b}c", "\u{1b}[?25l"] {
        is_harmless(&printable::block(other, Styles::Kept));
    }
    assert_eq!(printable::log_line("a\nb\n", Styles::Escaped), "a\\nb\n");
}

/// What the program writes at a terminal.
fn at_terminal(program: &Program, environment: &[(&str, &str)], arguments: &str) -> String {
    let mut shell = Command::new("script");
    shell.args(["-qec", &format!("'{}' {arguments}", env!("CARGO_BIN_EXE_authsvc")), "/dev/null"]);
    shell.env_clear().env("PATH", "/usr/bin:/bin").envs(program.environment()).envs(environment.iter().copied());
    let output = shell.current_dir(program.directory()).stdin(std::process::Stdio::null()).output().unwrap();
    String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n")
}

#[test]
fn colours_need_a_terminal_that_knows_them_and_nobody_who_declines() {
    let database = Database::migrated(Engine::Sqlite);
    let program = Program::on(&database).env("AUTHSVC_LOG", "info");
    for arguments in [
        "status",
        "health",
        "detailed-health",
        "--help",
        "nonsense",
        "status --nonsense",
        "migrate --to 999",
        "cleanup",
        "backup",
        "help backup",
    ] {
        let colours = |environment: &[(&str, &str)]| at_terminal(&program, environment, arguments).contains("\u{1b}[");
        for plain in [
            &[][..],
            &[("TERM", "dumb")],
            &[("TERM", "xterm"), ("NO_COLOR", "1")],
            &[("TERM", "xterm"), ("CLICOLOR", "0")],
            &[("TERM", "dumb"), ("CLICOLOR_FORCE", "1")],
        ] {
            // without TERM progress is drawn, without colours
            let draws = plain != [("TERM", "dumb")].as_slice()
                && ["cleanup", "backup", "migrate --to 999"].contains(&arguments);
            let text = at_terminal(&program, plain, arguments);
            let has_colours = text.split("\u{1b}[").skip(1).any(|rest| {
                rest.trim_start_matches(|sign: char| sign.is_ascii_digit() || sign == ';').starts_with('m')
            });
            assert!(!has_colours, "{plain:?} {arguments}: {text:?}");
            assert!(draws || !text.contains('\u{1b}'), "{plain:?} {arguments}: {text:?}");
        }
        if ["status", "health", "--help", "nonsense"].contains(&arguments) {
            assert!(colours(&[("TERM", "xterm-256color")]), "{arguments}");
        }
        // a file or a pipe gets none, whatever is asked for
        let outcome = Program::on(&database)
            .env("TERM", "xterm")
            .env("CLICOLOR_FORCE", "1")
            .env("FORCE_COLOR", "1")
            .run(&arguments.split(' ').collect::<Vec<_>>());
        assert!(!outcome.stdout.contains('\u{1b}') && !outcome.stderr.contains('\u{1b}'), "{arguments}: {outcome:?}");
    }
}

#[test]
fn names_of_files_and_fields_of_metadata_move_no_cursor() {
    let database = Database::migrated(Engine::Sqlite);
    let program = Program::on(&database);
    program.run(&["backup"]).success();
    let backups = program.directory().join("backups");
    let meta = std::fs::read_dir(&backups)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().unwrap() == "meta")
        .unwrap();
    let mut document: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&meta).unwrap()).unwrap();
    for field in ["version", "migration", "app_version", "environment"] {
        document[field] = NASTY.into();
    }
    std::fs::write(&meta, document.to_string()).unwrap();
    let odd = program.directory().join(NASTY.replace('/', ""));
    std::fs::write(&odd, "no backup").unwrap();
    let odd = odd.to_str().unwrap().replace('\'', "");
    let environment = [("TERM", "dumb")];
    is_harmless(&at_terminal(&program, &environment, "list-backups"));
    is_harmless(&at_terminal(&program, &environment, "list-backups --json"));
    for arguments in [
        &["verify-backup", &odd][..],
        &["restore", "--yes", &odd],
        &["backup", "--output", &odd],
        &["cleanup", &odd],
        &["verify-backup", meta.with_extension("").to_str().unwrap()],
    ] {
        let outcome = program.run(arguments);
        assert_ne!(outcome.code, None);
        is_harmless(&outcome.stdout);
        is_harmless(&outcome.stderr);
    }
    let json = program.run(&["list-backups", "--json"]).success();
    assert!(json.json().to_string().contains("error: fake"), "JSON keeps the text: {}", json.stdout);
}

#[test]
fn values_of_variables_and_names_in_a_database_move_no_cursor() {
    for name in [
        "AUTHSVC_LISTEN",
        "AUTHSVC_LOCK_WAIT",
        "AUTHSVC_ENV",
        "AUTHSVC_LOG_FORMAT",
        "AUTHSVC_LOG",
        "DATABASE_URL",
        "AUTHSVC_BACKUP_SCHEDULE",
        "AUTHSVC_PUBLIC_URL",
        "BACKUP_DIR",
        "AUTHSVC_NO_SUCH",
    ] {
        let outcome = Program::new().env(name, NASTY).run(&["list-backups"]);
        is_harmless(&outcome.stderr);
        is_harmless(&outcome.stdout);
    }
    let database = Database::empty(Engine::Postgres);
    let program = Program::on(&database);
    program.run(&["migrate", "--to", "009"]).success();
    let quoted = NASTY.replace('"', "");
    database.execute(&format!("ALTER TABLE users ADD COLUMN \"{quoted}\" TEXT; ALTER TABLE users DROP COLUMN avatar_url; CREATE TABLE \"{quoted}\" (id INT)"));
    for arguments in [
        &["migrate"][..],
        &["status"],
        &["status", "--json"],
        &["health"],
        &["detailed-health"],
        &["backup"],
        &["rollback", "--yes"],
    ] {
        let outcome = program.run(arguments);
        is_harmless(&outcome.stdout);
        is_harmless(&outcome.stderr);
    }
    for arguments in ["status", "detailed-health", "health"] {
        is_harmless(&at_terminal(&program, &[("TERM", "dumb")], arguments));
    }
}

#[test]
fn what_a_server_says_moves_no_cursor() {
    let database = Database::migrated(Engine::Postgres);
    database.execute(&format!(
        "CREATE FUNCTION says() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION E'{}' USING DETAIL = E'{}'; END $$;
         CREATE TRIGGER says BEFORE INSERT ON maintenance_runs EXECUTE FUNCTION says()",
        NASTY.escape_unicode().to_string().replace("\\u{", "\\U0000").replace('}', "").split("\\U0000").map(|hex| if hex.is_empty() { String::new() } else { format!("\\U{hex:0>8}") }).collect::<String>(),
        "a\\nerror: fake"
    ));
    let outcome = Program::on(&database).run(&["cleanup"]).code(1);
    is_harmless(&outcome.stderr);
    assert!(outcome.error().contains("(P0001)") && outcome.error().contains("\\u{1b}[2J"), "{}", outcome.error());
    let outcome = Program::on(&database).env("AUTHSVC_LOG_FORMAT", "json").run(&["cleanup", "--json"]).code(1);
    is_harmless(&outcome.stdout);
    is_harmless(&outcome.stderr);
    assert!(outcome.json()["error"]["message"].as_str().unwrap().contains('\u{1b}'), "JSON keeps the text");
}
