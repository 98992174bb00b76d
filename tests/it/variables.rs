//! Every variable that is set must have a value. The tests cover all known variables, `.env`, and SQLite's names.

mod table;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use authsvc::config::Variables;
use authsvc::db::PARAMETERS;

use crate::support::program::assert_no_secret;
use crate::support::{CANARY, Program};

const SERVER: &str = "postgres://u@127.0.0.1:1/d";
const SECRETS: [&str; 6] = [
    "DATABASE_URL",
    "PGPASSWORD",
    "AUTHSVC_JWT_KEY",
    "AUTHSVC_GOOGLE_CLIENT_SECRET",
    "AUTHSVC_GITHUB_CLIENT_SECRET",
    "AUTHSVC_ENCRYPTION_KEY",
];

/// Every variable of the program, of libpq's, and the twins.
fn known() -> Vec<String> {
    let mut names: Vec<String> = Variables::names().map(str::to_owned).collect();
    names.extend(PARAMETERS.iter().filter_map(|known| known.variable).map(str::to_owned));
    names.extend(SECRETS.map(|name| format!("{name}_FILE")));
    names.sort();
    names.dedup();
    assert!(names.len() > 80, "{names:?}");
    names
}

/// What `list-backups`, which needs no database, ends with; and that it makes no file.
fn run(set: &[(&str, &OsStr)]) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_authsvc"));
    command.arg("list-backups").env_clear().env("USER", "me").current_dir(folder.path());
    if !set.iter().any(|(name, _)| name.starts_with("DATABASE_URL")) {
        command.env("DATABASE_URL", SERVER);
    }
    let output = command.envs(set.iter().copied()).output().unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{set:?} made a file");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_no_secret(&text);
    (output.status.code().unwrap(), text)
}

#[test]
fn a_variable_without_a_value_is_refused_by_its_name() {
    for name in known() {
        for (value, expected) in
            [(&b""[..], "is set and empty"), (b" \t\n", "holds only blanks"), (b"a\xffb", "is not UTF-8")]
        {
            let (code, text) = run(&[(&name, OsStr::from_bytes(value))]);
            assert!(
                code == 2 && text.contains(&format!("{name}: ")) && text.contains(expected),
                "{name}: {code} {text}"
            );
        }
    }
}

#[test]
fn a_twin_names_a_regular_file_with_a_value() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let cases = [
        (folder.path().join("missing"), "cannot be read: No such file"),
        (folder.path().to_owned(), "not a regular file"),
        (pipe, "not a regular file"),
        ("/dev/null".into(), "not a regular file"),
        (file("empty", b""), "is empty"),
        (file("blank", b" \n\t"), "is empty"),
        (file("binary", b"\xff\xfe"), "is not UTF-8"),
        (file("large", &vec![b'a'; 1024 * 1024 + 1]), "is over 1048576 bytes long"),
    ];
    for name in SECRETS {
        let twin = format!("{name}_FILE");
        for (path, expected) in &cases {
            let (code, text) = run(&[(&twin, path.as_os_str())]);
            assert!(
                code == 2 && text.contains(&format!("{twin}: ")) && text.contains(expected),
                "{twin}: {code} {text}"
            );
        }
        let value = file("value", b"postgres://u@h/d\n");
        let (code, text) = run(&[(&twin, value.as_os_str()), (name, OsStr::new(SERVER))]);
        assert!(code == 2 && text.contains(&format!("{name} is set, too")), "{twin}: {code} {text}");
    }
    // root reads everything, so another user tries
    let secret = file("secret", b"postgres://u@h/d");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o000)).unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    if std::fs::read(&secret).is_err() {
        let (code, text) = run(&[("DATABASE_URL_FILE", secret.as_os_str())]);
        assert!(code == 2 && text.contains("Permission denied"), "{code} {text}");
    }
}

