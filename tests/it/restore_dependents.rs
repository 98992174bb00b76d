//! Objects of other programs that depend on the tables. A restore keeps them, or refuses all of them by name before the
//! question and before the first write.

use std::path::PathBuf;

use crate::backup::{backup, backups, rows, seeded};
use crate::support::catalogue_dump::catalogue_dump;
use crate::support::{Cluster, Database, Engine, Program};

/// How it is made, how it is named, how it is dropped.
const DEPENDENTS: [(&str, &str, &str); 28] = [
    (
        "CREATE TABLE crm.lead (id int, snapshot public.users); INSERT INTO crm.lead SELECT 1, u FROM users u",
        "column snapshot of table crm.lead",
        "DROP TABLE crm.lead",
    ),
    ("CREATE TABLE crm.many (many public.users[])", "column many of table crm.many", "DROP TABLE crm.many"),
    (
        "CREATE TABLE crm.n (n bigint DEFAULT nextval('public.users_id_seq'))",
        "column n of table crm.n",
        "DROP TABLE crm.n",
    ),
    (
        "CREATE FUNCTION crm.atom() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM users; END",
        "function crm.atom()",
        "DROP FUNCTION crm.atom()",
    ),
    (
        "CREATE FUNCTION crm.takes(users) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "function crm.takes(users)",
        "DROP FUNCTION crm.takes",
    ),
    (
        "CREATE FUNCTION crm.gives() RETURNS SETOF users LANGUAGE sql AS 'SELECT * FROM users'",
        "function crm.gives()",
        "DROP FUNCTION crm.gives",
    ),
    ("CREATE VIEW names AS SELECT username FROM users", "the view `names` reads `users`", "DROP VIEW names"),
    (
        "CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM users",
        "the materialized view `counted` reads `users`",
        "DROP MATERIALIZED VIEW counted",
    ),
    ("CREATE VIEW grouped AS SELECT id, email FROM users GROUP BY id", "the view `grouped`", "DROP VIEW grouped"),
    ("CREATE POLICY p ON users USING (true)", "`users` has the policy `p`", "DROP POLICY p ON users"),
    (
        "CREATE TABLE crm.q (a int); CREATE POLICY q ON crm.q USING (EXISTS (SELECT FROM users))",
        "`crm.q` has the policy `q`",
        "DROP TABLE crm.q",
    ),
    (
        "CREATE TABLE crm.t (a int); CREATE FUNCTION crm.tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER t BEFORE UPDATE ON crm.t FOR EACH ROW WHEN (update_user_last_login(NEW.a) IS NULL) EXECUTE FUNCTION crm.tf()",
        "trigger t on table crm.t",
        "DROP TABLE crm.t; DROP FUNCTION crm.tf",
    ),
    ("CREATE STATISTICS st ON active, email_verified FROM users", "statistics object st", "DROP STATISTICS st"),
    (
        "CREATE RULE r AS ON DELETE TO oauth_states DO ALSO NOTHING",
        "rule r on table oauth_states",
        "DROP RULE r ON oauth_states",
    ),
    ("CREATE TABLE crm.kid () INHERITS (users)", "the table `crm.kid` inherits from `users`", "DROP TABLE crm.kid"),
    ("CREATE DOMAIN crm.dom AS users", "type crm.dom", "DROP DOMAIN crm.dom"),
    (
        "CREATE FUNCTION crm.f(users) RETURNS text LANGUAGE sql AS $$SELECT 'x'$$; CREATE CAST (users AS text) WITH FUNCTION crm.f(users)",
        "cast from users to text",
        "DROP CAST (users AS text); DROP FUNCTION crm.f",
    ),
    (
        "CREATE FUNCTION crm.e(users, users) RETURNS boolean LANGUAGE sql AS 'SELECT true'; CREATE OPERATOR crm.=== (LEFTARG = users, RIGHTARG = users, FUNCTION = crm.e)",
        "operator crm.===(users,users)",
        "DROP OPERATOR crm.=== (users, users); DROP FUNCTION crm.e",
    ),
    (
        "CREATE TABLE crm.c (a int CHECK (update_user_last_login(a) IS NULL))",
        "constraint c_a_check on table crm.c",
        "DROP TABLE crm.c",
    ),
    (
        "CREATE SEQUENCE s; ALTER SEQUENCE s OWNER TO app; ALTER SEQUENCE s OWNED BY users.id",
        "sequence s",
        "DROP SEQUENCE s",
    ),
    ("CREATE PUBLICATION pub FOR TABLE users", "the publication `pub` publishes `users`", "DROP PUBLICATION pub"),
    ("CREATE PUBLICATION pub FOR ALL TABLES", "the publication `pub` publishes", "DROP PUBLICATION pub"),
    ("CREATE PUBLICATION pub FOR TABLES IN SCHEMA public", "the publication `pub` publishes", "DROP PUBLICATION pub"),
    ("ALTER TABLE users DISABLE TRIGGER ALL", "triggers of the constraint", "ALTER TABLE users ENABLE TRIGGER ALL"),
    (
        "CREATE TABLE crm.off (u bigint REFERENCES users); ALTER TABLE crm.off DISABLE TRIGGER ALL",
        "foreign key off_u_fkey of crm.off",
        "DROP TABLE crm.off",
    ),
    (
        "ALTER TABLE users RENAME CONSTRAINT users_pkey TO my_key",
        "constraint users.my_key",
        "ALTER TABLE users RENAME CONSTRAINT my_key TO users_pkey",
    ),
    (
        "ALTER SEQUENCE users_id_seq INCREMENT BY -1",
        "sequence `users_id_seq` counts down",
        "ALTER SEQUENCE users_id_seq INCREMENT BY 1",
    ),
    (
        "CREATE VIEW figures AS SELECT * FROM get_user_statistics()",
        "the view `figures` reads `function get_user_statistics()`",
        "DROP VIEW figures",
    ),
];

