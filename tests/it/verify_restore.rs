//! `verify-backup --restore`: the test restore into a scratch database, and its remains.

use authsvc::db::{Connection, DatabaseUrl, Defaults, OpenSessions};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _};

use crate::backup::{backup, seeded};
use crate::restore_faults::{grow, staged};
use crate::support::database::{ENGINES, block_on, execute, query};
use crate::support::{CANARY, Database, Engine, Program, eventually};

#[test]
fn verify_with_restore_proves_it_and_leaves_nothing() {
    for engine in ENGINES {
        let database = seeded(engine);
        grow(&database, engine, 1000);
        // of a role of its own, because other tests make scratch databases on the same server
        let program = match engine {
            Engine::Postgres => Program::new().env("DATABASE_URL", &url_of_prover(&database, "CREATEDB")),
            Engine::Sqlite => Program::on(&database),
        };
        let file = backup(&program, &[]);
        let verdict = program.run(&["verify-backup", "--restore", "--json", file.to_str().unwrap()]).success().json();
        assert!(verdict["metadata"]["verified_at"].is_string(), "{verdict}");
        let again = program.run(&["verify-backup", "--json", file.to_str().unwrap()]).success().json();
        assert_eq!(again["metadata"]["verified_at"], verdict["metadata"]["verified_at"]);
        assert!(!staged(&database, engine));
        match engine {
            Engine::Postgres => assert_eq!(scratch_databases(&database), [""; 0]),
            Engine::Sqlite => {
                let folder = database.path().parent().unwrap().to_owned();
                let names: Vec<_> =
                    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
                assert!(names.iter().all(|name| !name.to_string_lossy().starts_with('.')), "{names:?}");
            }
        }
        std::fs::write(&file, "x").unwrap();
        program.run(&["verify-backup", "--restore", file.to_str().unwrap()]).code(3);
    }
    let database = seeded(Engine::Postgres);
    let program = Program::new().env("DATABASE_URL", &url_of_prover(&database, "NOCREATEDB"));
    let file = backup(&program, &[]);
    let error = program.run(&["verify-backup", "--restore", file.to_str().unwrap()]).code(1).error();
    assert!(error.contains("CREATEDB"), "{error}");
}

/// The session of a superuser stands for a worker of autovacuum, which a test cannot start at a chosen time.
#[test]
fn a_scratch_database_is_dropped_although_a_session_of_another_role_is_in_it() {
    let database = Database::empty(Engine::Postgres);
    let url = DatabaseUrl::parse(&database.url, &Defaults::default()).unwrap();
    for (waits, in_use) in [(0.5, OpenSessions::Terminate), (0.5, OpenSessions::Keep), (60.0, OpenSessions::Terminate)]
    {
        let name = format!("scratch_of_{}", database.name());
        let owner = query(&database.url, "SELECT current_user").remove(0);
        let superuser = database.renamed("postgres").superuser_url();
        execute(&superuser, &format!("CREATE DATABASE {name} OWNER {owner}"));
        let other = database.renamed(&name).superuser_url();
        let session = std::thread::spawn(move || {
            block_on(async {
                let mut session = PgConnection::connect(&other).await.unwrap();
                let _ = sqlx::raw_sql(AssertSqlSafe(format!("SELECT pg_sleep({waits})"))).execute(&mut session).await;
            });
        });
        let of_session =
            format!("SELECT pid FROM pg_stat_activity WHERE datname = '{name}' AND query LIKE 'SELECT pg_sleep%'");
        eventually("the session", || Some(()).filter(|()| !query(&superuser, &of_session).is_empty()));
        let dropped = block_on(async { Connection::open(&url).await.unwrap().drop_database(&name, in_use).await });
        if waits < 1.0 {
            dropped.unwrap();
        } else {
            let error = dropped.unwrap_err().to_string();
            assert!(error.contains("is being accessed by other users"), "{error}");
            execute(&superuser, &of_session.replace("SELECT pid", "SELECT pg_terminate_backend(pid)"));
            execute(&superuser, &format!("DROP DATABASE {name} WITH (FORCE)"));
        }
        session.join().unwrap();
    }
}

#[test]
fn scratch_databases_that_killed_proofs_left_are_dropped_and_those_of_others_are_not() {
    let database = seeded(Engine::Postgres);
    let program = Program::new().env("DATABASE_URL", &url_of_prover(&database, "CREATEDB"));
    let file = backup(&program, &[]);
    let now = database.one("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISS')");
    let owner = prover(&database);
    let name = |time: &str, what: &str| format!("authsvc_verify_{time}_{what}{}", database.name());
    // left long ago; in use; made just now by a process that has not connected yet; named by another program
    let [left, used, begun] =
        [("20260101000000", "a"), ("20260101000000", "b"), (now.as_str(), "c")].map(|(t, w)| name(t, w));
    let foreign = format!("authsvc_verify_of_{}", database.name());
    for name in [&left, &used, &begun, &foreign] {
        database.execute(&format!("CREATE DATABASE {name} OWNER {owner}"));
    }
    let session = database.renamed(&used).session();
    program.run(&["verify-backup", "--restore", file.to_str().unwrap()]).success();
    drop(session);
    let mut kept = [used, begun, foreign];
    kept.sort();
    assert_eq!(scratch_databases(&database), kept);
    for name in kept {
        database.execute(&format!("DROP DATABASE {name} WITH (FORCE)"));
    }
}

/// A role of this database's test alone, which makes the scratch databases of its proofs.
fn prover(database: &Database) -> String {
    format!("v_{}", database.name())
}

fn url_of_prover(database: &Database, right: &str) -> String {
    let role = prover(database);
    database.execute(&format!("CREATE ROLE {role} LOGIN {right} PASSWORD '{CANARY}'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}; GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}"));
    database.url.replace("//app:", &format!("//{role}:"))
}

fn scratch_databases(database: &Database) -> Vec<String> {
    let owner = prover(database);
    database.query(&format!("SELECT datname FROM pg_database WHERE datdba = '{owner}'::regrole ORDER BY datname"))
}