#[test]
fn values_of_libpqs_variables_are_trimmed_and_checked() {
    for (name, value, expected) in [
        ("PGPORT", "tcp://172.17.0.2:5432", "PGPORT: the port is not a number from 1 to 65535"),
        ("PGPORT", "0", "PGPORT: the port is not a number from 1 to 65535"),
        ("PGPORT", "65536", "PGPORT: the port is not a number from 1 to 65535"),
        ("PGSSLMODE", "on", "PGSSLMODE: the sslmode is unknown"),
        ("PGSSLMODE", "no-verify", "write sslmode=require"),
        ("PGCONNECT_TIMEOUT", "soon", "PGCONNECT_TIMEOUT: "),
        ("PGTARGETSESSIONATTRS", "master", "PGTARGETSESSIONATTRS: "),
        ("PGGSSENCMODE", "require", "PGGSSENCMODE: "),
        ("PGCHANNELBINDING", "yes", "PGCHANNELBINDING: "),
        ("PGHOSTADDR", "db.example.com", "PGHOSTADDR: "),
        ("PGOPTIONS", "-c session_replication_role=replica", "PGOPTIONS: "),
        ("PGREQUIREAUTH", "scram-sha-256", "PGREQUIREAUTH: "),
        ("PGSERVICE", "none", "PGSERVICE: "),
    ] {
        let (code, text) = run(&[(name, OsStr::new(value)), ("DATABASE_URL", OsStr::new("postgres://u@/d"))]);
        assert!(code == 2 && text.contains(expected) && !text.contains("DATABASE_URL"), "{name}: {code} {text}");
    }
    for (name, value) in [("PGPORT", "5432\n"), ("PGSSLMODE", " require\r\n"), ("PGPASSWORD", "pw\n"), ("PGHOST", "h ")]
    {
        let (code, text) = run(&[(name, OsStr::new(value)), ("DATABASE_URL", OsStr::new("postgres://u@/d"))]);
        assert_eq!(code, 0, "{name}: {text}");
    }
}

fn with_dotenv(content: &[u8]) -> Program {
    let program = Program::new();
    std::fs::write(program.directory().join(".env"), content).unwrap();
    program
}

#[test]
fn a_dotenv_file_is_read_in_one_way() {
    // the log level shows what was read: its error repeats the value
    for (line, value) in [
        ("AUTHSVC_LOG_FORMAT=pa$word", "pa$word"),
        ("AUTHSVC_LOG_FORMAT=${HOME}x", "${HOME}x"),
        ("AUTHSVC_LOG_FORMAT=\"a$b\"", "a$b"),
        ("AUTHSVC_LOG_FORMAT='a\\nb'", "a\\nb"),
        ("AUTHSVC_LOG_FORMAT=a\\tb", "a\\tb"),
        ("AUTHSVC_LOG_FORMAT=\"a\\tb\\\\\\\"\\$\"", "a\tb\\\"$"),
        ("  export   AUTHSVC_LOG_FORMAT = x y  # comment", "x y"),
        ("AUTHSVC_LOG_FORMAT=a#b", "a#b"),
        ("AUTHSVC_LOG_FORMAT='a # b' # comment", "a # b"),
        ("\u{feff}AUTHSVC_LOG_FORMAT=bom", "bom"),
        ("# comment\r\n\r\nAUTHSVC_LOG_FORMAT=crlf\r\nBACKUP_DIR=b\r\n", "crlf"),
        ("AUTHSVC_LOG_FORMAT=first\nAUTHSVC_LOG_FORMAT=last", "last"),
        ("AUTHSVC_LOG_FORMAT='two\nlines'\nBACKUP_DIR=b", "two\nlines"),
        ("AUTHSVC_LOG_FORMAT=it's", "it's"),
    ] {
        let error = with_dotenv(line.as_bytes()).run(&["list-backups", "--json"]).code(2);
        let error = serde_json::from_str::<serde_json::Value>(&error.stdout).unwrap();
        assert!(
            error
                .to_string()
                .contains(&serde_json::json!(format!("`{value}`")).to_string().trim_matches('"').to_owned()),
            "{line}: {error}"
        );
    }
    for (content, place) in [
        (format!("BACKUP_DIR=b\n{CANARY}\n"), ".env, line 2: has no `=`"),
        (format!("\n\nX='{CANARY}\nmore"), ".env, line 3: has a quote that is not closed"),
        (format!("X='a\nb'\nY=\"\\q{CANARY}\""), ".env, line 3: has an unknown escape"),
        (format!("X='a' {CANARY}"), ".env, line 1: has text after"),
        (format!("1X={CANARY}"), ".env, line 1: has no name"),
    ] {
        let error = with_dotenv(content.as_bytes()).run(&["list-backups"]).code(2).error();
        assert!(error.contains(place), "{content}: {error}");
    }
    let error = with_dotenv(b"A=b\nB=\xff\n").run(&["list-backups"]).code(2).error();
    assert!(error.contains(".env: is not UTF-8 in line 2"), "{error}");
    let error = with_dotenv(b"DATABASE_URL=\n").run(&["list-backups"]).code(2).error();
    assert!(error.contains("DATABASE_URL: is set and empty"), "{error}");
    let program = Program::new();
    std::fs::create_dir(program.directory().join(".env")).unwrap();
    assert!(program.run(&["list-backups"]).code(2).error().contains("not a regular file"));
    // a missing file is ignored; a link to a missing file is an error, because the program would start a development database
    let program = Program::new();
    std::os::unix::fs::symlink("/nonexistent/env", program.directory().join(".env")).unwrap();
    let error = program.run(&["migrate"]).code(2).error();
    assert!(error.contains(".env: is a link to a file that does not exist"), "{error}");
    assert_eq!(std::fs::read_dir(program.directory()).unwrap().count(), 1);
}

