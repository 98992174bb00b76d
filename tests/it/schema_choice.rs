//! The schema is chosen once and used by every query, whatever the search_path and the other schemas hold.

use std::io::{Read as _, Write as _};

use crate::accounts::unlimited;
use crate::backup::backup;
use crate::support::api::{log_in, register};
use crate::support::installation::Installation;
use crate::support::pgbouncer::PgBouncer;
use crate::support::{Database, Engine, Program};

/// Every command that looks for our tables.
fn use_everything(database: &Database) {
    let program = unlimited(database);
    program.run(&["migrate"]).success();
    let status = program.run(&["status", "--check"]);
    assert_eq!(status.code, Some(0), "{}", status.stdout);
    let file = backup(&program, &[]);
    program.run(&["restore", file.to_str().unwrap(), "--yes"]).success();
    program.run(&["rollback", "--yes"]).success();
    program.run(&["migrate"]).success();
    program.run(&["cleanup"]).success();
    assert_eq!(program.run(&["health"]).success().json()["migrations"]["drift"], false);
    let server = unlimited(database).serve().ready();
    register(server.public, "ada").status(201);
    log_in(server.public, "ada@example.com", "a long password").status(200);
    server.stop().success();
    program.run(&["status", "--check"]).success();
}

#[test]
fn a_schema_named_like_the_role_that_comes_later_changes_nothing() {
    let database = Database::migrated(Engine::Postgres);
    database.execute("CREATE SCHEMA app AUTHORIZATION app; CREATE TABLE app.users (id INTEGER)");
    use_everything(&database);
    let elsewhere = "SELECT DISTINCT schemaname FROM pg_tables WHERE tablename IN ('users', 'auth_events') ORDER BY 1";
    assert_eq!(database.query(elsewhere), ["app", "public"]);
}

#[test]
fn a_history_behind_the_schema_that_is_named_first_is_refused() {
    let database = Database::migrated(Engine::Postgres);
    let name = database.name();
    database.execute(&format!(
        "CREATE SCHEMA staging AUTHORIZATION app; ALTER DATABASE {name} SET search_path = staging, public"
    ));
    for command in [&["migrate"][..], &["status"], &["seed"], &["backup"], &["rollback", "--yes"], &["cleanup"]] {
        let error = Program::on(&database).env("AUTHSVC_ENV", "development").run(command).code(1).error();
        assert!(error.contains("`public`") && error.contains("`staging`"), "{command:?}: {error}");
    }
    assert_eq!(database.one("SELECT count(*) FROM public.users"), "0");
    database.execute(&format!("ALTER DATABASE {name} SET search_path = staging"));
    use_everything(&database);
    assert_eq!(
        database.query("SELECT DISTINCT schemaname FROM pg_tables WHERE tablename = 'auth_events' ORDER BY 1"),
        ["public", "staging"]
    );
    assert_eq!(database.one("SELECT count(*) FROM public.users"), "0");
}

#[test]
fn a_new_database_begins_in_the_schema_that_is_named_first_or_nowhere() {
    let database = Database::empty(Engine::Postgres);
    let name = database.name();
    database.execute(&format!(
        "CREATE SCHEMA readonly; GRANT USAGE ON SCHEMA readonly TO app; CREATE SCHEMA own AUTHORIZATION app; \
         ALTER DATABASE {name} SET search_path = readonly, own"
    ));
    // in `own` every later command would refuse it
    let error = unlimited(&database).run(&["migrate"]).code(1).error();
    assert!(error.contains("permission denied for schema readonly") && error.contains("search_path"), "{error}");
    assert_eq!(database.one("SELECT count(*) FROM pg_tables WHERE schemaname IN ('own', 'readonly')"), "0");
    database.execute(&format!("ALTER DATABASE {name} SET search_path = own, readonly"));
    use_everything(&database);
    // `"$user"` is in every role's default: one that the role may not use does not count
    let database = Database::empty(Engine::Postgres);
    database.execute("CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO app");
    use_everything(&database);
}

