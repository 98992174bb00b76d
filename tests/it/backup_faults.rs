//! Backups on file systems that lack an operation, that fail, or that hold pipes, links and other users' files.

use std::path::Path;
use std::process::Command;

use crate::backup::{backups, shell};
use crate::support::database::ENGINES;
use crate::support::{Database, Engine, Program, eventually};

/// A program whose system calls are answered by strace.
fn injected(database: &Database, rules: &[String]) -> Program {
    let mut wrapper =
        vec!["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,flock,link,linkat,rename,renameat2"];
    rules.iter().for_each(|rule| wrapper.extend(["-e", rule]));
    Program::on(database).through(&wrapper)
}

fn inject(calls: &str, error: &str) -> String {
    format!("inject={calls}:error={error}")
}

#[test]
fn what_a_file_system_does_not_have_is_done_without() {
    let database = Database::migrated(Engine::Postgres);
    let mut matrix = Vec::new();
    for error in ["EINVAL", "EOPNOTSUPP", "ENOSYS"] {
        matrix.push((vec![inject("fsync", error)], "cannot flush a file"));
        matrix.push((vec![inject("link,linkat", error)], "no hard links"));
        matrix.push((vec![inject("flock", error)], "no file locks"));
    }
    matrix.push((vec![inject("flock", "ENOLCK")], "no file locks"));
    for error in ["EPERM", "EMLINK", "EACCES"] {
        matrix.push((vec![inject("link,linkat", error)], "no hard links"));
    }
    for error in ["EINVAL", "ENOSYS", "EPERM"] {
        matrix.push((vec![inject("link,linkat", "EPERM"), inject("renameat2", error)], "no hard links"));
    }
    for (rules, said) in matrix {
        let program = injected(&database, &rules);
        let made = program.run(&["backup"]).success();
        assert_eq!(made.stderr.matches(said).count(), 1, "{rules:?}: {}", made.stderr);
        let left = backups(&program.directory().join("backups"));
        assert_eq!(left.len(), 2, "{rules:?}: {left:?}");
        program.run(&["verify-backup", Path::new("backups").join(&left[0]).to_str().unwrap()]).success();
        // another one of the same second does not replace it
        program.run(&["backup"]).success();
        assert_eq!(backups(&program.directory().join("backups")).len(), 4, "{rules:?}");
    }
}

#[test]
fn what_fails_is_an_error_that_leaves_nothing() {
    let database = Database::migrated(Engine::Postgres);
    for (calls, skipped) in [("fsync", 0), ("fsync", 1), ("link,linkat", 0), ("flock", 0), ("rename", 0), ("fsync", 2)]
    {
        for (error, hint) in [("EIO", "dmesg"), ("ENOSPC", "free space"), ("EDQUOT", "quota")] {
            let rule = format!("inject={calls}:error={error}:when={}+", skipped + 1);
            let program = injected(&database, &[rule]);
            let told = program.run(&["backup"]).code(1).error();
            assert!(told.contains(hint), "{calls} {error}: {told}");
            assert_eq!(backups(&program.directory().join("backups")), Vec::<String>::new(), "{calls} {error}");
        }
    }
}

#[test]
fn pipes_and_links_in_the_directory_make_nothing_wait() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let program = Program::on(&database);
        let file = crate::backup::backup(&program, &[]);
        let directory = file.parent().unwrap().display().to_string();
        shell(&format!(
            "cd {directory}; mkfifo x backup_20200101_000000.sql.gz .backup_x.unfinished .y.1.unfinished \
             backup_20200102_000000.sql.gz.meta; echo > backup_20200102_000000.sql.gz; \
             ln -s /dev/zero backup_20200103_000000.sql; ln -s x .z.1.unfinished; \
             ln -s /dev/zero backup_20200104_000000.sql.meta; echo > backup_20200104_000000.sql; mkdir backup_20200105_000000.sql"
        ));
        program.run(&["backup"]).success();
        program.run(&["list-backups"]).success();
        program.run(&["cleanup", "1h"]).success();
        let report = program.run(&["detailed-health"]).json();
        assert_eq!(report["backups"]["count"], 2, "{engine:?}: {report}");
        for name in
            ["x", "backup_20200101_000000.sql.gz", "backup_20200103_000000.sql", ".", "backup_20200102_000000.sql.gz"]
        {
            let outcome = program.run(&["verify-backup", &format!("{directory}/{name}")]);
            assert!(matches!(outcome.code, Some(1 | 3)), "{name}: {outcome:?}");
            let outcome = program.run(&["restore", "--yes", &format!("{directory}/{name}")]);
            assert!(matches!(outcome.code, Some(1 | 3)), "{name}: {outcome:?}");
        }
    }
}