#[test]
fn a_sqlite_file_behind_a_link_is_private_too() {
    let program = Program::new().env("DATABASE_URL", "sqlite:link.db?mode=rwc");
    let folder = program.directory().to_owned();
    std::os::unix::fs::symlink("second.db", folder.join("link.db")).unwrap();
    std::os::unix::fs::symlink("file.db", folder.join("second.db")).unwrap();
    program.run(&["migrate"]).success();
    let server = program.serve().ready();
    for name in ["file.db", "file.db-wal"] {
        let mode = folder.join(name).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
    server.stop().success();
}

#[test]
fn variables_of_a_server_without_its_url_are_warned_about() {
    for name in ["PGHOST", "PGDATABASE", "PGSERVICE", "PGHOSTADDR"] {
        let outcome = Program::new().env(name, "db").run(&["migrate"]).success();
        assert!(outcome.stderr.contains(&format!("{name} is set and DATABASE_URL is not")), "{}", outcome.stderr);
    }
    let outcome = Program::new().env("PGPASSWORD", "pw").run(&["migrate"]).success();
    assert!(!outcome.stderr.contains("is set and DATABASE_URL is not"), "{}", outcome.stderr);
}

#[test]
fn sqlite_never_gets_a_uri_and_its_files_are_private() {
    for url in [
        "sqlite:file:f.db?mode=rwc",
        "sqlite:file::memory:?mode=rwc",
        "sqlite::memory:",
        "sqlite::memory:?mode=rwc",
        "sqlite://:memory:",
        "sqlite://file:f.db?mode=rwc",
        "sqlite:FILE:f.db?mode=rwc",
        "sqlite:file%3Af.db?mode=rwc",
        "sqlite:%66ile:f.db%3Fmode=memory?mode=rwc",
        "sqlite:%3Amemory%3A?mode=rwc",
        "sqlite:f.db?mode=rwc&cache=shared",
        "sqlite:f.db?vfs=unix-none&mode=rwc",
        "sqlite:?mode=rwc",
    ] {
        for command in ["migrate", "status", "serve", "backup"] {
            let program = Program::new().env("DATABASE_URL", url);
            program.run(&[command]).code(2);
            assert_eq!(std::fs::read_dir(program.directory()).unwrap().count(), 0, "{url} made a file");
        }
    }
    for (written, name) in [
        ("./file:f.db", "file:f.db"),
        ("./:memory:", ":memory:"),
        ("a%3Fmode=memory", "a?mode=memory"),
        ("a%23b.db", "a#b.db"),
        ("a%25b.db", "a%b.db"),
        ("a b.db", "a b.db"),
    ] {
        let program = Program::new().env("DATABASE_URL", &format!("sqlite:{written}?mode=rwc"));
        program.run(&["migrate"]).success();
        assert!(program.directory().join(name).is_file(), "{written}");
        program.run(&["status", "--check"]).success();
        program.run(&["backup"]).success();
        let mut file =
            std::fs::read_dir(program.directory().join("backups")).unwrap().map(|entry| entry.unwrap().path());
        let file = file.find(|path| path.extension().is_some_and(|end| end == "gz")).unwrap();
        program.run(&["restore", file.to_str().unwrap(), "--yes"]).success();
        let folder = program.directory().to_owned();
        let server = program.serve().ready();
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode() & 0o077;
            assert_eq!(mode, 0, "{written}: {:?}", entry.file_name());
        }
        server.stop().success();
    }
}
