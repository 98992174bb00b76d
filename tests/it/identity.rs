//! Identity of the database: an id that no spelling and no restore changes, and an epoch that every restore replaces.

use std::collections::BTreeSet;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::accounts::served;
use crate::backup::{backup, seeded, shell};
use crate::support::api::{Request, log_in, me, refresh, register};
use crate::support::database::ENGINES;
use crate::support::{Cluster, Database, Engine, Program};

fn identity(database: &Database) -> [String; 3] {
    ["database_id", "epoch", "created_at"]
        .map(|column| database.one(&format!("SELECT {column} FROM database_identity WHERE id = 1")))
}

fn metadata(file: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(format!("{}.meta", file.display())).unwrap()).unwrap()
}

fn restore(program: &Program, file: &Path) {
    program.run(&["restore", "--yes", file.to_str().unwrap()]).success();
}

#[test]
fn each_database_has_an_id_of_its_own() {
    for engine in ENGINES {
        let mut seen = BTreeSet::new();
        for _ in 0..5 {
            let database = Database::empty(engine);
            Program::on(&database).run(&["migrate"]).success();
            let [id, epoch, _] = identity(&database);
            for uuid in [id, epoch] {
                let parts: Vec<usize> = uuid.split('-').map(str::len).collect();
                assert_eq!(parts, [8, 4, 4, 4, 12], "{uuid}");
                assert!(uuid.chars().all(|c| c == '-' || c.is_ascii_digit() || ('a'..='f').contains(&c)), "{uuid}");
                assert!(&uuid[14..15] == "4" && "89ab".contains(&uuid[19..20]), "{uuid} is not of version 4");
                assert!(seen.insert(uuid));
            }
            assert_eq!(database.one("SELECT count(*) FROM database_identity"), "1");
        }
    }
}

#[test]
fn a_restore_keeps_the_id_of_the_database_and_begins_an_epoch() {
    for engine in ENGINES {
        let production = seeded(engine);
        let maker = Program::on(&production);
        let file = backup(&maker, &[]);
        let [production_id, ..] = identity(&production);
        assert_eq!(metadata(&file)["database_id"], production_id.as_str());
        let before = identity(&production);
        restore(&Program::on(&production), &file);
        let after = identity(&production);
        assert_eq!((&after[0], &after[2]), (&before[0], &before[2]), "{engine:?}");
        assert_ne!(after[1], before[1], "{engine:?}");
        let staging = Database::empty(engine);
        Program::on(&staging).run(&["migrate"]).success();
        let [staging_id, ..] = identity(&staging);
        restore(&Program::on(&staging), &file);
        assert_eq!(identity(&staging)[0], staging_id, "the file's id made staging look like production");
        let empty = Database::empty(engine);
        restore(&Program::on(&empty), &file);
        assert_ne!(identity(&empty)[0], production_id);
        // a database from before it has an id gets one
        let older = Database::empty(engine);
        Program::on(&older).run(&["migrate", "--to", "010"]).success();
        restore(&Program::on(&older), &file);
        let other_engine = ENGINES.into_iter().find(|other| *other != engine).unwrap();
        let across = Database::empty(other_engine);
        Program::on(&across).run(&["migrate"]).success();
        let before = identity(&across);
        restore(&Program::on(&across), &file);
        assert_eq!((&identity(&across)[0], &identity(&across)[2]), (&before[0], &before[2]));
        let all = [&production, &staging, &empty, &older, &across].map(|database| identity(database)[0].clone());
        assert_eq!(BTreeSet::from(all).len(), 5);
    }
}

