//! Files given to `verify-backup` and `restore`: valid ones without metadata, dumps that an editor or a transport
//! changed, and files of other programs. Each of the latter is recognised by name.

use std::path::{Path, PathBuf};

use crate::backup::{backup, rows, seeded, shell};
use crate::support::database::ENGINES;
use crate::support::{Cluster, Database, Engine, Program};

/// A plain dump of a database.
fn dump(database: &Database, options: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("dump.sql");
    let cluster = Cluster::shared();
    let (host, port, name) = (cluster.socket().display(), cluster.port, database.name());
    shell(&format!("pg_dump -h {host} -p {port} -U postgres {options} -f {} {name}", file.display()));
    (directory, file)
}

fn verdict(file: &Path, code: i32) -> serde_json::Value {
    Program::new().run(&["verify-backup", "--json", file.to_str().unwrap()]).code(code).json()
}

#[track_caller]
fn refused(file: &Path, expected: &str) {
    let verdict = verdict(file, 3);
    assert!(verdict["reasons"][0].as_str().unwrap().contains(expected), "{expected}: {verdict}");
}

#[test]
fn files_without_metadata_are_verified_by_their_own_end() {
    for engine in ENGINES {
        let database = seeded(engine);
        let program = Program::on(&database);
        let file = program.directory().join("s.sql.gz");
        for options in ["", "--no-compress"] {
            let me = env!("CARGO_BIN_EXE_authsvc");
            let url = &database.url;
            shell(&format!("DATABASE_URL='{url}' {me} backup {options} --output - 2>/dev/null >{}", file.display()));
            let found = verdict(&file, 0);
            assert_eq!((found["valid"].as_bool(), found["evidence"].as_str()), (Some(true), Some("last_line")));
            assert_eq!(found["metadata"], serde_json::Value::Null);
            let whole = std::fs::read(&file).unwrap();
            for part in 1..8 {
                std::fs::write(&file, &whole[..whole.len() * part / 8]).unwrap();
                assert_eq!(verdict(&file, 3)["valid"], false);
            }
            std::fs::write(&file, &whole).unwrap();
            program.run(&["verify-backup", "--restore", file.to_str().unwrap()]).success();
        }
    }
    let (_directory, file) = dump(&seeded(Engine::Postgres), "");
    assert_eq!(verdict(&file, 0)["evidence"], "end_of_dump");
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() * 3 / 4]).unwrap();
    assert_eq!(verdict(&file, 3)["evidence"], "none");
}

#[test]
fn text_in_quotes_comments_and_bodies_is_not_grammar() {
    let database = seeded(Engine::Postgres);
    let cluster = Cluster::shared();
    let lines = "INSERT INTO public.audit VALUES (1);\nCOPY public.users (id) FROM stdin;\n-- PostgreSQL database dump complete\n\
                 SET client_encoding = 'LATIN1';\nSELECT pg_catalog.setval('public.users_id_seq', 9, true);";
    let doubled = lines.replace('\'', "''");
    // a body that the server parses came with version 14
    let body = match cluster.version() {
        ..14 => "AS $g$\nINSERT INTO texts.audit VALUES (1);\n$g$",
        _ => {
            "BEGIN ATOMIC\nINSERT INTO texts.audit VALUES (1);\nINSERT INTO texts.audit VALUES (CASE WHEN true THEN 2 END);\nEND"
        }
    };
    let sql = format!(
        "CREATE SCHEMA texts; CREATE TABLE texts.t (a int, \"x\n{lines}\ny\" text);
         INSERT INTO texts.t VALUES (1, E'COPY public.users (id) FROM stdin;');
         COMMENT ON TABLE texts.t IS '{doubled}';
         CREATE FUNCTION texts.f() RETURNS void LANGUAGE plpgsql AS $f$ BEGIN\n{lines}\nEND $f$;
         CREATE TABLE texts.audit (a int);
         CREATE FUNCTION texts.g() RETURNS void LANGUAGE sql {body};
         CREATE RULE r AS ON INSERT TO texts.audit DO ALSO (INSERT INTO texts.t VALUES (1); DELETE FROM texts.t);
         CREATE VIEW texts.v AS SELECT '{doubled}'::text AS a"
    );
    crate::support::database::execute(&cluster.superuser_url(&database.name()), &sql);
    let before = rows(&database);
    for options in ["", "--quote-all-identifiers", "--create --clean"] {
        let (_directory, file) = dump(&database, options);
        verdict(&file, 0);
        let target = Database::empty(Engine::Postgres);
        Program::on(&target).run(&["restore", "--yes", file.to_str().unwrap()]).success();
        assert_eq!(rows(&target)[2], before[2], "{options}");
    }
    let (_directory, file) = dump(&database, "--inserts");
    refused(&file, "without --inserts");
}

