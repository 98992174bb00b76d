//! Files given to `restore`: damaged and foreign ones are refused before the first write (P5). Nothing in a file is
//! ever executed (P6), even for a superuser.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::backup::{backup, odd_rows, rows, seeded, shell};
use crate::support::database::ENGINES;
use crate::support::{Cluster, Database, Engine, Program};

fn text_of(file: &Path) -> String {
    let mut text = String::new();
    MultiGzDecoder::new(std::fs::File::open(file).unwrap()).read_to_string(&mut text).unwrap();
    text
}

/// Writes a file that says of itself that it is whole: sizes and checksum in its metadata are those of this text.
fn forge(like: &Path, name: &str, text: &[u8]) -> PathBuf {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text).unwrap();
    let bytes = gzip.finish().unwrap();
    let path = like.with_file_name(name);
    let meta = std::fs::read_to_string(format!("{}.meta", like.display())).unwrap();
    let mut meta: serde_json::Value = serde_json::from_str(&meta).unwrap();
    meta["filename"] = name.into();
    meta["size"] = bytes.len().into();
    meta["uncompressed_size"] = text.len().into();
    meta["sha256"] = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>().into();
    std::fs::write(&path, bytes).unwrap();
    std::fs::write(format!("{}.meta", path.display()), meta.to_string()).unwrap();
    path
}

struct Case {
    _maker: Program,
    file: PathBuf,
    target: Database,
    before: Vec<Vec<String>>,
}

/// A good backup, and a database that has to stay as it is.
fn case(engine: Engine) -> Case {
    let source = seeded(engine);
    odd_rows(&source, engine);
    let maker = Program::on(&source);
    let file = backup(&maker, &[]);
    let target = seeded(engine);
    target.execute("INSERT INTO auth_events (kind) VALUES ('registered')");
    let before = rows(&target);
    Case { _maker: maker, file, target, before }
}

impl Case {
    #[track_caller]
    fn refused(&self, file: &Path, code: i32, expected: &str) {
        let error = Program::on(&self.target).run(&["restore", "--yes", file.to_str().unwrap()]).code(code).error();
        assert!(error.contains(expected), "{expected}: {error}");
        assert!(rows(&self.target) == self.before, "{expected}: something was written");
    }
}

#[test]
fn p5_damaged_files_are_refused_before_the_first_write() {
    for engine in ENGINES {
        let case = case(engine);
        let good = std::fs::read(&case.file).unwrap();
        for part in 1..8 {
            let at = good.len() * part / 8;
            let mut bad = good.clone();
            bad[at] ^= 1;
            std::fs::write(&case.file, &bad).unwrap();
            case.refused(&case.file, 3, "can be restored");
            std::fs::write(&case.file, &good[..at]).unwrap();
            case.refused(&case.file, 3, "can be restored");
        }
        // between two members, where gzip itself sees nothing wrong
        let members: Vec<usize> =
            (1..good.len() - 3).filter(|at| good[*at..].starts_with(&[0x1f, 0x8b, 8, 0])).collect();
        assert!(members.len() > 3);
        for at in members {
            std::fs::write(&case.file, &good[..at]).unwrap();
            case.refused(&case.file, 3, "can be restored");
        }
        for tail in [&b"garbage"[..], b"\0\0\0\0", &good] {
            std::fs::write(&case.file, [&good, tail].concat()).unwrap();
            case.refused(&case.file, 3, "can be restored");
        }
        // and without metadata the last line of the file says the same
        std::fs::remove_file(format!("{}.meta", case.file.display())).unwrap();
        std::fs::write(&case.file, &good[..good.len() / 2]).unwrap();
        case.refused(&case.file, 3, "");
        std::fs::write(&case.file, &good).unwrap();
        Program::on(&case.target).run(&["restore", "--yes", case.file.to_str().unwrap()]).success();
    }
}

