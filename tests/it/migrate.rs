//! `migrate`, `status` and `rollback` on both engines.

use authsvc::migrate::{Migrator, migrations, newest};
use sea_orm_migration::MigratorTrait;

use crate::support::database::{ENGINES, block_on};
use crate::support::{Database, Engine, Program};

#[test]
fn an_empty_database_gets_everything_and_then_nothing() {
    for engine in ENGINES {
        let database = Database::empty(engine);
        let program = Program::on(&database);
        assert_eq!(program.run(&["status"]).success().json()["state"], "empty");
        program.run(&["status", "--check"]).code(3);
        let report = program.run(&["migrate", "--json"]).success().json();
        assert_eq!(report["outcome"], "applied");
        assert_eq!(report["to"], newest());
        assert_eq!(report["migrations"].as_array().unwrap().len(), migrations().len());
        let again = program.run(&["migrate", "--json"]).success().json();
        assert_eq!(again["outcome"], "current");
        assert_eq!(again["migrations"].as_array().unwrap().len(), 0);
        let status = program.run(&["status", "--check"]).success().json();
        assert_eq!((&status["state"], &status["pending"]), (&"up_to_date".into(), &0.into()));
        assert!(status["migrations"].as_array().unwrap().iter().all(|line| line["checksum"] == "ok"));
    }
}

#[test]
fn fresh_and_step_by_step_make_the_same_ledger() {
    for engine in ENGINES {
        let (fresh, stepwise) = (Database::migrated(engine), Database::empty(engine));
        for migration in migrations() {
            Program::on(&stepwise).run(&["migrate", "--to", &migration.number.to_string()]).success();
        }
        assert_eq!(fresh.ledger(), stepwise.ledger());
    }
}

#[test]
fn dry_run_changes_nothing_and_prints_the_sql() {
    for engine in ENGINES {
        let database = Database::empty(engine);
        let program = Program::on(&database);
        let plan = program.run(&["migrate", "--dry-run", "--to", "002", "--json"]).success().json();
        assert_eq!(plan["outcome"], "planned");
        assert_eq!(plan["migrations"][1]["name"], "002_add_indexes");
        let sql = program.run(&["migrate", "--dry-run", "--sql"]).success().stdout;
        assert!(sql.contains("-- 001_initial_schema\nCREATE TABLE users") && sql.contains("maintenance_runs"));
        program.run(&["migrate", "--sql"]).code(2);
        if engine == Engine::Sqlite {
            assert!(!database.path().exists(), "a dry run made a file");
        } else {
            assert_eq!(database.one("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"), "0");
        }
    }
}

#[test]
fn to_points_one_way_and_rollback_the_other() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let program = Program::on(&database);
        let error = program.run(&["migrate", "--to", "004"]).code(2).error();
        assert!(error.contains("004 is below") && error.contains("rollback --to"), "{error}");
        let error = program.run(&["migrate", "--to", "77"]).code(2).error();
        assert!(error.contains("no migration 077") && error.contains("001, 002, 004"), "{error}");
        let error = program.run(&["rollback", "2"]).code(2).error();
        assert!(error.contains("--yes"), "{error}");
        let plan = program.run(&["rollback", "2", "--dry-run", "--json"]).success().json();
        assert_eq!(plan["migrations"][0]["name"], newest());
        let done = program.run(&["rollback", "2", "--yes", "--json"]).success().json();
        assert_eq!(
            (&done["outcome"], &done["to"]),
            (&"rolled_back".into(), &migrations()[migrations().len() - 3].name.into())
        );
        assert_eq!(database.ledger().len(), migrations().len() - 2);
        let error = program.run(&["rollback", "--to", &newest()[..3], "--yes"]).code(2).error();
        assert!(error.contains("migrate --to"), "{error}");
        program.run(&["rollback", "0", "--yes"]).code(2);
        let applied = database.ledger().len();
        for more in
            [(applied + 1).to_string(), "99".to_owned(), usize::MAX.to_string(), "99999999999999999999".to_owned()]
        {
            for arguments in [&["rollback", &more, "--yes"][..], &["rollback", &more, "--dry-run"]] {
                let error = program.run(arguments).code(2).error();
                let counted = error.contains(&format!("applied migrations: {applied}")) && error.contains("--to 0");
                assert!(counted || more.len() == 20, "{error}");
                assert_eq!(database.ledger().len(), applied, "{more}");
            }
        }
        program.run(&["rollback", "--to", "0", "--yes"]).success();
        assert_eq!(program.run(&["rollback", "--yes", "--json"]).success().json()["outcome"], "current");
        let error = program.run(&["rollback", "1", "--yes"]).code(2).error();
        assert!(error.contains("applied migrations: 0"), "{error}");
    }
}

#[test]
fn rows_survive_the_way_down_and_up() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let program = Program::on(&database).env("AUTHSVC_ENV", "test");
        program.run(&["seed"]).success();
        let tables = ["users", "oauth_providers", "refresh_tokens"];
        let columns = "SELECT count(*), sum(id), max(id) FROM";
        let before = tables.map(|table| database.one(&format!("{columns} {table}")));
        program.run(&["rollback", "--to", "004", "--yes"]).success();
        assert_eq!(tables.map(|table| database.one(&format!("{columns} {table}"))), before);
        program.run(&["migrate"]).success();
        assert_eq!(tables.map(|table| database.one(&format!("{columns} {table}"))), before);
        database.execute("DELETE FROM users WHERE email = 'ada@example.com'");
        assert_eq!(
            database
                .one("SELECT count(*) FROM refresh_tokens t LEFT JOIN users u ON u.id = t.user_id WHERE u.id IS NULL"),
            "0"
        );
    }
}

#[test]
fn the_ledger_is_one_that_seaorms_own_tools_read() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        block_on(async {
            let url = authsvc::db::DatabaseUrl::parse(&database.url, &authsvc::db::Defaults::default()).unwrap();
            let pool = authsvc::db::Pool::open(&url, authsvc::db::PoolUse::SERVE).await.unwrap();
            assert!(Migrator::get_pending_migrations_read_only(pool.orm()).await.unwrap().is_empty());
        });
    }
}

#[test]
fn with_nothing_pending_one_query_is_sent_and_nothing_written() {
    let database = Database::migrated(Engine::Postgres);
    let proxy = crate::support::proxy::Proxy::to(crate::support::Cluster::shared().port);
    let url = proxy.url(&database);
    let program = Program::new().env("DATABASE_URL", &url);
    program.run(&["migrate"]).success();
    assert_eq!(proxy.queries(), 1);
    program.run(&["status"]).success();
    assert_eq!(proxy.queries(), 2);
}