#[test]
fn a_pipe_in_place_of_a_configured_file_is_refused_by_name() {
    let database = Database::migrated(Engine::Postgres);
    for kind in ["mkfifo f", "ln -s /dev/zero f", "mkdir f", "mkfifo g; ln -s g f"] {
        for name in ["DATABASE_URL_FILE", "AUTHSVC_JWT_KEY_FILE", "AUTHSVC_ENCRYPTION_KEY_FILE"] {
            let program = if name == "DATABASE_URL_FILE" { Program::new() } else { Program::on(&database) };
            let program = program.env(name, "f");
            shell(&format!("cd {}; {kind}", program.directory().display()));
            let error = program.run(&["status"]).code(2).error();
            assert!(error.contains(name) && error.contains("is not a regular file but"), "{kind}: {error}");
        }
        let program = Program::on(&database);
        shell(&format!("cd {}; {kind}; mv f .env", program.directory().display()));
        let error = program.run(&["status"]).code(2).error();
        assert!(error.contains(".env") && error.contains("is not a regular file but"), "{kind}: {error}");
        let program = Program::new();
        shell(&format!("cd {}; {kind}", program.directory().display()));
        let root_cert = format!("{}?sslmode=verify-full&sslrootcert=f", database.url);
        for (url, code) in [("sqlite:f", 1), (root_cert.as_str(), 2)] {
            let program = Program::new().env("DATABASE_URL", url);
            shell(&format!("cd {}; {kind}", program.directory().display()));
            let error = program.run(&["status"]).code(code).error();
            assert!(error.contains("not a regular file") || error.contains("is a directory"), "{kind}: {error}");
        }
    }
}

#[test]
fn a_second_signal_ends_a_command_that_hangs() {
    let database = Database::migrated(Engine::Postgres);
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let program = Program::on(&database);
        let directory = program.directory().join("backups").display().to_string();
        shell(&format!("mkdir -m 700 {directory}"));
        // strace as a child, so that signals reach the program; it reports the end of the thread it delays after the
        // delay only
        let wrapper = ["strace", "-D", "-f", "-qq", "-o", "trace", "-P", &directory, "-e", "trace=fsync", "-e"];
        let program = program.through(&[wrapper.as_slice(), &["inject=fsync:delay_enter=8000000:when=1"]].concat());
        let program = program.env("BACKUP_DIR", &directory);
        let mut running = program.spawn(&["backup", "--no-validate"]);
        eventually("the flush", || {
            let trace = std::fs::read_to_string(program.directory().join("trace")).unwrap_or_default();
            trace.contains("fsync(").then_some(())
        });
        running.signal(signal);
        std::thread::park_timeout(std::time::Duration::from_millis(500));
        assert!(running.is_running(), "the first signal waits for the file system");
        // on a busy machine two signals can become one
        eventually("the end", || {
            let ended = !running.is_running();
            if !ended {
                running.signal(signal);
                std::thread::park_timeout(std::time::Duration::from_millis(200));
            }
            ended.then_some(())
        });
        running.wait().code(code);
    }
}

