//! The entities match the schema: SeaORM's schema sync changes nothing on a migrated database, and every column has the
//! same nullability.

use std::collections::BTreeSet;
use std::path::Path;

use authsvc::db::{DatabaseUrl, Defaults, Pool, PoolUse};
use entity::value::{Email, Provider, TokenHash};
use entity::{
    TABLES, auth_event, database_identity, known_device, login_throttle, maintenance_run, oauth_provider, oauth_state,
    refresh_token, user,
};
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, Iden, Iterable, Schema};

use crate::support::database::{ENGINES, block_on};
use crate::support::{Database, Engine, Program};
use crate::tidy::files;

async fn orm(database: &Database) -> DatabaseConnection {
    let url = DatabaseUrl::parse(&database.url, &Defaults::default()).unwrap();
    Pool::open(&url, PoolUse::SERVE).await.unwrap().orm().clone()
}

#[test]
fn schema_sync_finds_nothing_to_do() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let objects = match engine {
            Engine::Postgres => {
                "SELECT c.relname || ' ' || coalesce(pg_get_indexdef(c.oid), '') FROM pg_class c WHERE relnamespace = 'public'::regnamespace \
                                 UNION ALL SELECT attrelid::regclass || '.' || attname || format_type(atttypid, atttypmod) FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE relnamespace = 'public'::regnamespace \
                                 UNION ALL SELECT conname || pg_get_constraintdef(oid) FROM pg_constraint ORDER BY 1"
            }
            Engine::Sqlite => "SELECT name || coalesce(sql, '') FROM sqlite_schema ORDER BY 1",
        };
        let before = database.query(objects);
        block_on(async {
            let orm = orm(&database).await;
            let schema = Schema::new(orm.get_database_backend()).builder();
            let schema = schema.register(user::Entity).register(oauth_provider::Entity).register(refresh_token::Entity);
            let schema = schema.register(auth_event::Entity).register(maintenance_run::Entity);
            let schema = schema.register(login_throttle::Entity).register(oauth_state::Entity);
            schema.register(database_identity::Entity).sync(&orm).await.unwrap();
        });
        let after = database.query(objects);
        for (one, other) in [(&before, &after), (&after, &before)] {
            let only: Vec<_> = one.iter().filter(|object| !other.contains(object)).collect();
            assert!(only.is_empty(), "{engine:?}: {only:?}");
        }
    }
}

/// `table.column null|not null` of an entity.
fn columns<E: EntityTrait>(entity: E) -> Vec<String> {
    let nullable = |column: E::Column| if column.def().is_null() { "null" } else { "not null" };
    E::Column::iter()
        .map(|column| format!("{}.{} {}", entity.table_name(), column.to_string(), nullable(column)))
        .collect()
}

#[test]
fn every_column_is_in_both_with_the_same_nullability() {
    let mut of_entities: Vec<String> = columns(user::Entity);
    of_entities.extend(columns(oauth_provider::Entity));
    of_entities.extend(columns(refresh_token::Entity));
    of_entities.extend(columns(auth_event::Entity));
    of_entities.extend(columns(maintenance_run::Entity));
    of_entities.extend(columns(login_throttle::Entity));
    of_entities.extend(columns(oauth_state::Entity));
    of_entities.extend(columns(known_device::Entity));
    of_entities.extend(columns(database_identity::Entity));
    let of_entities: BTreeSet<String> = of_entities.into_iter().collect();
    for engine in ENGINES {
        let database = Database::migrated(engine);
        let sql = match engine {
            Engine::Postgres => {
                "SELECT table_name || '.' || column_name || CASE is_nullable WHEN 'YES' THEN ' null' ELSE ' not null' END FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT IN ('seaql_migrations', 'authsvc_migrations')"
            }
            Engine::Sqlite => {
                "SELECT t.name || '.' || c.name || iif(c.\"notnull\" OR c.pk, ' not null', ' null') FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT IN ('seaql_migrations', 'authsvc_migrations', 'sqlite_sequence')"
            }
        };
        assert_eq!(database.query(sql).into_iter().collect::<BTreeSet<_>>(), of_entities, "{engine:?}");
    }
}