/// What another program of the same role does through a pooler, whose connection keeps it.
fn leak(bouncer: &PgBouncer, setting: &str) {
    let arguments = ["-X", "-q", "-v", "ON_ERROR_STOP=1", &bouncer.url, "-c", setting];
    assert!(Installation::chosen().client("psql").args(arguments).status().unwrap().success());
}

#[test]
fn a_path_that_another_program_left_behind_a_pooler_leads_to_no_second_schema() {
    let database = Database::migrated(Engine::Postgres);
    database.execute("CREATE SCHEMA evil; GRANT ALL ON SCHEMA evil TO PUBLIC");
    // one connection to the server, so that each client meets what the one before it left
    let bouncer = PgBouncer::configured(&database, "default_pool_size = 1\n");
    let url = format!("{}?prepared_statements=false", bouncer.url);
    for command in [&["migrate"][..], &["status"], &["backup"], &["cleanup"], &["seed"]] {
        leak(&bouncer, "SET search_path = evil");
        let program = Program::new().env("DATABASE_URL", &url).env("AUTHSVC_ENV", "development");
        let error = program.run(command).code(1).error();
        assert!(error.contains("`public`") && error.contains("`evil`"), "{command:?}: {error}");
    }
    for path in ["''", "missing", "pg_temp, public"] {
        leak(&bouncer, &format!("SET search_path = {path}"));
        Program::new().env("DATABASE_URL", &url).run(&["status", "--check"]).success();
    }
    leak(&bouncer, "RESET search_path");
    let bouncer = PgBouncer::configured(&database, "default_pool_size = 3\n");
    let program = Program::new().env("DATABASE_URL", &format!("{}?prepared_statements=false", bouncer.url));
    let program = program.env("AUTHSVC_ENV", "test");
    let server = program.env("AUTHSVC_RATE_LIMIT", "off").env("AUTHSVC_PASSWORD_RATE_LIMIT", "off").serve().ready();
    // on the connections that are not in use
    for name in ["ada", "bob", "cyd", "dan"] {
        leak(&bouncer, "SET search_path = evil; CREATE TEMP TABLE IF NOT EXISTS users (id INTEGER)");
        register(server.public, name).status(201);
        leak(&bouncer, "SET search_path = evil; CREATE TEMP TABLE IF NOT EXISTS users (id INTEGER)");
        log_in(server.public, &format!("{name}@example.com"), "a long password").status(200);
    }
    server.stop().success();
    assert_eq!(database.one("SELECT count(*) FROM pg_tables WHERE schemaname = 'evil'"), "0");
    assert_eq!(database.one("SELECT count(*) FROM public.users"), "4");
}

/// A path that another program left decides neither where a new database begins nor which of two histories is ours.
#[test]
fn a_path_that_another_program_left_behind_a_pooler_chooses_no_schema() {
    let database = Database::empty(Engine::Postgres);
    database.execute("CREATE SCHEMA evil; GRANT ALL ON SCHEMA evil TO PUBLIC");
    let bouncer = PgBouncer::configured(&database, "default_pool_size = 2\n");
    let program = Program::new().env("DATABASE_URL", &format!("{}?prepared_statements=false", bouncer.url));
    leak(&bouncer, "SET search_path = evil, public");
    program.run(&["migrate"]).success();
    let schemas = "SELECT DISTINCT schemaname FROM pg_tables WHERE tablename IN ('users', 'authsvc_migrations')";
    assert_eq!(database.query(schemas), ["public"]);
    leak(&bouncer, "RESET search_path");
    program.run(&["status", "--check"]).success();
    // a second installation, in the schema of another program
    database.execute(&format!("ALTER DATABASE {} SET search_path = evil", database.name()));
    unlimited(&database).run(&["migrate"]).success();
    database.execute(&format!("ALTER DATABASE {} RESET search_path", database.name()));
    let bouncer = PgBouncer::configured(&database, "default_pool_size = 2\n");
    let program = Program::new().env("DATABASE_URL", &format!("{}?prepared_statements=false", bouncer.url));
    for path in ["evil", "evil, public", "missing, evil"] {
        leak(&bouncer, &format!("SET search_path = {path}"));
        let error = program.run(&["cleanup"]).code(1).error();
        assert!(error.contains("`public`") && error.contains("`evil`"), "{path}: {error}");
    }
}