#[test]
fn line_ends_and_a_byte_order_mark_of_a_transport_are_accepted() {
    let database = seeded(Engine::Postgres);
    database.execute("INSERT INTO auth_events (kind, detail) VALUES ('logout', E'a\\r\\nb\\rc'), ('logout', E'd\\r')");
    let before = rows(&database);
    let (_directory, file) = dump(&database, "");
    let text = std::fs::read_to_string(&file).unwrap();
    let crlf = text.replace('\n', "\r\n");
    for (changed, zipped) in
        [(crlf.clone(), false), (format!("\u{feff}{text}"), false), (format!("\u{feff}{crlf}"), true)]
    {
        std::fs::write(&file, changed).unwrap();
        let packed = file.with_extension("sql.gz");
        if zipped {
            shell(&format!("gzip -kf {}", file.display()));
        }
        let given = if zipped { &packed } else { &file };
        verdict(given, 0);
        let target = Database::empty(Engine::Postgres);
        Program::on(&target).run(&["restore", "--yes", given.to_str().unwrap()]).success();
        assert_eq!(rows(&target)[2..6], before[2..6]);
    }
    // some lines only
    let half = text.len() / 2;
    let at = half + text[half..].find('\n').unwrap();
    for mixed in
        [format!("{}{}", crlf_of(&text[..at]), &text[at..]), format!("{}{}", &text[..at], crlf_of(&text[at..]))]
    {
        std::fs::write(&file, mixed).unwrap();
        refused(&file, "a transport changed");
    }
    // this program's own files, too
    for engine in ENGINES {
        let database = seeded(engine);
        let program = Program::on(&database);
        let file = backup(&program, &["--no-compress"]);
        let copy = program.directory().join("copy.sql");
        std::fs::write(&copy, std::fs::read_to_string(&file).unwrap().replace('\n', "\r\n")).unwrap();
        verdict(&copy, 0);
    }
}

fn crlf_of(text: &str) -> String {
    text.replace('\n', "\r\n")
}

#[test]
fn files_of_other_programs_are_named_with_what_to_do() {
    let database = seeded(Engine::Postgres);
    let directory = tempfile::tempdir().unwrap();
    let cluster = Cluster::shared();
    let file = |name: &str| directory.path().join(name);
    shell(&format!(
        "cd {0}; export PGHOST={1} PGPORT={2} PGUSER=postgres; pg_dump -Fc -f custom {3}; pg_dump -Ft -f tar {3}; pg_dump -Fd -f folder {3}; \
         pg_dump -f plain {3}; gzip -k custom; iconv -t UTF-16 plain -o utf16; iconv -t UTF-16LE plain -o utf16le; \
         for form in UTF-32 UTF-32LE UTF-32BE; do iconv -t $form plain -o $form; done; \
         (printf 'pg_dump: warning: there are circular foreign-key constraints\\n'; cat plain) >warned; \
         (printf 'the input device is not a TTY'; cat plain) >merged; gzip -kf plain; gzip -c plain.gz >twice; \
         sqlite3 a.db 'CREATE TABLE t (a); INSERT INTO t VALUES (1)'; sqlite3 a.db .dump >a.sql; \
         xz -k plain 2>/dev/null || printf '\\xfd7zXZ\\0' >plain.xz; bzip2 -k plain 2>/dev/null || printf BZh9 >plain.bz2",
        directory.path().display(),
        cluster.socket().display(),
        cluster.port,
        database.name()
    ));
    for (name, expected) in [
        ("custom", "pg_restore -f"),
        ("custom.gz", "custom format"),
        ("tar", "tar format"),
        ("utf16", "UTF-16"),
        ("utf16le", "UTF-16"),
        ("UTF-32", "UTF-32"),
        ("UTF-32LE", "UTF-32"),
        ("UTF-32BE", "UTF-32"),
        ("warned", "error message of pg_dump"),
        ("merged", "other output precedes it"),
        ("twice", "compressed twice"),
        ("a.db", "SQLite database file"),
        ("a.sql", "sqlite3's .dump"),
        ("plain.xz", "xz -d"),
        ("plain.bz2", "bzip2 -d"),
    ] {
        refused(&file(name), expected);
    }
    let error = Program::new().run(&["verify-backup", file("folder").to_str().unwrap()]).code(1).error();
    assert!(error.contains("directory format") && error.contains("pg_dump -Fp"), "{error}");
    for (content, expected) in [
        (&b""[..], "it is empty"),
        (b"\x28\xb5\x2f\xfd\0", "zstd -d"),
        (b"\x04\x22\x4d\x18", "lz4 -d"),
        (b"7z\xbc\xaf\x27\x1c", "7z x"),
        (b"PK\x03\x04", "unzip"),
        (b"--\n-- PostgreSQL database cluster dump\n--\n", "pg_dumpall"),
        (b"-- MariaDB dump 10.19\n", "mariadb-dump"),
        (b"/*!40101 SET NAMES utf8 */;\n", "mysqldump"),
        (b"\n<!DOCTYPE html>\n<html>", "web page"),
        (b"{\"error\":\"no such key\"}", "JSON"),
        (b"<?xml version=\"1.0\"?><Error/>", "XML"),
        (b"age-encryption.org/v1\n", "age -d"),
        (b"-----BEGIN PGP MESSAGE-----\n", "gpg -d"),
        (b"INSERT INTO users VALUES (1);\n", "without the header of a complete dump"),
        (b"hello\n", "begins neither"),
        (b"\x7fELF\0\0", "neither gzip nor plain SQL"),
    ] {
        std::fs::write(file("given"), content).unwrap();
        refused(&file("given"), expected);
    }
}
