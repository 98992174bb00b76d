//! Drift: different output of a dump or of another server version is not drift. Only drift that breaks the program
//! refuses a boot.

use std::process::{Command, Stdio};

use authsvc::db::canonical;

use crate::backup::backup;
use crate::support::database::ENGINES;
use crate::support::installation::Installation;
use crate::support::{Cluster, Database, Engine, Program};

#[test]
fn prints_of_one_meaning_are_equal() {
    let same = [
        (
            "CHECK (kind::text = ANY (ARRAY['a'::character varying, 'b''c'::character varying]::text[]))",
            "CHECK (((kind)::text = ANY (ARRAY[('a'::character varying)::text, ('b''c'::character varying)::text])))",
        ),
        (
            "CHECK (kind::text = ANY (ARRAY['a'::character varying(20)]::text[]))",
            "CHECK ((kind)::text = ANY ((ARRAY['a'::character varying])::text[]))",
        ),
        ("at < 'x'::timestamp(3) without time zone AND b", "at < ('x')::timestamp with time zone AND (b)"),
        ("btree (lower(email::text))", "btree (lower((email)::text))"),
        ("CHECK (\"name\" IS NOT NULL)", "CHECK ((name IS NOT NULL))"),
        ("x::extensions.citext = 'a'::extensions.citext", "x = 'a'"),
        ("(a::text = 'b'::text) = (c::text <> ''::text)", "((a)::text = 'b'::text) = ((c)::text <> ''::text)"),
        ("price > 1.5::double precision", "price > (1.5)::numeric(10, 2)"),
    ];
    for (one, other) in same {
        assert_eq!(canonical(one), canonical(other));
    }
    let different = [
        ("CHECK (a OR (b AND c))", "CHECK ((a OR b) AND c)"),
        ("CHECK (kind = 'a')", "CHECK (kind = 'A')"),
        ("CHECK (kind = 'a b')", "CHECK (kind = 'a  b')"),
        ("CHECK (n >= 0)", "CHECK (n > 0)"),
        ("ARRAY['a', 'b']", "ARRAY['a', 'b', 'c']"),
        ("lower(email)", "upper(email)"),
        ("'x::text'", "'x'"),
        ("\"Name\" = 1", "name = 1"),
    ];
    for (one, other) in different {
        assert_ne!(canonical(one), canonical(other));
    }
    // anything is read to its end
    for odd in ["'", "\"", "(", ")]", "::", "a::", "a::text(", "a::text[", "::.", "'''"] {
        canonical(odd);
    }
}