#[test]
fn p5_foreign_and_newer_files_are_refused() {
    let case = case(Engine::Postgres);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    for (content, expected) in [
        (&b""[..], "it is empty"),
        (b"PK\x03\x04", "zip archive"),
        (b"PGDMP\x01\x0e", "custom format"),
        (b"-- MySQL dump 10.13  Distrib 8.0\n--\n", "mysqldump"),
        (b"--\n-- PostgreSQL database cluster dump\n--\n", "pg_dumpall"),
        (b"\x7fELF", "neither gzip nor plain SQL"),
        (b"\x1f\x8b\x08\x00garbage", "can be restored"),
    ] {
        std::fs::write(&file, content).unwrap();
        case.refused(&file, 3, expected);
    }
    let newest = authsvc::migrate::newest();
    let text = text_of(&case.file);
    let newer = forge(&case.file, "newer_format.sql.gz", text.replacen("\"format\":1", "\"format\":2", 1).as_bytes());
    case.refused(&newer, 4, "format 2");
    let text = text.replacen(&format!("{newest}\",\"version"), "042_of_the_future\",\"version", 1);
    let ledger = text.replacen(&format!("\n{newest}\t"), "\n042_of_the_future\t", 2);
    std::fs::remove_file(format!("{}.meta", forge(&case.file, "newer.sql.gz", ledger.as_bytes()).display())).unwrap();
    case.refused(&case.file.with_file_name("newer.sql.gz"), 4, "042_of_the_future");
    shell(&format!("mkfifo {0}/fifo && ln -s {1} {0}/link", directory.path().display(), case.file.display()));
    for name in ["fifo", "link", "."] {
        case.refused(&directory.path().join(name), 1, "is not a regular file");
    }
    case.refused(Path::new("/dev/zero"), 1, "is not a regular file");
}

#[test]
fn p6_nothing_in_a_file_is_executed() {
    let case = case(Engine::Postgres);
    let url = Cluster::shared().superuser_url(&case.target.name());
    let superuser = Program::new().env("DATABASE_URL", &url);
    let directory = tempfile::tempdir().unwrap();
    shell(&format!("chmod 777 {}", directory.path().display()));
    let mark = directory.path().join("executed");
    let text = text_of(&case.file);
    let (mark_at, data) = (mark.display(), "-- authsvc data\n");
    let untouched = |what: &str| {
        assert!(!mark.exists(), "{what} was executed");
        assert!(rows(&case.target) == case.before, "{what}: something was written");
    };
    for line in [
        format!("\\! touch {mark_at}"),
        "\\unrestrict x".to_owned(),
        format!("COPY users FROM PROGRAM 'touch {mark_at}';"),
        format!("COPY (SELECT 1) TO PROGRAM 'touch {mark_at}';"),
        format!("COPY users (email) TO '{mark_at}';"),
        "DROP TABLE users;".to_owned(),
        "SELECT pg_sleep(1000);".to_owned(),
        "SELECT setval('users_id_seq', 1, true); DROP TABLE users;".to_owned(),
        "ALTER TABLE users ENABLE TRIGGER USER; DROP TABLE users;".to_owned(),
        "COPY pg_authid (rolname, rolsuper) FROM stdin;\nevil\tt\n\\.".to_owned(),
        "COPY pg_catalog.pg_authid (rolname) FROM stdin;\nevil\n\\.".to_owned(),
        "COPY somebody_elses (a) FROM stdin;\n1\n\\.".to_owned(),
        "COPY users (id, no_such_column) FROM stdin;\n1\t2\n\\.".to_owned(),
        "COPY users (id) FROM stdin;\n1\n\\.".to_owned(),
        "SELECT setval('pg_catalog_id_seq', 1, true);".to_owned(),
        "INSERT INTO users (id) VALUES\n(1);".to_owned(),
        "-- authsvc data".to_owned(),
    ] {
        // behind the schema, where rows are expected
        let forged = forge(&case.file, "forged.sql.gz", text.replacen(data, &format!("{data}{line}\n"), 1).as_bytes());
        let error = superuser.run(&["restore", "--yes", forged.to_str().unwrap()]).code(3).error();
        assert!(error.contains("can be restored"), "{line}: {error}");
        untouched(&line);
    }
    // the schema of a file is never looked at: what stands there does nothing, and the rest is restored
    let line = format!(
        "\\! touch {mark_at}\nDROP TABLE users;\nCREATE FUNCTION evil() RETURNS INT LANGUAGE sql AS 'SELECT 1';\n"
    );
    let forged = forge(&case.file, "forged.sql.gz", text.replacen(data, &format!("{line}{data}"), 1).as_bytes());
    superuser.run(&["restore", "--yes", "--no-safety-backup", forged.to_str().unwrap()]).success();
    assert!(!mark.exists());
    assert_eq!(case.target.one("SELECT count(*) FROM pg_proc WHERE proname = 'evil'"), "0");
    superuser.run(&["status", "--check"]).success();
}