struct Case {
    database: Database,
    program: Program,
    file: PathBuf,
}

fn case() -> Case {
    let database = seeded(Engine::Postgres);
    let program = Program::new().env("DATABASE_URL", &Cluster::shared().superuser_url(&database.name()));
    let file = backup(&program, &[]);
    database.execute("CREATE SCHEMA crm; DELETE FROM refresh_tokens");
    Case { database, program, file }
}

impl Case {
    /// Refused before the question, with nothing written.
    #[track_caller]
    fn refused(&self) -> String {
        let saved = backups(&self.program.directory().join("backups"));
        let (catalogue, before) = (catalogue_dump(&self.database), rows(&self.database));
        // without --yes: the refusal comes before the question, which would be code 2 here
        let error = self.program.run(&["restore", self.file.to_str().unwrap()]).code(1).error();
        assert!(rows(&self.database) == before && catalogue_dump(&self.database) == catalogue, "{error}");
        assert_eq!(backups(&self.program.directory().join("backups")), saved);
        error
    }
}

fn is_supported(make: &str) -> bool {
    let version = Cluster::shared().version();
    (version >= 15 || !make.contains("IN SCHEMA")) && (version >= 14 || !make.contains("ATOMIC"))
}

#[test]
fn each_dependent_is_refused_by_name_and_nothing_is_changed() {
    let case = case();
    for (make, named, drop) in DEPENDENTS.into_iter().filter(|(make, ..)| is_supported(make)) {
        case.database.execute(make);
        let error = case.refused();
        assert!(error.contains(named) && error.contains("create the objects again"), "{make}: {error}");
        case.database.execute(drop);
    }
    case.program.run(&["restore", "--yes", case.file.to_str().unwrap()]).success();
}