#[test]
fn functions_and_operators_of_another_schema_are_not_used() {
    let database = Database::empty(Engine::Postgres);
    let name = database.name();
    database.execute(&format!(
        "CREATE SCHEMA evil; GRANT USAGE ON SCHEMA evil TO app; \
         CREATE FUNCTION evil.set_config(text, text, boolean) RETURNS text LANGUAGE sql AS 'SELECT (1 / 0)::text'; \
         CREATE FUNCTION evil.current_schemas(boolean) RETURNS name[] LANGUAGE sql AS 'SELECT NULL::name[]'; \
         CREATE FUNCTION evil.lower(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''evil'''; \
         CREATE FUNCTION evil.ne(name, name) RETURNS boolean LANGUAGE sql AS 'SELECT false'; \
         CREATE OPERATOR evil.= (LEFTARG = name, RIGHTARG = name, FUNCTION = evil.ne); \
         ALTER DATABASE {name} SET search_path = public, evil, pg_catalog"
    ));
    use_everything(&database);
}

#[test]
fn a_server_that_is_too_old_is_refused_first_by_its_version() {
    for (version, named) in [("12.22", "12.22"), ("9.6.24", "9.6"), ("8.0.2", "8.0")] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || old_server(&listener, version));
        let url = format!("postgres://app@127.0.0.1:{port}/app?sslmode=disable");
        let error = Program::new().env("DATABASE_URL", &url).run(&["migrate"]).code(1).error();
        assert!(error.contains(&format!("PostgreSQL {named}")) && error.contains("13 or newer"), "{error}");
        server.join().unwrap();
    }
}

/// Greets one client as a server of this version, and answers nothing else.
fn old_server(listener: &std::net::TcpListener, version: &str) {
    let (mut stream, _) = listener.accept().unwrap();
    let mut startup = [0; 1024];
    let _ = stream.read(&mut startup).unwrap();
    let mut greeting = vec![b'R', 0, 0, 0, 8, 0, 0, 0, 0];
    let setting = format!("server_version\0{version}\0");
    greeting.push(b'S');
    greeting.extend(u32::try_from(setting.len() + 4).unwrap().to_be_bytes());
    greeting.extend(setting.as_bytes());
    greeting.extend([b'K', 0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 0, 1, b'Z', 0, 0, 0, 5, b'I']);
    stream.write_all(&greeting).unwrap();
    let asked = stream.read(&mut startup).unwrap_or(0);
    assert!(asked == 0 || startup[0] == b'X', "something was asked: {}", String::from_utf8_lossy(&startup[..asked]));
}

#[test]
fn every_statement_of_the_program_is_ascii() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in crate::tidy::files(&root.join("src"), "sql") {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.is_ascii(), "{} has a character that some databases cannot hold", file.display());
    }
    for migration in authsvc::migrate::migrations() {
        for backend in [authsvc::db::Backend::Postgres, authsvc::db::Backend::Sqlite] {
            assert!(migration.sql(backend).is_ascii(), "{}", migration.name);
        }
    }
}

#[test]
fn a_new_database_must_be_utf8_and_an_older_one_still_has_its_backup() {
    for encoding in ["LATIN1", "SQL_ASCII", "WIN1252", "EUC_JP"] {
        let database = Database::with_encoding(encoding);
        let program = unlimited(&database);
        let error = program.run(&["migrate"]).code(1).error();
        assert!(error.contains(&format!("encoding {encoding}")) && error.contains("UTF8"), "{error}");
        assert_eq!(database.one("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
        // as an earlier version of the program made it
        let sql =
            Program::on(&Database::empty(Engine::Postgres)).run(&["migrate", "--dry-run", "--sql"]).success().stdout;
        database.execute(&format!("SET ROLE app; {}", sql.replace("\nBEGIN;", "\n").replace("\nCOMMIT;", "\n")));
        program.run(&["status", "--check"]).success();
        program.run(&["seed"]).success();
        let file = backup(&program, &[]);
        program.run(&["verify-backup", file.to_str().unwrap()]).success();
        program.run(&["restore", file.to_str().unwrap(), "--yes"]).success();
        program.run(&["detailed-health"]).success();
    }
}