#[test]
fn every_table_has_an_entity() {
    let database = Database::migrated(Engine::Sqlite);
    let tables = database.query("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '%_migrations' AND name <> 'sqlite_sequence' ORDER BY 1");
    assert_eq!(tables.into_iter().collect::<BTreeSet<_>>(), TABLES.map(str::to_owned).into());
}

#[test]
fn finders_leave_soft_deleted_accounts_out() {
    for engine in ENGINES {
        let database = Database::migrated(engine);
        Program::on(&database).env("AUTHSVC_ENV", "test").run(&["seed"]).success();
        database.execute("INSERT INTO refresh_tokens (user_id, token_hash, expires_at) SELECT id, 'gone', '2090-01-01T00:00:00.000+00:00' FROM users WHERE username = 'deleted'");
        block_on(async {
            let orm = orm(&database).await;
            let email = |text| Email::parse(text).unwrap();
            let by_email = |text| user::Entity::by_email(&email(text), orm.get_database_backend()).one(&orm);
            assert_eq!(by_email("ADA@Example.com").await.unwrap().unwrap().username, "ada");
            assert!(by_email("deleted@example.com").await.unwrap().is_none());
            let all = user::Entity::find().all(&orm).await.unwrap().len();
            assert_eq!(user::Entity::existing().all(&orm).await.unwrap().len(), all - 1);
            let gone = TokenHash::new("gone");
            assert!(refresh_token::Entity::by_hash(&gone).one(&orm).await.unwrap().is_none());
            let now = authsvc::clock::now();
            let live = refresh_token::Entity::live(now).all(&orm).await.unwrap();
            assert_eq!(live.len(), 4);
            assert!(live.iter().all(|token| token.is_live(now) && token.family() == token.id));
            let hedy =
                user::Entity::by_provider_account(Provider::Google, "100000000000000000001").one(&orm).await.unwrap();
            assert_eq!(hedy.unwrap().username, "hedy");
            let link =
                oauth_provider::Entity::of_existing(Provider::Github, "200001").one(&orm).await.unwrap().unwrap();
            assert!(!format!("{link:?}").contains("dev-github"), "a token shows in Debug");
        });
    }
}

/// `module::Entity::name` of every public function of an entity that returns a `Select`.
fn finders() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("entity/src");
    let finders = files(&folder, "rs").into_iter().flat_map(|file| {
        let module = file.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        let functions = text.split("    pub fn ").skip(1).map(|rest| rest.split(" {").next().unwrap().to_owned());
        let finders = functions.filter(|signature| signature.contains("-> Select<Self>"));
        finders.map(move |it| format!("{module}::Entity::{}", it.split('(').next().unwrap())).collect::<Vec<_>>()
    });
    finders.collect()
}

#[test]
fn the_readme_of_the_crate_has_every_finder_table_and_module() {
    let page = include_str!("../../entity/README.md");
    let names = |section: &str, cell: usize| -> BTreeSet<String> {
        let section = page.split(&format!("## {section}\n")).nth(1).unwrap().split("\n## ").next().unwrap();
        let rows = section.lines().filter(|line| line.starts_with("| `"));
        rows.map(|row| row.split('`').nth(2 * cell + 1).unwrap().to_owned()).collect()
    };
    assert_eq!(names("Finders", 0), finders());
    assert_eq!(names("Tables", 1), TABLES.map(str::to_owned).into());
    let modules = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("entity/src/lib.rs")).unwrap();
    for module in names("Tables", 0) {
        assert!(modules.contains(&format!("pub mod {module};")), "{module}");
    }
}

#[test]
fn email_addresses_are_what_the_database_accepts() {
    let database = Database::migrated(Engine::Postgres);
    for text in [
        "a@b.co",
        "A.b+c%d_e-f@x-y.example.museum",
        "a@b",
        "@b.co",
        "a@.co",
        "a b@c.co",
        "a@b.c",
        "a@b.c0",
        "ä@b.co",
        "a@b@c.co",
        "",
        "a@b..co",
        "-@-.aa",
    ] {
        let accepted =
            database.one(&format!("SELECT '{text}' ~* '^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\\.[A-Za-z]{{2,}}$'")) == "t";
        assert_eq!(Email::parse_stored(text).is_ok(), accepted, "{text}");
        assert!(accepted || Email::parse(text).is_err(), "{text}");
    }
}