/// What a pg_dump of this version makes of a database.
fn dump(version: &Installation, from: &Database) -> String {
    let output = version.client("pg_dump").arg(from.superuser_url()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs SQL in psql; settings of newer servers fail, and psql continues.
fn psql(options: &[&str], url: &str, sql: &str) -> std::process::Output {
    use std::io::Write as _;
    let [.., newest] = Installation::for_upgrade();
    let mut child = newest
        .client("psql")
        .args(["-X", "-q", "-d", url])
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // one that stops at an error reads no further
    let _ = child.stdin.take().unwrap().write_all(sql.as_bytes());
    child.wait_with_output().unwrap()
}

/// Nothing has drifted, a backup is restored, and the newest migration is undone and applied.
#[track_caller]
fn assert_not_drifted(database: &Database, what: &str) {
    let program = Program::on(database);
    let status = program.run(&["status", "--check"]);
    assert_eq!(status.code, Some(0), "{what}: {}", status.stdout);
    let file = backup(&program, &[]);
    let restore = program.run(&["restore", "--yes", file.to_str().unwrap()]);
    assert_eq!(restore.code, Some(0), "{what}: {}", restore.stderr);
    program.run(&["rollback", "--yes"]).success();
    program.run(&["migrate"]).success();
    program.run(&["status", "--check"]).success();
}

#[test]
fn a_dump_of_any_version_is_no_drift_on_any_version() {
    let servers = Cluster::of_each_version();
    let oldest = servers[0];
    let source = Database::on(oldest, None);
    Program::on(&source).run(&["migrate"]).success();
    for client in &Installation::clients() {
        let here = Database::on(oldest, None);
        psql(&[], &here.superuser_url(), &dump(client, &source));
        assert_not_drifted(&here, &format!("pg_dump {} into {}", client.version, oldest.version()));
        // printed twice, as by a database that has moved before
        let dumped = dump(client, &here);
        for cluster in &servers[1..] {
            let there = Database::on(cluster, None);
            psql(&[], &there.superuser_url(), &dumped);
            assert_not_drifted(&there, &format!("pg_dump {} into {}", client.version, cluster.version()));
        }
    }
}

/// A change by hand, and whether a boot is refused for it.
const CHANGES: [(&str, Boot); 26] = [
    ("ALTER TABLE users DROP COLUMN avatar_url", Boot::Refused),
    ("ALTER TABLE users RENAME COLUMN avatar_url TO picture", Boot::Refused),
    ("ALTER TABLE login_throttles ALTER COLUMN failures TYPE BIGINT", Boot::Refused),
    ("DROP TABLE login_throttles", Boot::Refused),
    ("ALTER TABLE users ALTER COLUMN avatar_url TYPE TEXT", Boot::Starts),
    ("ALTER TABLE users ENABLE ROW LEVEL SECURITY", Boot::Starts),
    ("ALTER TABLE users DROP CONSTRAINT chk_users_provider_values", Boot::Starts),
    ("ALTER TABLE users RENAME CONSTRAINT chk_users_provider_values TO chk_other", Boot::Starts),
    (
        "ALTER TABLE login_throttles DROP CONSTRAINT chk_login_throttles_failures, \
         ADD CONSTRAINT chk_login_throttles_failures CHECK (failures > 1)",
        Boot::Starts,
    ),
    ("DROP INDEX idx_users_last_login", Boot::Starts),
    ("ALTER TABLE users ALTER COLUMN active SET DEFAULT FALSE", Boot::Starts),
    ("ALTER TABLE users ADD COLUMN phone TEXT NOT NULL DEFAULT ''", Boot::Starts),
    ("ALTER TABLE users ADD COLUMN phone TEXT NOT NULL", Boot::Starts),
    ("DROP FUNCTION cleanup_expired_tokens()", Boot::Starts),
    ("ALTER TABLE users DISABLE TRIGGER ALL", Boot::Starts),
    ("ALTER TABLE refresh_tokens DISABLE TRIGGER ALL", Boot::Starts),
    ("ALTER TABLE users FORCE ROW LEVEL SECURITY", Boot::Starts),
    ("CREATE POLICY own ON users USING (TRUE)", Boot::Starts),
    ("ALTER TABLE login_throttles SET UNLOGGED", Boot::Starts),
    ("CREATE TABLE more_users () INHERITS (users)", Boot::Starts),
    ("CREATE RULE quiet AS ON DELETE TO users DO INSTEAD NOTHING", Boot::Starts),
    ("CREATE RULE quiet AS ON DELETE TO users DO INSTEAD NOTHING; ALTER TABLE users DISABLE RULE quiet", Boot::Starts),
    (
        "CREATE FUNCTION f() RETURNS TRIGGER LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; \
         CREATE TRIGGER t BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION f(); ALTER TABLE users DISABLE TRIGGER t",
        Boot::Starts,
    ),
    ("ALTER SEQUENCE users_id_seq MAXVALUE 1000", Boot::Starts),
    ("ALTER SEQUENCE users_id_seq CYCLE", Boot::Starts),
    ("ALTER SEQUENCE users_id_seq INCREMENT BY 2", Boot::Starts),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Boot {
    Refused,
    Starts,
}

#[test]
fn only_what_breaks_the_program_refuses_a_boot() {
    for (change, boot) in CHANGES {
        let database = Database::migrated(Engine::Postgres);
        database.execute(change);
        let program = Program::on(&database);
        let status = program.run(&["status", "--check"]).code(3).json();
        assert_eq!(status["state"], "drifted", "{change}");
        let object = status["drift"][0]["object"].as_str().unwrap().to_owned();
        let migrated = program.run(&["migrate"]);
        let expected = if boot == Boot::Refused { 1 } else { 0 };
        assert_eq!(migrated.code, Some(expected), "{change}: {}", migrated.stderr);
        assert!(
            migrated.stderr.contains("drifted") && migrated.stderr.contains(&object),
            "{change}: {}",
            migrated.stderr
        );
    }
}

#[test]
fn what_the_pending_sql_names_must_exist() {
    let database = Database::empty(Engine::Postgres);
    let program = Program::on(&database);
    program.run(&["migrate", "--to", "006"]).success();
    database.execute("DROP INDEX users_next_last_login; ALTER TABLE users ENABLE ROW LEVEL SECURITY");
    let error = program.run(&["migrate"]).code(1).error();
    assert!(error.contains("missing: index users_next.users_next_last_login"), "{error}");
    assert_eq!(database.ledger().len(), 5, "nothing was begun");
    database.execute("CREATE INDEX users_next_last_login ON users_next (last_login)");
    program.run(&["migrate"]).success();
}

#[test]
fn row_security_that_an_event_trigger_enables_refuses_nothing() {
    let database = Database::empty(Engine::Postgres);
    database.execute(
        "CREATE FUNCTION public.enable_row_security() RETURNS event_trigger LANGUAGE plpgsql AS $$ \
         DECLARE made record; BEGIN FOR made IN SELECT * FROM pg_event_trigger_ddl_commands() WHERE object_type = 'table' LOOP \
         EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', made.object_identity); END LOOP; END $$; \
         CREATE EVENT TRIGGER row_security ON ddl_command_end WHEN TAG IN ('CREATE TABLE') \
         EXECUTE FUNCTION public.enable_row_security()",
    );
    let program = Program::on(&database);
    program.run(&["migrate"]).success();
    program.run(&["rollback", "--yes"]).success();
    program.run(&["migrate"]).success();
    let status = program.run(&["status", "--check"]).code(3).json();
    let drift = status["drift"].as_array().unwrap();
    assert!(!drift.is_empty() && drift.iter().all(|entry| entry["found"] == "row security"), "{status}");
    program.serve().ready().stop().success();
}

#[test]
fn a_printed_plan_runs_in_psql_and_records_itself() {
    for options in [&["-v", "ON_ERROR_STOP=1"][..], &["-1", "-v", "ON_ERROR_STOP=1"]] {
        for before in ["000", "002", "005", "006", "009"] {
            let database = Database::empty(Engine::Postgres);
            let program = Program::on(&database);
            if before != "000" {
                program.run(&["migrate", "--to", before]).success();
            }
            // what a superuser makes belongs to the owner of the rest
            let url = if before == "006" { database.superuser_url() } else { database.url.clone() };
            let sql = program.run(&["migrate", "--dry-run", "--sql"]).success().stdout;
            let ran = psql(options, &url, &sql);
            let said = String::from_utf8_lossy(&ran.stderr).into_owned();
            assert!(ran.status.success() && !said.contains("ERROR"), "{options:?} from {before}: {said}");
            program.run(&["status", "--check"]).success();
            let owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'";
            assert_eq!(database.query(owners), ["app"], "{options:?} from {before}");
            // a second time it changes nothing
            let again = psql(options, &url, &sql);
            assert!(!again.status.success(), "{options:?} from {before}");
            program.run(&["status", "--check"]).success();
        }
    }
}

#[test]
fn a_printed_plan_runs_in_sqlite3_and_records_itself() {
    use std::io::Write as _;
    for before in ["000", "002", "006"] {
        let database = Database::empty(Engine::Sqlite);
        let program = Program::on(&database);
        if before != "000" {
            program.run(&["migrate", "--to", before]).success();
        }
        let sql = program.run(&["migrate", "--dry-run", "--sql"]).success().stdout;
        let mut shell =
            Command::new("sqlite3").arg("-bail").arg(database.path()).stdin(Stdio::piped()).spawn().unwrap();
        shell.stdin.take().unwrap().write_all(sql.as_bytes()).unwrap();
        assert!(shell.wait().unwrap().success(), "from {before}");
        program.run(&["status", "--check"]).success();
    }
}

#[test]
fn an_empty_database_is_named_so_by_every_command() {
    for engine in ENGINES {
        let database = Database::empty(engine);
        if engine == Engine::Sqlite {
            std::fs::write(database.path(), "").unwrap();
        }
        let program = Program::on(&database);
        assert_eq!(program.run(&["status"]).success().json()["state"], "empty");
        let error = program.run(&["backup"]).code(1).error();
        assert!(error.contains("the database is empty") && error.contains("authsvc migrate"), "{engine:?}: {error}");
        let error = program.run(&["cleanup"]).code(1).error();
        assert!(error.contains("the database is empty") && error.contains("authsvc migrate"), "{engine:?}: {error}");
        let rolled_back = program.run(&["rollback", "--yes"]);
        assert!(rolled_back.code <= Some(1), "{}", rolled_back.stderr);
    }
}