#[test]
fn the_directory_may_be_a_link_and_every_command_says_the_same() {
    let database = Database::migrated(Engine::Sqlite);
    let program = Program::on(&database).env("BACKUP_DIR", "link");
    shell(&format!(
        "cd {}; mkdir -m 700 real; ln -s real link; ln -s nowhere dangling; ln -s loop loop; echo > file",
        program.directory().display()
    ));
    program.run(&["backup"]).success();
    assert_eq!(program.run(&["list-backups"]).success().json().as_array().unwrap().len(), 1);
    assert_eq!(program.run(&["detailed-health"]).json()["backups"]["count"], 1);
    program.run(&["cleanup"]).success();
    let name = program.run(&["list-backups"]).json()[0]["name"].as_str().unwrap().to_owned();
    program.run(&["verify-backup", "--restore", &format!("link/{name}")]).success();
    assert_eq!(backups(&program.directory().join("real")).len(), 2);
    for (name, expected) in
        [("dangling", "does not exist"), ("loop", "lead in a circle"), ("file", "is not a directory")]
    {
        let program = program_at(&database, program.directory(), name);
        for arguments in [&["backup"][..], &["list-backups"], &["cleanup"]] {
            let error = program.run(arguments).code(1).error();
            assert!(error.contains(expected), "{name} {arguments:?}: {error}");
        }
        let report = program.run(&["detailed-health"]).json();
        assert_eq!(report["backups"]["count"], serde_json::Value::Null, "{name}");
    }
}

fn program_at(database: &Database, directory: &Path, name: &str) -> Program {
    Program::on(database).env("BACKUP_DIR", directory.join(name).to_str().unwrap())
}

#[test]
fn a_directory_that_others_can_write_to_is_refused_for_writing_and_reported_for_reading() {
    let database = Database::migrated(Engine::Sqlite);
    let program = Program::on(&database);
    let file = crate::backup::backup(&program, &[]);
    for mode in ["770", "777", "1777", "702"] {
        shell(&format!("chmod {mode} {}", file.parent().unwrap().display()));
        let before = backups(file.parent().unwrap());
        for arguments in [
            &["backup"][..],
            &["backup", "--output", "backups/x.sql.gz"],
            &["cleanup"],
            &["rollback", "--yes"],
            &["restore", "--yes", file.to_str().unwrap()],
        ] {
            let error = program.run(arguments).code(1).error();
            assert!(error.contains("chmod go-w"), "{mode} {arguments:?}: {error}");
        }
        assert_eq!(backups(file.parent().unwrap()), before);
        let listed = program.run(&["list-backups"]).success();
        assert!(listed.stderr.contains("chmod go-w"), "{}", listed.stderr);
        let verified = program.run(&["verify-backup", "--restore", file.to_str().unwrap()]).success();
        assert!(verified.stderr.contains("is not recorded"), "{}", verified.stderr);
        let report = program.run(&["detailed-health"]).json();
        let check = report["checks"].as_array().unwrap().iter().find(|check| check["name"] == "backup_files");
        assert_eq!(check.unwrap()["status"], "degraded", "{report}");
    }
    shell(&format!("chmod 700 {}", file.parent().unwrap().display()));
    program.run(&["backup"]).success();
}

#[test]
fn unfinished_files_are_new_private_and_cannot_be_guessed() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let program =
            Program::on(&database).through(&["strace", "-f", "-qq", "-o", "trace", "-e", "trace=openat,open,creat"]);
        program.run(&["backup"]).success();
        let trace = std::fs::read_to_string(program.directory().join("trace")).unwrap();
        let created: Vec<&str> =
            trace.lines().filter(|line| line.contains("O_CREAT") && line.contains("backups/")).collect();
        assert_eq!(created.len(), 2, "the file and its metadata: {created:?}");
        for line in created {
            assert!(["O_EXCL", "O_NOFOLLOW", "0600"].iter().all(|flag| line.contains(flag)), "{line}");
            let name = line.split(".unfinished").next().unwrap();
            assert!(name.chars().rev().take(32).all(|sign| sign.is_ascii_hexdigit()), "{line}");
        }
    }
    assert!(Command::new("strace").arg("-V").output().is_ok());
}
