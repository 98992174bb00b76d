//! Faults of a SQLite file.

use std::os::unix::fs::PermissionsExt;

use crate::support::{Database, Engine, Program};

/// Root can write to every file; these tests need a user who cannot.
const UNPRIVILEGED: [&str; 4] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status").unwrap().contains("Uid:\t0\t")
}

fn unprivileged(program: Program) -> Program {
    if is_root() { program.through(&UNPRIVILEGED) } else { program }
}

fn mode(path: &std::path::Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_missing_file_is_not_created_unless_the_url_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("typo.db");
    for command in [&["migrate"][..], &["status"], &["rollback", "--yes"], &["serve"]] {
        let program = Program::new().env("DATABASE_URL", &format!("sqlite:{}", path.display()));
        let program = program.env("AUTHSVC_LISTEN", "127.0.0.1:0").env("AUTHSVC_ADMIN_LISTEN", "127.0.0.1:0");
        let error = program.run(command).code(1).error();
        assert!(error.contains("does not exist") && error.contains("mode=rwc"), "{error}");
        assert!(!path.exists());
    }
    let program = Program::new();
    program.run(&["status"]).success();
    program.run(&["rollback", "--yes"]).success();
    assert!(!program.directory().join("authsvc.db").exists(), "only migrate and serve create the default file");
}

#[test]
fn a_new_file_is_readable_by_its_owner_only() {
    let program = Program::new();
    let file = program.directory().join("authsvc.db");
    let server = program.serve().ready();
    let directory = file.parent().unwrap().to_owned();
    for entry in std::fs::read_dir(&directory).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", entry.file_name());
    }
    server.stop().success();
}

#[test]
fn nothing_is_left_beside_the_file() {
    let database = Database::empty(Engine::Sqlite);
    let program = Program::on(&database).env("AUTHSVC_ENV", "test");
    for command in [&["migrate"][..], &["migrate"], &["status"], &["seed"], &["rollback", "--yes"], &["migrate"]] {
        program.run(command).success();
        let files = std::fs::read_dir(database.directory.as_ref().unwrap().path()).unwrap().count();
        assert_eq!(files, 1, "a log was left by {command:?}");
    }
}

#[test]
fn a_read_only_file_can_be_looked_at_and_served_when_current() {
    let database = Database::migrated(Engine::Sqlite);
    mode(database.directory.as_ref().unwrap().path(), 0o755);
    mode(&database.path(), 0o444);
    let url = format!("sqlite:{}?mode=ro", database.path().display());
    let program = || unprivileged(Program::new().env("DATABASE_URL", &url));
    program().run(&["status", "--check"]).success();
    program().run(&["migrate"]).success();
    let error = program().run(&["rollback", "--yes", "--no-safety-backup"]).code(1).error();
    assert!(error.contains("readonly") || error.contains("read-only") || error.contains("unable to open"), "{error}");
}

#[test]
fn a_directory_that_cannot_be_written_is_said_to_be() {
    let directory = tempfile::tempdir().unwrap();
    mode(directory.path(), 0o555);
    let url = format!("sqlite:{}/new.db?mode=rwc", directory.path().display());
    let error = unprivileged(Program::new().env("DATABASE_URL", &url)).run(&["migrate"]).code(1).error();
    assert!(error.contains("new.db") && error.contains("unable to open database file"), "{error}");
    mode(directory.path(), 0o755);
    let url = format!("sqlite:{}/no/such/folder.db?mode=rwc", directory.path().display());
    let error = Program::new().env("DATABASE_URL", &url).run(&["migrate"]).code(1).error();
    assert!(error.contains("unable to open database file"), "{error}");
    let url = format!("sqlite:{}?mode=rwc", directory.path().display());
    let error = Program::new().env("DATABASE_URL", &url).run(&["status"]).code(1).error();
    assert!(error.contains("is a directory"), "{error}");
}

#[test]
fn a_damaged_file_is_refused_and_left_as_it_is() {
    let database = Database::migrated(Engine::Sqlite);
    let path = database.path();
    let healthy = std::fs::read(&path).unwrap();
    let mut damaged = healthy.clone();
    damaged[100..4096].fill(0x55);
    for content in [damaged, b"SQLite format 3, or so they say".repeat(100), b"PK\x03\x04".repeat(500)] {
        std::fs::write(&path, &content).unwrap();
        for command in [&["status"][..], &["migrate"], &["rollback", "--yes"]] {
            let error = Program::on(&database).run(command).code(1).error();
            assert!(error.contains("malformed") || error.contains("not a database"), "{error}");
            assert!(error.contains("restore a backup"), "{error}");
        }
        assert_eq!(std::fs::read(&path).unwrap(), content);
    }
}

