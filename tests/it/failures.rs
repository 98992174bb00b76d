//! An error of the server, SQLite or the system reaches the operator with its text, its code, a hint, and the right
//! exit code.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::pgbouncer::PgBouncer;
use crate::support::program::get;
use crate::support::{CANARY_ENCODED, Cluster, Database, Engine, Program, eventually};

/// Holds the write lock of a SQLite file.
struct Writer(tokio::runtime::Runtime, sqlx::SqliteConnection);

impl Writer {
    fn of(database: &Database, begin: &'static str) -> Self {
        use sqlx::{Connection as _, Executor as _};
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let connection = runtime.block_on(async {
            let path = format!("sqlite:{}", database.path().display());
            let mut writer = sqlx::SqliteConnection::connect(&path).await.unwrap();
            writer.execute(begin).await.unwrap();
            writer
        });
        Self(runtime, connection)
    }

    fn end(mut self) {
        use sqlx::Executor as _;
        self.0.block_on(async { self.1.execute("COMMIT").await.unwrap() });
    }
}

#[test]
fn a_sqlite_file_that_another_process_writes_to_is_exit_6_for_every_command() {
    let database = Database::migrated(Engine::Sqlite);
    let backup = Program::on(&database);
    backup.run(&["backup", "--output", "backup.sql"]).success();
    let file = backup.directory().join("backup.sql");
    let file = file.to_str().unwrap();
    let pending = Database::empty(Engine::Sqlite);
    Program::on(&pending).run(&["migrate", "--to", "009"]).success();
    let (writer, other) = (Writer::of(&database, "BEGIN IMMEDIATE"), Writer::of(&pending, "BEGIN IMMEDIATE"));
    for (database, command) in [
        (&database, &["cleanup"][..]),
        (&database, &["seed"]),
        (&database, &["restore", "--yes", "--no-safety-backup", file]),
        (&database, &["rollback", "--yes", "--no-safety-backup"]),
        (&pending, &["migrate"]),
    ] {
        let program = Program::on(database).env("AUTHSVC_LOCK_WAIT", "1s").env("AUTHSVC_ENV", "test");
        let error = program.run(command).code(6).error();
        assert!(!error.contains("server runs") && !error.contains("pg_stat_activity"), "{command:?}: {error}");
        assert!(error.contains("fuser") || error.contains("another"), "{command:?}: {error}");
    }
    // a command that only reads works beside a writer
    for command in [&["status"][..], &["cleanup", "--dry-run"], &["backup", "--output", "again.sql"], &["health"]] {
        Program::on(&database).run(command).success();
    }
    writer.end();
    other.end();
    Program::on(&database).run(&["cleanup"]).success();
}

#[test]
fn a_sqlite_file_that_nobody_may_read_is_exit_6_for_readers() {
    let database = Database::migrated(Engine::Sqlite);
    database.execute("PRAGMA journal_mode = DELETE");
    let writer = Writer::of(&database, "BEGIN EXCLUSIVE");
    for command in [&["status"][..], &["cleanup", "--dry-run"], &["backup"], &["migrate"]] {
        let program = Program::on(&database).env("AUTHSVC_LOCK_WAIT", "1s");
        let error = program.run(command).code(6).error();
        assert!(error.contains("database is locked (5)") && error.contains("fuser"), "{command:?}: {error}");
    }
    let report = Program::on(&database).run(&["health"]).code(3).json();
    assert!(!report.to_string().contains("server runs"), "{report}");
    writer.end();
}

/// With a system call that fails from its n-th use on.
fn failing(database: &Database, call: &str, error: &str) -> Program {
    let inject = format!("inject={call}:error={error}");
    Program::on(database).through(&[
        "strace",
        "-D",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        &format!("trace={call}"),
        "-e",
        &inject,
    ])
}

