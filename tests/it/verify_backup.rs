//! `verify-backup` and `list-backups`: a damaged or foreign file is reported as such (P5, without restoring).

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::database::ENGINES;
use crate::support::pgbouncer::PgBouncer;
use crate::support::{Database, Engine, Program};

/// A program on a small database, and a backup of it.
fn backed_up(engine: Engine, arguments: &[&str]) -> (Program, PathBuf, Database) {
    let database = Database::migrated(engine);
    Program::on(&database).env("AUTHSVC_ENV", "test").run(&["seed"]).success();
    let program = Program::on(&database);
    let arguments: Vec<&str> = ["backup", "--json"].iter().chain(arguments).copied().collect();
    let metadata = program.run(&arguments).success().json();
    let file = program.directory().join("backups").join(metadata["filename"].as_str().unwrap());
    (program, file, database)
}

fn no_progress() -> std::sync::Arc<dyn authsvc::backup::BackupProgress> {
    std::sync::Arc::new(())
}

fn reasons(file: &Path) -> Vec<String> {
    authsvc::backup::verify(file, &no_progress()).unwrap().reasons
}

#[test]
fn a_good_backup_is_valid_on_both_engines() {
    for engine in ENGINES {
        for arguments in [&[][..], &["--no-compress"]] {
            let (program, file, _database) = backed_up(engine, arguments);
            let verdict = program.run(&["verify-backup", file.to_str().unwrap(), "--json"]).success().json();
            assert_eq!(verdict["valid"], true);
        }
    }
}

/// Files of the first version, as they were written then: every later version reads them.
#[test]
fn files_of_the_first_format_stay_valid() {
    for engine in ["postgres", "sqlite"] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/fixtures/format1_{engine}.sql.gz"));
        let verdict = authsvc::backup::verify(&file, &no_progress()).unwrap();
        assert_eq!(verdict.reasons, Vec::<String>::new(), "{engine}");
        let metadata = verdict.metadata.unwrap();
        assert_eq!((metadata.format, metadata.migration.as_str()), (1, "009_maintenance_runs"));
        assert_eq!(metadata.tables.iter().map(|table| table.rows).sum::<u64>(), 41);
    }
}

/// Flips bytes of a copy of a backup, and cuts it, at every so many places.
fn damage(original: &Path, first: usize, step: usize) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(original.file_name().unwrap());
    std::fs::copy(format!("{}.meta", original.display()), format!("{}.meta", file.display())).unwrap();
    let good = std::fs::read(original).unwrap();
    for at in (first..good.len()).step_by(step) {
        let mut bad = good.clone();
        bad[at] ^= 0x20;
        std::fs::write(&file, &bad).unwrap();
        assert!(!reasons(&file).is_empty(), "byte {at} of {}", good.len());
        std::fs::write(&file, &good[..at]).unwrap();
        assert!(!reasons(&file).is_empty(), "cut at {at} of {}", good.len());
    }
}

#[test]
fn every_flipped_byte_and_every_truncation_is_found() {
    for arguments in [&[][..], &["--no-compress"]] {
        let (program, file, _database) = backed_up(Engine::Sqlite, arguments);
        let good = std::fs::read(&file).unwrap();
        // all of the compressed one, and a part of the other, whose text is the same
        let step = if arguments.is_empty() { 1 } else { good.len() / 400 };
        std::thread::scope(|scope| {
            for half in 0..2 {
                let file = &file;
                scope.spawn(move || damage(file, half * step, 2 * step));
            }
        });
        for tail in [&b"x"[..], b"\0", &good] {
            std::fs::write(&file, [&good, tail].concat()).unwrap();
            assert!(!reasons(&file).is_empty(), "something appended");
        }
        let text = program.run(&["verify-backup", file.to_str().unwrap()]).code(3).stdout;
        assert!(text.contains("NOT valid"), "{text}");
        std::fs::write(&file, &good).unwrap();
        program.run(&["verify-backup", file.to_str().unwrap()]).success();
    }
}

#[test]
fn foreign_files_are_refused_with_a_reason() {
    let (program, file, _database) = backed_up(Engine::Sqlite, &[]);
    for (content, expected) in [
        (&b""[..], "empty"),
        (b"PK\x03\x04zip", "zip archive"),
        (b"-- MySQL dump 10.13\n", "mysqldump"),
        (b"PGDMP\x01", "custom format"),
        (b"\x1f\x8b\x08\0", ""),
    ] {
        std::fs::write(&file, content).unwrap();
        let reasons = reasons(&file);
        assert!(reasons.iter().any(|reason| reason.contains(expected)), "{content:?}: {reasons:?}");
    }
    let directory = file.parent().unwrap();
    let fifo = directory.join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for path in [Path::new("/dev/zero"), &fifo, directory] {
        let error = program.run(&["verify-backup", path.to_str().unwrap()]).code(1).error();
        assert!(error.contains("not a regular file"), "{error}");
    }
    program.run(&["verify-backup", "../nowhere.sql.gz"]).code(1);
    program.run(&["verify-backup", "-nowhere"]).code(2);
}