/// The reproduction: an id that a restore gives out again must not make a token of its first owner valid.
#[test]
fn no_access_token_from_before_a_restore_is_valid_after_it() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let server = served(&database);
        let program = Program::on(&database);
        let (alice, alice_refresh) = register(server.public, "alice").status(201).tokens();
        let file = backup(&program, &[]);
        let (bob, bob_refresh) = register(server.public, "bob").status(201).tokens();
        me(server.public, &bob).status(200);
        // another replica that has never seen the restore, nor the token
        let other = served(&database);
        restore(&program, &file);
        let carol = register(server.public, "carol").status(201).tokens().0;
        for to in [server.public, other.public] {
            for token in [&bob, &alice] {
                let requests = [
                    Request::new("GET", "/api/me"),
                    Request::new("PATCH", "/api/me").json(&json!({"username": "taken-over"})),
                    Request::new("GET", "/api/me/sessions"),
                    Request::new("DELETE", "/api/me/sessions/1"),
                    Request::post("/auth/verify-email/resend", &json!({})),
                    Request::post(
                        "/auth/password/change",
                        &json!({"current_password": "a long password", "new_password": "another long one"}),
                    ),
                ];
                for request in requests {
                    let answer = request.bearer(token).send(to);
                    // a key of its own does not know the other's tokens either
                    assert_eq!(answer.problem(401), "access_token", "{engine:?}");
                    assert_eq!(answer.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
                }
            }
        }
        assert_eq!(me(server.public, &carol).status(200).json()["username"], "carol");
        assert_eq!(refresh(server.public, &bob_refresh).problem(401), "refresh_token");
        // the content of the file remains valid
        let (alice, _) = refresh(server.public, &alice_refresh).status(200).tokens();
        assert_eq!(me(server.public, &alice).status(200).json()["username"], "alice");
        log_in(server.public, "alice@example.com", "a long password").status(200);
        assert_eq!(database.query("SELECT username FROM users ORDER BY id"), ["alice", "carol"]);
    }
}

#[test]
fn an_access_token_holds_the_epoch_and_one_without_is_refused() {
    let database = Database::migrated(Engine::Sqlite);
    let server = served(&database);
    let (access, _) = register(server.public, "ada").status(201).tokens();
    let part = access.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    assert_eq!(claims["epoch"], identity(&database)[1].as_str());
    database.execute("UPDATE database_identity SET epoch = '00000000-0000-4000-8000-000000000000'");
    assert_eq!(me(server.public, &access).problem(401), "access_token");
    database.execute(&format!("UPDATE database_identity SET epoch = '{}'", claims["epoch"].as_str().unwrap()));
    me(server.public, &access).status(200);
}

/// Directory of the backups of all of them: of a named number of spellings, one database.
fn ids(directory: &Path) -> BTreeSet<String> {
    let listed = Program::new().env("BACKUP_DIR", directory.to_str().unwrap()).run(&["list-backups"]).success().json();
    listed.as_array().unwrap().iter().map(|entry| entry["database_id"].as_str().unwrap().to_owned()).collect()
}

/// Ages every backup of a directory but the newest by ten days.
fn age(directory: &Path, newest: &str) {
    for entry in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        let name = entry.file_name().unwrap().to_string_lossy().into_owned();
        let Some(name) = name.strip_suffix(".meta").filter(|name| *name != newest) else { continue };
        let mut metadata = metadata(&directory.join(name));
        let made: chrono::DateTime<chrono::Utc> = metadata["created_at"].as_str().unwrap().parse().unwrap();
        metadata["created_at"] = json!((made - chrono::Duration::days(10)).to_rfc3339());
        std::fs::write(&entry, metadata.to_string()).unwrap();
    }
}

/// One database, spelled in several ways: its backups are one group for health and for retention.
fn spellings(programs: Vec<Program>, directory: &Path) {
    for program in &programs {
        program.run(&["backup"]).success();
    }
    let report = programs[0].run(&["detailed-health"]).success().json();
    assert_eq!(report["backups"]["count"], programs.len(), "{report}");
    assert_eq!(ids(directory).len(), 1);
    let newest = programs[0].run(&["backup", "--json"]).success().json()["filename"].as_str().unwrap().to_owned();
    age(directory, &newest);
    programs[0].run(&["cleanup", "7d"]).success();
    let left = Program::new().env("BACKUP_DIR", directory.to_str().unwrap()).run(&["list-backups"]).success().json();
    let left: Vec<&str> = left.as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    assert_eq!(left, [newest]);
}

#[test]
fn every_spelling_of_a_sqlite_file_is_one_database() {
    let database = Database::migrated(Engine::Sqlite);
    let backups = tempfile::tempdir().unwrap();
    let absolute = database.path();
    let mut programs = Vec::new();
    for spelling in ["sqlite:a.db", "sqlite:./a.db", "sqlite:sub/../a.db", "sqlite:link.db", "absolute"] {
        let url = if spelling == "absolute" { format!("sqlite:{}", absolute.display()) } else { spelling.to_owned() };
        let program = Program::new().env("DATABASE_URL", &url).env("BACKUP_DIR", backups.path().to_str().unwrap());
        let here = program.directory().display().to_string();
        shell(&format!("mkdir {here}/sub && ln -s {0} {here}/a.db && ln -s {0} {here}/link.db", absolute.display()));
        programs.push(program);
    }
    spellings(programs, backups.path());
}

