//! Every migration runs up, down and up again, and leaves the schema in `migration/catalogue/`.

use std::path::PathBuf;

use authsvc::migrate::migrations;

use crate::support::database::{ENGINES, block_on};
use crate::support::{Database, Engine, Program};

/// The live catalogue as the program reads it.
fn catalogue(database: &Database) -> String {
    let url = authsvc::db::DatabaseUrl::parse(&database.url, &authsvc::db::Defaults::default()).unwrap();
    block_on(async {
        let mut connection = authsvc::db::Connection::open(&url).await.unwrap();
        authsvc::migrate::read_catalogue(&mut connection).await.unwrap().to_string()
    })
}

fn written_down(engine: Engine, name: &str) -> PathBuf {
    let folder = if engine == Engine::Postgres { "postgres" } else { "sqlite" };
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("migration/catalogue").join(folder).join(format!("{name}.txt"))
}

#[test]
fn catalogue_after_each_migration_is_the_one_written_down() {
    for engine in ENGINES {
        let database = Database::empty(engine);
        for migration in migrations() {
            let path = written_down(engine, migration.name);
            if std::env::var_os("UPDATE_CATALOGUE").is_some() {
                // one at a time would be compared with what is not written yet
                Program::on(&database).run(&["rollback", "--to", "0", "--yes"]).success();
                Program::on(&database).run(&["migrate", "--to", &migration.number.to_string()]).success();
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, catalogue(&database)).unwrap();
            } else {
                Program::on(&database).run(&["migrate", "--to", &migration.number.to_string()]).success();
                let expected = std::fs::read_to_string(&path).unwrap_or_default();
                let hint = "run `UPDATE_CATALOGUE=1 cargo test catalogue` and look at the difference";
                assert_eq!(catalogue(&database), expected, "{}: {hint}", path.display());
            }
        }
    }
}

#[test]
fn up_down_and_up_again_makes_the_same_schema() {
    for engine in ENGINES {
        let database = Database::empty(engine);
        let program = Program::on(&database);
        program.run(&["migrate"]).success();
        let before = catalogue(&database);
        program.run(&["rollback", "--to", "0", "--yes"]).success();
        assert_eq!(catalogue(&database), "", "{engine:?}: something is left");
        assert_eq!(database.ledger(), Vec::<String>::new());
        program.run(&["migrate"]).success();
        assert_eq!(catalogue(&database), before, "{engine:?}");
    }
}

#[test]
fn each_single_step_down_and_up_makes_the_same_schema() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let program = Program::on(&database);
        for migration in migrations().iter().rev() {
            let before = catalogue(&database);
            program.run(&["rollback", "--yes"]).success();
            program.run(&["migrate", "--to", &migration.number.to_string()]).success();
            assert_eq!(catalogue(&database), before, "{engine:?}: {}", migration.name);
            program.run(&["rollback", "--yes"]).success();
        }
    }
}

#[test]
fn every_column_has_a_type_that_the_program_knows() {
    use authsvc::db::ColumnType;
    for engine in ENGINES {
        for migration in migrations() {
            let text = std::fs::read_to_string(written_down(engine, migration.name)).unwrap();
            for line in text.lines().filter(|line| line.starts_with("column ")) {
                let declaration = line.split('\t').nth(1).unwrap();
                assert_ne!(ColumnType::parse(declaration), ColumnType::Other, "{line}");
            }
        }
    }
    assert_eq!(ColumnType::parse("character varying(255) not null"), ColumnType::Text);
    assert_eq!(ColumnType::parse("integer primary key"), ColumnType::Integer);
    assert_eq!(ColumnType::parse("text[]"), ColumnType::Other);
}