#[test]
fn a_bomb_and_an_endless_line_are_refused_in_bounded_memory() {
    let (program, file, _database) = backed_up(Engine::Sqlite, &[]);
    let script =
        format!("(echo '-- authsvc backup {{}}'; head -c 1073741824 /dev/zero) | gzip -1 > {}", file.display());
    assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
    let limited = Program::new().through(&["prlimit", "--as=600000000", "--"]);
    limited.run(&["verify-backup", file.to_str().unwrap()]).code(3);
    let header = r#"{"format":1,"backend":"sqlite","created_at":"2026-01-01T00:00:00Z","migration":"x","version":"x","app_version":"x"}"#;
    let script =
        format!("(echo '-- authsvc backup {header}'; head -c 1073741824 /dev/zero) | gzip -1 > {}", file.display());
    assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
    let text = limited.run(&["verify-backup", file.to_str().unwrap()]).code(3).stdout;
    assert!(text.contains("line of over 64 MiB"), "{text}");
    drop(program);
}

#[test]
fn metadata_that_is_missing_tampered_huge_or_of_another_file() {
    let (program, file, _database) = backed_up(Engine::Sqlite, &[]);
    let meta = PathBuf::from(format!("{}.meta", file.display()));
    let good = std::fs::read_to_string(&meta).unwrap();
    let listed = || program.run(&["list-backups"]).success().json()[0]["state"].clone();
    let rejected = |content: &str, expected: &str| {
        std::fs::write(&meta, content).unwrap();
        let reasons = reasons(&file);
        assert!(reasons.iter().any(|reason| reason.contains(expected)), "{expected}: {reasons:?}");
    };
    rejected(&good.replace("\"rows\": 13", "\"rows\": 12"), "`users` has 13 rows, expected 12");
    rejected(&good.replace("\"format\": 1", "\"format\": 2"), "format 2");
    rejected(&good.replace(".sql.gz\"", ".sql.gz/../../etc/passwd\""), "its metadata belongs to");
    assert!(listed().to_string().contains("wrong_metadata"));
    rejected(&"[".repeat(100_000), "not what this program writes");
    rejected(&" ".repeat(2 << 20), "bytes long");
    rejected("", "not what this program writes");
    std::fs::remove_file(&meta).unwrap();
    assert_eq!(reasons(&file), Vec::<String>::new(), "its own last line shows that it is complete");
    std::os::unix::fs::symlink("nowhere", &meta).unwrap();
    assert!(reasons(&file)[0].contains("not a regular file"), "a link to nothing is something");
    std::fs::remove_file(&meta).unwrap();
    assert_eq!(listed(), "no_metadata");
}

#[test]
fn the_listing_is_newest_first_and_names_only_backups() {
    let (program, file, _database) = backed_up(Engine::Sqlite, &[]);
    let second = program.run(&["backup", "--json"]).success().json();
    let directory = file.parent().unwrap();
    for name in ["notes.txt", "backup_2026.sql", "backup_20261341_250000.sql.gz", "other.sql.gz"] {
        std::fs::write(directory.join(name), "mine").unwrap();
    }
    let listed = program.run(&["list-backups"]).success().json();
    let names: Vec<&str> = listed.as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    assert_eq!(names, [second["filename"].as_str().unwrap(), file.file_name().unwrap().to_str().unwrap()]);
    let [second, first] = [0, 1].map(|at| listed[at]["rows"].as_u64().unwrap());
    assert_eq!(second, first + 1, "and that the first was made");
    assert_eq!(Program::new().run(&["list-backups"]).success().json(), serde_json::json!([]));
}

#[test]
fn a_test_restore_behind_a_pooler_says_to_connect_directly() {
    let database = Database::migrated(Engine::Postgres);
    let program = Program::on(&database);
    let metadata = program.run(&["backup", "--json"]).success().json();
    let file = program.directory().join("backups").join(metadata["filename"].as_str().unwrap());
    // of the one, a pooler does not know the scratch database; the other leads every name to this database
    for every_name in [false, true] {
        let bouncer = if every_name { PgBouncer::of_every_name(&database) } else { PgBouncer::start(&database) };
        let pooled = Program::new().env("DATABASE_URL", &bouncer.url);
        let error = pooled.run(&["verify-backup", "--restore", file.to_str().unwrap()]).code(1).error();
        assert!(error.contains("PgBouncer") && error.contains("DATABASE_URL to the server itself"), "{error}");
        let left = database.query("SELECT datname FROM pg_database WHERE datname LIKE 'authsvc_verify_%'");
        assert!(!left.iter().any(|name| error.contains(name.as_str())), "the scratch database is dropped: {left:?}");
        program.run(&["status", "--check"]).success();
    }
}