#[test]
fn a_disk_that_is_full_or_fails_is_named_with_the_code_of_sqlite() {
    let database = Database::empty(Engine::Sqlite);
    let program = Program::on(&database);
    program.run(&["migrate", "--to", "009"]).success();
    for (call, error, code, hint) in [
        ("pwrite64", "ENOSPC", "(4874)", "free space on the disk of the SQLite file"),
        ("pwrite64", "EIO", "(4874)", "the disk fails"),
    ] {
        let told = failing(&database, call, error).run(&["migrate"]).code(1).error();
        assert!(told.contains(code) && told.contains(hint), "{call} {error}: {told}");
        assert!(!told.contains("server"), "{told}");
        let document = failing(&database, call, error).run(&["migrate", "--json"]).code(1).json();
        assert!(document["error"]["message"].as_str().unwrap().contains(code), "{document}");
        assert!(document["error"]["hint"].as_str().unwrap().contains(hint), "{document}");
    }
    program.run(&["migrate"]).success();
    // a file that no log precedes
    let plain = Database::migrated(Engine::Sqlite);
    plain.execute("PRAGMA journal_mode = DELETE; INSERT INTO login_throttles (subject, failures, last_failed_at, blocked_until) VALUES ('x', 1, '2020-01-01T00:00:00.000+00:00', NULL)");
    let full = failing(&plain, "pwrite64", "ENOSPC").run(&["cleanup"]).code(1).error();
    assert!(full.contains("(13)") && full.contains("free space on the disk of the SQLite file"), "{full}");
}