#[test]
fn every_spelling_of_a_server_is_one_database() {
    let database = Database::migrated(Engine::Postgres);
    let backups = tempfile::tempdir().unwrap();
    let on = |url: &str| Program::new().env("DATABASE_URL", url).env("BACKUP_DIR", backups.path().to_str().unwrap());
    let superuser = Cluster::shared().superuser_url(&database.name());
    let alias = database.url.replace("127.0.0.1", "localhost");
    let parameter = format!("{}?application_name=other", database.url);
    spellings(vec![on(&database.url), on(&alias), on(&parameter), on(&superuser)], backups.path());
}

#[test]
fn a_backup_from_before_the_id_is_of_the_database_with_its_url() {
    for engine in ENGINES {
        let database = Database::empty(engine);
        let backups = tempfile::tempdir().unwrap();
        let program = Program::on(&database).env("BACKUP_DIR", backups.path().to_str().unwrap());
        program.run(&["migrate", "--to", "010"]).success();
        let older = program.run(&["backup", "--json"]).success().json();
        assert!(older.get("database_id").is_none(), "{older}");
        program.run(&["migrate"]).success();
        assert_eq!(program.run(&["detailed-health"]).success().json()["backups"]["count"], 1);
        let newer = program.run(&["backup", "--json"]).success().json();
        assert_eq!(newer["database_id"], identity(&database)[0].as_str());
        assert_eq!(program.run(&["detailed-health"]).success().json()["backups"]["count"], 2);
        age(backups.path(), newer["filename"].as_str().unwrap());
        program.run(&["cleanup", "7d"]).success();
        let left = program.run(&["list-backups"]).success().json();
        assert_eq!(left.as_array().unwrap().len(), 1, "{left}");
        // and it restores, upgraded
        let file = left[0]["name"].as_str().unwrap();
        program.run(&["restore", "--yes", backups.path().join(file).to_str().unwrap()]).success();
    }
}

#[test]
fn a_database_that_is_made_anew_at_the_same_url_is_another_one() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let program = Program::on(&database);
        program.run(&["backup"]).success();
        program.run(&["rollback", "--to", "0", "--yes", "--no-safety-backup"]).success();
        program.run(&["migrate"]).success();
        let report = program.run(&["detailed-health"]).success().json();
        assert_eq!(report["backups"]["count"], 0, "{report}");
    }
}

#[test]
fn metadata_of_another_database_is_found() {
    let database = seeded(Engine::Sqlite);
    let program = Program::on(&database);
    let file = backup(&program, &[]);
    let mut metadata = metadata(&file);
    metadata["database_id"] = json!("00000000-0000-4000-8000-000000000000");
    std::fs::write(format!("{}.meta", file.display()), metadata.to_string()).unwrap();
    let verdict = program.run(&["verify-backup", "--json", file.to_str().unwrap()]).code(3).json();
    assert!(verdict["reasons"].to_string().contains("its database id is"), "{verdict}");
}

/// Runs of production in a restored staging are not staging's.
#[test]
fn restored_runs_count_only_for_the_database_that_they_are_of() {
    for engine in ENGINES {
        let production = seeded(engine);
        if engine == Engine::Postgres {
            // databases of the tests have one template
            production.execute("UPDATE database_identity SET database_id = '11111111-1111-4111-8111-111111111111'");
        }
        let maker = Program::on(&production);
        maker.run(&["cleanup"]).success();
        maker.run(&["backup"]).success();
        let file = backup(&maker, &[]);
        let reports = |program: &Program| {
            let report = program.run(&["detailed-health"]).json();
            let last = |section: &str, name: &str| report[section][name].is_string();
            (
                last("backups", "last_backup"),
                last("authentication_health", "last_cleanup"),
                report["backups"]["count"].clone(),
            )
        };
        let staging = Database::migrated(engine);
        let there = Program::on(&staging);
        there.run(&["restore", "--yes", "--no-safety-backup", file.to_str().unwrap()]).success();
        assert_eq!(reports(&there), (false, false, json!(0)), "{engine:?}");
        // its own count again
        there.run(&["cleanup"]).success();
        assert_eq!(reports(&there), (false, true, json!(0)), "{engine:?}");
        let own = backup(&there, &[]);
        there.run(&["restore", "--yes", "--no-safety-backup", own.to_str().unwrap()]).success();
        assert!(reports(&there).1, "{engine:?}");
        restore(&maker, &file);
        let (backup, cleanup, _) = reports(&maker);
        assert!(backup && cleanup, "{engine:?}");
    }
}