#[test]
fn p6_rows_are_data_whatever_they_say() {
    for engine in ENGINES {
        let case = case(engine);
        let text = text_of(&case.file);
        // invalid UTF-8 in a row, and values that no column takes
        let bad = text.replacen("ada@example.com", "ada\u{1}@example.com", 1).replace('\u{1}', "\u{2}").into_bytes();
        let at = bad.iter().position(|byte| *byte == 2).unwrap();
        let mut bad = bad;
        bad[at] = 0xff;
        let forged = forge(&case.file, "forged.sql.gz", &bad);
        case.refused(&forged, 3, "is not UTF-8");
        // a row with other sums does not match the last line
        let forged =
            forge(&case.file, "forged.sql.gz", text.replacen("ada@example.com", "eve@example.com", 1).as_bytes());
        case.refused(&forged, 3, "the rows differ from those");
    }
}

#[test]
fn metadata_that_is_tampered_with_is_not_believed() {
    let case = case(Engine::Sqlite);
    let meta = PathBuf::from(format!("{}.meta", case.file.display()));
    let good = std::fs::read_to_string(&meta).unwrap();
    for (bad, expected) in [
        (good.replace("\"rows\": 13", "\"rows\": 12"), "`users` has 13 rows, expected 12"),
        (good.replace("\"filename\": \"", "\"filename\": \"../../"), "its metadata belongs to"),
        (good.replace("\"sha256\": \"", "\"sha256\": \"00"), "its sha256"),
        ("[".repeat(100_000), "not what this program writes"),
        (" ".repeat(2 << 20), "bytes long"),
        (String::new(), "not what this program writes"),
    ] {
        std::fs::write(&meta, bad).unwrap();
        case.refused(&case.file, 3, expected);
    }
}

#[test]
fn names_of_files_are_taken_literally_and_shown_safely() {
    let case = case(Engine::Sqlite);
    let program = Program::on(&case.target);
    for name in ["-rf", "../up.sql.gz", "two\nlines", "\u{1b}[31mred", "spa ce", "'; DROP TABLE users; --"] {
        let path = program.directory().join("dir").join(name);
        std::fs::create_dir_all(program.directory().join("dir")).unwrap();
        std::fs::copy(&case.file, &path).unwrap();
        let relative = format!("dir/{name}");
        let outcome = program.run(&["restore", "--yes", "--no-safety-backup", &relative]).success();
        assert!(
            !outcome.stdout.contains('\u{1b}') && !outcome.stderr.contains('\u{1b}'),
            "{name:?}: {}",
            outcome.stdout
        );
        let outcome = program.run(&["restore", "--yes", &format!("{relative}.missing")]).code(1);
        assert!(!outcome.stderr.contains('\u{1b}'), "{:?}", outcome.stderr);
    }
    program.run(&["restore", "--yes", "-rf"]).code(2);
    program.run(&["restore", "--yes", "--", "-rf"]).code(1);
}

#[test]
fn bombs_are_refused_in_bounded_memory() {
    let case = case(Engine::Sqlite);
    let limited = Program::on(&case.target).through(&["prlimit", "--as=700000000", "--"]);
    let header = text_of(&case.file).lines().next().unwrap().to_owned();
    let bomb = case.file.with_file_name("bomb.sql.gz");
    let meta = |bomb: &Path| {
        let good = std::fs::read_to_string(format!("{}.meta", case.file.display())).unwrap();
        let name = bomb.file_name().unwrap().to_string_lossy().into_owned();
        let original = case.file.file_name().unwrap().to_string_lossy().into_owned();
        std::fs::write(format!("{}.meta", bomb.display()), good.replace(&original, &name)).unwrap();
    };
    for (script, expected) in [
        (format!("(echo '{header}'; head -c 1G /dev/zero) | gzip -1"), "line of over 64 MiB"),
        (format!("(echo '{header}'; (yes || true) | head -c 1G) | gzip -1"), "longer than any that authsvc makes"),
        (
            format!(
                "(echo '{header}'; echo '-- authsvc data'; echo 'INSERT INTO auth_events (id) VALUES'; (yes '(1),' || true) | head -c 1G) | gzip -1"
            ),
            "longer than its metadata says",
        ),
    ] {
        shell(&format!("{script} > {}", bomb.display()));
        meta(&bomb);
        let error = limited.run(&["restore", "--yes", bomb.to_str().unwrap()]).code(3).error();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    // a million empty members before the end
    let empty = GzEncoder::new(Vec::new(), Compression::fast()).finish().unwrap();
    let good = std::fs::read(&case.file).unwrap();
    std::fs::write(&bomb, [empty.repeat(1_000_000), good].concat()).unwrap();
    meta(&bomb);
    let error = limited.run(&["restore", "--yes", bomb.to_str().unwrap()]).code(3).error();
    assert!(error.contains("its size is"), "{error}");
    assert!(rows(&case.target) == case.before);
}