#[test]
fn another_process_that_writes_is_waited_for_and_then_given_up() {
    let database = Database::empty(Engine::Sqlite);
    let program = Program::on(&database).env("AUTHSVC_LOCK_WAIT", "1s");
    program.run(&["migrate", "--to", "007"]).success();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut writer = runtime.block_on(async {
        use sqlx::{Connection as _, Executor as _};
        let mut writer =
            sqlx::SqliteConnection::connect(&format!("sqlite:{}", database.path().display())).await.unwrap();
        writer.execute("BEGIN IMMEDIATE").await.unwrap();
        writer
    });
    let error = program.run(&["migrate"]).code(6).error();
    assert!(error.contains("another program") && error.contains("1s"), "{error}");
    runtime.block_on(async {
        use sqlx::Executor as _;
        writer.execute("COMMIT").await.unwrap();
    });
    program.run(&["migrate"]).success();
}

#[test]
fn a_rebuilt_parent_table_keeps_its_children() {
    let database = Database::empty(Engine::Sqlite);
    let program = Program::on(&database);
    program.run(&["migrate", "--to", "004"]).success();
    database.execute(
        "INSERT INTO users (email, username, password_hash) VALUES ('a@example.com', 'a', 'x');
         INSERT INTO refresh_tokens (user_id, token_hash, expires_at) VALUES (1, 'h', '2030-01-01T00:00:00.000+00:00')",
    );
    program.run(&["migrate"]).success();
    assert_eq!(database.one("SELECT count(*) FROM refresh_tokens"), "1");
    assert_eq!(database.query("PRAGMA foreign_key_check"), Vec::<String>::new());
    // the rebuilt tables refuse what they should
    database.execute("DELETE FROM users");
    assert_eq!(database.one("SELECT count(*) FROM refresh_tokens"), "0");
}

#[test]
fn rows_written_between_the_steps_are_kept() {
    let database = Database::empty(Engine::Sqlite);
    let program = Program::on(&database);
    let insert = |name: &str| {
        database.execute(&format!(
            "INSERT INTO users (email, username, password_hash) VALUES ('{name}@example.com', '{name}', 'x')"
        ));
    };
    program.run(&["migrate", "--to", "006"]).success();
    insert("early");
    program.run(&["migrate"]).success();
    program.run(&["rollback", "--to", "006", "--yes"]).success();
    insert("late");
    program.run(&["migrate"]).success();
    assert_eq!(database.query("SELECT username FROM users ORDER BY id"), ["early", "late"]);
}

#[test]
fn orphans_are_found_before_the_run_is_committed() {
    let database = Database::empty(Engine::Sqlite);
    let program = Program::on(&database);
    program.run(&["migrate", "--to", "004"]).success();
    database.execute("PRAGMA foreign_keys = OFF; INSERT INTO refresh_tokens (user_id, token_hash, expires_at) VALUES (99, 'h', '2030-01-01T00:00:00.000+00:00')");
    let error = program.run(&["migrate"]).code(1).error();
    assert!(error.contains("1 rows of `refresh_tokens`"), "{error}");
    assert_eq!(database.ledger().len(), 3, "nothing was applied");
}

#[test]
fn times_sort_as_texts_and_come_back_as_they_were() {
    use entity::{
        User, user,
        value::{Email, PasswordHash, Provider},
    };
    use sea_orm::{ActiveModelTrait, ColumnTrait, QueryFilter, QueryOrder, Set};
    let database = Database::migrated(Engine::Sqlite);
    crate::support::database::block_on(async {
        let url = authsvc::db::DatabaseUrl::parse(&database.url, &authsvc::db::Defaults::default()).unwrap();
        let pool = authsvc::db::Pool::open(&url, authsvc::db::PoolUse::SERVE).await.unwrap();
        let base = chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let times: Vec<_> = [0, 1, 999, 1_000, 250_000, 999_999, 1_000_000, 61_000_001]
            .map(|us| base + chrono::Duration::microseconds(us))
            .into();
        for (n, time) in times.iter().enumerate().rev() {
            let model = user::ActiveModel {
                email: Set(Email::parse(&format!("u{n}@example.com")).unwrap()),
                username: Set(format!("u{n}")),
                password_hash: Set(PasswordHash::new("x")),
                provider: Set(Provider::Email),
                last_login: Set(Some(*time)),
                ..Default::default()
            };
            model.insert(pool.orm()).await.unwrap();
        }
        let found = User::existing().order_by_asc(user::Column::LastLogin).all(pool.orm()).await.unwrap();
        assert_eq!(found.iter().map(|user| user.last_login.unwrap()).collect::<Vec<_>>(), times);
        let later = User::existing().filter(user::Column::LastLogin.gt(times[3])).all(pool.orm()).await.unwrap();
        assert_eq!(later.len(), 4);
    });
}