#[test]
fn stdout_that_takes_nothing_is_named_by_every_command() {
    let database = Database::migrated(Engine::Sqlite);
    let full = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_authsvc"))
            .args(arguments)
            .env_clear()
            .env("DATABASE_URL", &database.url)
            .current_dir(database.directory.as_ref().unwrap().path())
            .stdin(Stdio::null())
            .stdout(File::options().write(true).open("/dev/full").unwrap())
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for arguments in [
        &["migrate"][..],
        &["migrate", "--json"],
        &["status"],
        &["list-backups"],
        &["health"],
        &["detailed-health"],
        &["cleanup"],
        &["backup"],
        &["backup", "--output", "-"],
        &["completions", "bash"],
        &["man"],
        &["help"],
        &["--help"],
        &["--version"],
        &["backup", "--help"],
    ] {
        let (code, stderr) = full(arguments);
        assert_eq!(code, Some(1), "{arguments:?}: {stderr}");
        assert!(stderr.contains("stdout: No space left on device (os error 28)"), "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let database = Database::migrated(Engine::Sqlite);
    for arguments in ["status", "help", "completions bash", "detailed-health", "--version"] {
        let script = format!("{{ '{}' {arguments}; echo $? >&2; }} | true", env!("CARGO_BIN_EXE_authsvc"));
        let mut shell = Command::new("bash");
        shell.args(["-c", &script]).env_clear().env("DATABASE_URL", &database.url);
        let output = shell.current_dir(database.directory.as_ref().unwrap().path()).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!stderr.contains("error:"), "{arguments}: {stderr}");
    }
}

#[test]
fn pgbouncer_is_believed_what_it_says() {
    let database = Database::migrated(Engine::Postgres);
    let users = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(users.path(), "\"postgres\" \"\"\n").unwrap();
    std::fs::set_permissions(users.path(), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let trust = format!("auth_type = trust\nauth_file = {}\n", users.path().display());
    let bouncer = PgBouncer::configured(&database, &trust);
    let status = |url: &str| Program::new().env("DATABASE_URL", url).run(&["status"]).code(1).error();
    let error = status(&bouncer.url.replace(&database.name(), "nosuch"));
    assert!(error.contains("no such database: nosuch (08P01)"), "{error}");
    assert!(error.contains("[databases] of pgbouncer.ini") && !error.contains("host and port"), "{error}");
    let error = status(&bouncer.url.replace("postgres@", "stranger@"));
    assert!(error.contains("(08P01)") && error.contains("auth_file"), "{error}");
    let error = status(&PgBouncer::start(&database).url.replace(&database.name(), "nosuch"));
    assert!(error.contains("bouncer config error (08P01)") && error.contains("[databases]"), "{error}");
    // a name that is wrong is not waited for
    let begin = Instant::now();
    let program = Program::new().env("DATABASE_URL", &bouncer.url.replace(&database.name(), "nosuch"));
    program.env("AUTHSVC_LISTEN", "127.0.0.1:0").env("AUTHSVC_ADMIN_LISTEN", "127.0.0.1:0").run(&["serve"]).code(1);
    assert!(begin.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_pgbouncer_without_room_says_which_setting() {
    let database = Database::migrated(Engine::Postgres);
    let bouncer = PgBouncer::configured(&database, "max_client_conn = 1\n");
    let mut kept = crate::support::database::open(&bouncer.url);
    let error = Program::new().env("DATABASE_URL", &bouncer.url).run(&["status"]).code(1).error();
    assert!(error.contains("no more connections allowed"), "{error}");
    assert!(error.contains("raise max_client_conn in pgbouncer.ini"), "{error}");
    kept.execute("SELECT 1");
    drop(kept);
    let bouncer = PgBouncer::configured(&database, "default_pool_size = 1\nquery_wait_timeout = 1\n");
    let mut kept = crate::support::database::open(&bouncer.url);
    kept.execute("BEGIN");
    let error = Program::new().env("DATABASE_URL", &bouncer.url).run(&["status"]).code(1).error();
    assert!(error.contains("query_wait_timeout (08P01)") && error.contains("default_pool_size"), "{error}");
}

#[test]
fn a_pgbouncer_whose_server_is_gone_or_refuses_says_so() {
    let database = Database::migrated(Engine::Postgres);
    let cluster = Cluster::start(&[]);
    let other = Database::on(&cluster, None);
    cluster.signal("INT");
    let bouncer = PgBouncer::to(
        &cluster,
        &other,
        "server_connect_timeout = 1\nclient_login_timeout = 3\nquery_wait_timeout = 3\n",
    );
    let error = eventually("the refusal of the pooler", || {
        let outcome = Program::new().env("DATABASE_URL", &bouncer.url).run(&["status"]);
        Some(outcome.code(1).error()).filter(|error| error.contains("08P01"))
    });
    assert!(error.contains("PgBouncer") && !error.contains("that host and port are right"), "{error}");
    // what the server reports reaches the operator, with a hint about that server
    let dropped = Database::empty(Engine::Postgres);
    let bouncer = PgBouncer::start(&dropped);
    Cluster::shared().superuser(&format!("DROP DATABASE {}", dropped.name()));
    let error = Program::new().env("DATABASE_URL", &bouncer.url).run(&["status"]).code(1).error();
    assert!(error.contains("does not exist (08P01)") && error.contains("server behind PgBouncer has no"), "{error}");
    // a user that the pooler does not know
    let bouncer = PgBouncer::configured(&database, "auth_type = md5\nauth_file = /dev/null\n");
    let url = bouncer.url.replace("postgres@", "stranger:x@");
    let error = Program::new().env("DATABASE_URL", &url).run(&["status"]).code(1).error();
    assert!(error.contains("08P01") && (error.contains("auth_file") || error.contains("auth_query")), "{error}");
}

#[test]
fn a_setting_that_makes_the_database_read_only_is_not_a_failover() {
    let database = Database::empty(Engine::Postgres);
    let name = database.name();
    let role = format!("ro_{name}");
    let cluster = Cluster::shared();
    cluster.superuser(&format!("CREATE ROLE {role} LOGIN PASSWORD '{}'", crate::support::CANARY));
    database.execute(&format!("GRANT CREATE, USAGE ON SCHEMA public TO {role}"));
    let url = database.url.replace("app:", &format!("{role}:"));
    assert!(url.contains(CANARY_ENCODED));
    for (set, reset, hint) in [
        (
            format!("ALTER ROLE {role} SET"),
            format!("ALTER ROLE {role} RESET"),
            format!("ALTER ROLE {role} RESET default_transaction_read_only"),
        ),
        (
            format!("ALTER DATABASE {name} SET"),
            format!("ALTER DATABASE {name} RESET"),
            "ALTER DATABASE name RESET default_transaction_read_only".to_owned(),
        ),
        (
            format!("ALTER ROLE {role} IN DATABASE {name} SET"),
            format!("ALTER ROLE {role} IN DATABASE {name} RESET"),
            format!("ALTER ROLE {role} IN DATABASE name RESET default_transaction_read_only"),
        ),
    ] {
        cluster.superuser(&format!("{set} default_transaction_read_only = on"));
        for attrs in ["", "?target_session_attrs=read-write"] {
            let program = Program::new().env("DATABASE_URL", &format!("{url}{attrs}"));
            let error = program.run(&["migrate"]).code(1).error();
            assert!(error.contains("read-only") && error.contains(&hint), "{attrs}: {error}");
            assert!(!error.contains("wait for the failover"), "{error}");
        }
        let begin = Instant::now();
        let program = Program::new().env("DATABASE_URL", &url).env("AUTHSVC_LISTEN", "127.0.0.1:0");
        let error = program.env("AUTHSVC_ADMIN_LISTEN", "127.0.0.1:0").run(&["serve"]).code(1).error();
        assert!(error.contains(&hint) && begin.elapsed() < Duration::from_secs(20), "{error}");
        cluster.superuser(&format!("{reset} default_transaction_read_only"));
    }
    Program::new().env("DATABASE_URL", &url).run(&["migrate"]).success();
    cluster.superuser(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    let program = Program::new().env("DATABASE_URL", &url);
    for command in [&["cleanup"][..], &["rollback", "--yes", "--no-safety-backup"]] {
        let error = program.run(command).code(1).error();
        assert!(error.contains("ALTER DATABASE name RESET"), "{command:?}: {error}");
    }
    let report = program.run(&["health"]).success().json();
    assert!(
        report["errors"].to_string().contains("default_transaction_read_only is on (set by: database)"),
        "{report}"
    );
}

#[test]
fn a_schema_in_which_the_role_may_not_create_names_the_grant() {
    let database = Database::empty(Engine::Postgres);
    database.execute("ALTER SCHEMA public OWNER TO postgres; REVOKE CREATE ON SCHEMA public FROM PUBLIC, app");
    database.execute("GRANT USAGE ON SCHEMA public TO app");
    let error = Program::on(&database).run(&["migrate"]).code(1).error();
    assert!(error.contains("permission denied for schema public") && error.contains("(42501)"), "{error}");
    assert!(error.contains("GRANT CREATE ON SCHEMA public TO app"), "{error}");
    database.execute("GRANT CREATE ON SCHEMA public TO app");
    Program::on(&database).run(&["migrate"]).success();
}

#[test]
fn what_a_server_says_while_connecting_has_its_own_hint() {
    let database = Database::migrated(Engine::Postgres);
    let name = database.name();
    let cluster = Cluster::shared();
    cluster.superuser(&format!(
        "CREATE ROLE nologin_{name} NOLOGIN PASSWORD 'x'; CREATE ROLE one_{name} LOGIN PASSWORD 'x' CONNECTION LIMIT 0"
    ));
    let url = |user: &str| database.url.replace(&format!("app:{CANARY_ENCODED}"), &format!("{user}:x"));
    let port = cluster.port;
    for (url, code, hint) in [
        (url("app"), "(28P01)", "check user and password"),
        (url(&format!("nologin_{name}")), "(28000)", "LOGIN"),
        (url(&format!("one_{name}")), "(53300)", "max_connections"),
        (format!("{}x", database.url), "(3D000)", "createdb"),
        (database.url.replace(&port.to_string(), "1"), "Connection refused", "check that the server runs"),
        (database.url.replace("127.0.0.1", "no-such-host.invalid"), "failed to lookup address", "DNS"),
        (format!("{}?sslmode=require", database.url), "TLS", "sslmode"),
        (format!("postgres://app@/{name}?host=/nonexistent"), "No such file or directory", "socket"),
    ] {
        let outcome = Program::new().env("DATABASE_URL", &url).run(&["status"]);
        let error = outcome.code(1).error();
        assert!(error.contains(code) && error.contains(hint), "{url}: {error}");
    }
}

#[test]
fn a_timeout_of_the_role_is_named() {
    let database = Database::migrated(Engine::Postgres);
    database.execute("INSERT INTO users (email, username, password_hash) SELECT n || '@example.com', n, 'x' FROM generate_series(1, 20000) n");
    let name = database.name();
    Cluster::shared().superuser(&format!("ALTER DATABASE {name} SET statement_timeout = '1ms'"));
    let server = Program::on(&database).env("AUTHSVC_ENV", "test").serve();
    // probes are answered whatever the role's settings are
    eventually("a report", || get(server.admin, "/health"));
    let error = Program::on(&database).run(&["cleanup", "--dry-run"]);
    let text = format!("{}{}", error.stdout, error.stderr);
    if error.code == Some(1) {
        assert!(text.contains("57014") && text.contains("statement_timeout"), "{text}");
    }
}