#[test]
fn all_of_them_are_told_at_once() {
    let case = case();
    let chosen: Vec<_> =
        DEPENDENTS.into_iter().filter(|(make, ..)| is_supported(make) && !make.contains("PUBLICATION")).collect();
    chosen.iter().for_each(|(make, ..)| case.database.execute(make));
    case.database.execute("CREATE VIEW of_names AS SELECT * FROM names; ALTER TABLE users ADD COLUMN phone TEXT");
    let error = case.refused();
    for named in chosen.iter().map(|(_, named, _)| *named).chain(["`of_names` reads `names`", "column users.phone"]) {
        assert!(error.contains(named), "{named} is not in {error}");
    }
}

/// A restore builds its tables in the same database, which such a publication would send to subscribers.
#[test]
fn a_publication_of_all_tables_is_refused_in_an_empty_database_too() {
    let case = case();
    let empty = Database::empty(Engine::Postgres);
    empty.execute("CREATE PUBLICATION pub FOR ALL TABLES");
    let error = Program::on(&empty).run(&["restore", "--yes", case.file.to_str().unwrap()]).code(1).error();
    assert!(error.contains("the publication `pub`"), "{error}");
    assert_eq!(empty.one("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
}

/// A function of another program may have the name of one of ours.
#[test]
fn functions_of_others_in_an_empty_database_are_not_replaced() {
    let case = case();
    let empty = Database::empty(Engine::Postgres);
    empty.execute(
        "CREATE FUNCTION cleanup_expired_tokens() RETURNS integer LANGUAGE sql AS 'SELECT 1';
         CREATE TABLE theirs (a int DEFAULT cleanup_expired_tokens())",
    );
    let program = Program::new().env("DATABASE_URL", &Cluster::shared().superuser_url(&empty.name()));
    let error = program.run(&["restore", "--yes", case.file.to_str().unwrap()]).code(1).error();
    assert!(error.contains("table theirs"), "{error}");
    empty.execute("ALTER TABLE theirs ALTER COLUMN a DROP DEFAULT");
    let error = program.run(&["restore", "--yes", case.file.to_str().unwrap()]).code(1).error();
    assert!(error.contains("function cleanup_expired_tokens()"), "{error}");
}

/// What is made after the first look is found under the locks.
#[test]
fn a_dependent_that_is_made_meanwhile_is_an_error_and_not_a_loss() {
    let case = case();
    let mut reader = case.database.session();
    reader.execute("BEGIN; SELECT count(*) FROM users");
    let running = case.program.spawn(&["restore", "--yes", "--no-safety-backup", case.file.to_str().unwrap()]);
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'LOCK TABLE%' AND datname = current_database()";
    crate::support::eventually("the swap", || (case.database.one(waits) == "1").then_some(()));
    reader.execute("CREATE TABLE crm.late (u users); INSERT INTO crm.late SELECT u FROM users u; COMMIT");
    let error = running.wait().code(1).error();
    assert!(error.contains("column u of table crm.late"), "{error}");
    assert_ne!(case.database.one("SELECT count(*) FROM crm.late"), "0");
    assert_eq!(case.database.one("SELECT count(*) FROM refresh_tokens"), "0", "the old content");
    assert_eq!(case.database.one("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'authsvc%'"), "0");
}

/// Names that a restore needs for schemas of its own.
#[test]
fn schemas_of_others_are_named_before_the_question() {
    let case = case();
    for schema in ["authsvc_restore", "authsvc_replaced", "authsvc_expected"] {
        case.database.execute(&format!("CREATE SCHEMA {schema}; CREATE TABLE {schema}.theirs (a int)"));
        let error = case.refused();
        assert!(error.contains(&format!("`{schema}`")) && error.contains("rename it"), "{error}");
        case.database.execute(&format!("DROP SCHEMA {schema} CASCADE"));
    }
}

/// What else forbids the swap is an error that says what was attempted.
#[test]
fn an_event_trigger_or_a_full_sequence_is_an_error_and_not_a_loss() {
    let case = case();
    case.database.execute(
        "CREATE FUNCTION crm.no() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'no drops'; END$$;
         CREATE EVENT TRIGGER forbids ON sql_drop EXECUTE FUNCTION crm.no()",
    );
    let error = case.refused();
    assert!(error.contains("creating the tables of the migrations") && error.contains("no drops"), "{error}");
    case.database.execute("DROP EVENT TRIGGER forbids");

    let small = Database::migrated(Engine::Postgres);
    small.execute("ALTER SEQUENCE users_id_seq MAXVALUE 2");
    let error = Program::on(&small).run(&["restore", "--yes", case.file.to_str().unwrap()]).code(1).error();
    assert!(error.contains("the sequence `users_id_seq` ends at 2"), "{error}");
    assert_eq!(small.one("SELECT count(*) FROM users"), "0");
    assert_eq!(small.one("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'authsvc%'"), "0");
}

#[test]
fn row_security_that_hides_rows_is_found_before_the_question() {
    for (change, correction) in [
        ("ENABLE ROW LEVEL SECURITY; ALTER TABLE users FORCE ROW LEVEL SECURITY", "NO FORCE"),
        (
            "ENABLE ROW LEVEL SECURITY; ALTER TABLE users FORCE ROW LEVEL SECURITY; CREATE POLICY p ON users USING (id < 3)",
            "NO FORCE",
        ),
    ] {
        let database = seeded(Engine::Postgres);
        let program = Program::on(&database);
        let file = backup(&program, &[]);
        database.execute(&format!("ALTER TABLE users {change}"));
        let before = backups(&program.directory().join("backups"));
        let error = program.run(&["restore", file.to_str().unwrap()]).code(1).error();
        assert!(error.contains("row security hides rows of `users`") && error.contains(correction), "{error}");
        let error = program.run(&["restore", "--yes", "--no-safety-backup", file.to_str().unwrap()]).code(1).error();
        assert!(error.contains("row security hides rows of `users`"), "{error}");
        // a migration that copies rows does not lose those that are hidden
        let error = program.run(&["rollback", "--to", "004", "--yes", "--no-safety-backup"]).code(1).error();
        assert!(error.contains("row-level security") && error.contains("BYPASSRLS"), "{error}");
        assert_eq!(backups(&program.directory().join("backups")), before);
        database.execute("DROP POLICY IF EXISTS p ON users");
        let superuser = Program::new().env("DATABASE_URL", &database.superuser_url());
        superuser.run(&["restore", "--yes", file.to_str().unwrap()]).success();
        assert_eq!(database.one("SELECT relforcerowsecurity FROM pg_class WHERE relname = 'users'"), "t");
    }
}

#[test]
fn tables_of_a_group_role_keep_their_owner_and_their_rights() {
    let database = seeded(Engine::Postgres);
    let (group, reader) = (format!("group_{}", database.name()), format!("reader_{}", database.name()));
    database.execute(&format!(
        "CREATE ROLE {group}; CREATE ROLE {reader}; GRANT {group} TO app; GRANT CREATE ON SCHEMA public TO {group};
         GRANT SELECT ON refresh_tokens TO {reader};
         ALTER TABLE refresh_tokens OWNER TO {group}; ALTER TABLE users OWNER TO {group};
         GRANT SELECT ON users TO {reader} WITH GRANT OPTION;
         ALTER TABLE auth_events OWNER TO {group}; REVOKE TRUNCATE ON auth_events FROM {group};
         ALTER FUNCTION cleanup_expired_tokens() OWNER TO {group}"
    ));
    let program = Program::on(&database);
    let file = backup(&program, &[]);
    let implicit =
        "SELECT relname, relacl IS NULL FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1";
    let (before, implicit_before) = (catalogue_dump(&database), database.query(implicit));
    program.run(&["restore", "--yes", file.to_str().unwrap()]).success();
    assert_eq!(catalogue_dump(&database), before);
    assert_eq!(database.query(implicit), implicit_before);
    program.run(&["restore", "--yes", "--no-safety-backup", file.to_str().unwrap()]).success();
    assert_eq!(catalogue_dump(&database), before);
}
