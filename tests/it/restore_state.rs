//! A restore keeps every catalogue row of the program's objects, including alterations, or refuses by name.

use std::path::{Path, PathBuf};

use authsvc::db::canonical;

use crate::backup::{backup, backups, seeded};
use crate::restore::{content, restored};
use crate::support::catalogue_dump::catalogue_dump;
use crate::support::database::Engine;
use crate::support::installation::Installation;
use crate::support::{Cluster, Database, Program};

/// What a superuser may do to our tables; `{r}` is a role, `{s}` a schema of another program.
const ALTERATIONS: [&str; 36] = [
    "ALTER TABLE users ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE users ENABLE ROW LEVEL SECURITY; ALTER TABLE users FORCE ROW LEVEL SECURITY",
    "GRANT SELECT ON users TO {r} WITH GRANT OPTION",
    "GRANT ALL ON auth_events TO PUBLIC",
    "GRANT UPDATE (email), SELECT (id) ON users TO {r} WITH GRANT OPTION",
    "REVOKE INSERT, DELETE ON oauth_states FROM app",
    "GRANT USAGE ON users_id_seq TO {r}; GRANT SELECT ON refresh_tokens_id_seq TO PUBLIC",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {r}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE app GRANT SELECT ON TABLES TO {r}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE app REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
    "GRANT SELECT ON users TO {r} WITH GRANT OPTION; SET ROLE {r}; GRANT SELECT ON users TO PUBLIC; RESET ROLE",
    "ALTER TABLE users REPLICA IDENTITY FULL",
    "ALTER TABLE refresh_tokens REPLICA IDENTITY USING INDEX refresh_tokens_token_hash_key",
    "ALTER TABLE users SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, toast.autovacuum_enabled = false)",
    "ALTER INDEX idx_users_last_login SET (fillfactor = 60)",
    "ALTER TABLE users ALTER COLUMN email SET STATISTICS 500, ALTER COLUMN avatar_url SET STORAGE EXTERNAL, ALTER COLUMN username SET (n_distinct = -1)",
    "ALTER INDEX users_email_folded_key ALTER COLUMN 1 SET STATISTICS 300",
    "ALTER TABLE users CLUSTER ON users_username_key",
    "CREATE TRIGGER off BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger(); ALTER TABLE users DISABLE TRIGGER off",
    "ALTER FUNCTION update_user_last_login(bigint) SECURITY DEFINER SET search_path = public, pg_temp SET work_mem = '8MB'",
    "REVOKE EXECUTE ON FUNCTION update_user_last_login(bigint) FROM PUBLIC; GRANT EXECUTE ON FUNCTION update_user_last_login(bigint) TO {r}",
    "ALTER FUNCTION get_user_statistics() COST 500 ROWS 7 PARALLEL SAFE",
    "ALTER SEQUENCE users_id_seq INCREMENT BY 2 CACHE 5 MAXVALUE 1000000",
    "ALTER TABLE login_throttles SET UNLOGGED",
    "COMMENT ON TABLE users IS 'it''s mine'; COMMENT ON COLUMN users.email IS NULL; COMMENT ON INDEX users_pkey IS 'i'; COMMENT ON SEQUENCE users_id_seq IS 's'",
    "COMMENT ON CONSTRAINT users_pkey ON users IS 'c'; COMMENT ON FUNCTION cleanup_expired_tokens() IS NULL",
    "CREATE INDEX mine ON users (lower(username)) WHERE active; COMMENT ON INDEX mine IS 'my own'; ALTER INDEX mine SET (fillfactor = 55)",
    "ALTER TABLE users ADD CONSTRAINT chk_mine CHECK (length(username) < 300), ADD CONSTRAINT u_mine UNIQUE (id, email)",
    "CREATE FUNCTION {s}.audit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE TRIGGER audit AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION {s}.audit(); ALTER TABLE users ENABLE ALWAYS TRIGGER audit",
    "CREATE TABLE {s}.note (u bigint CONSTRAINT n_fk REFERENCES users ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED, v text REFERENCES users (username)); COMMENT ON CONSTRAINT n_fk ON {s}.note IS 'fk'; INSERT INTO {s}.note VALUES (1)",
    "ALTER INDEX idx_users_last_login DEPENDS ON EXTENSION plpgsql; ALTER FUNCTION get_user_statistics() DEPENDS ON EXTENSION plpgsql",
    "CREATE TRIGGER theirs BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger(); ALTER TRIGGER theirs ON users DEPENDS ON EXTENSION plpgsql",
    "ALTER TABLE auth_events OWNER TO {r}",
    // refused by name
    "ALTER TABLE auth_events ALTER COLUMN occurred_at DROP NOT NULL",
    "CREATE POLICY p ON users USING (true)",
    "ALTER TABLE users ADD COLUMN phone TEXT",
];

struct Case {
    database: Database,
    superuser: Program,
    file: PathBuf,
    expected: Vec<Vec<String>>,
    role: String,
}

fn case() -> Case {
    let database = seeded(Engine::Postgres);
    let superuser = Program::new().env("DATABASE_URL", &Cluster::shared().superuser_url(&database.name()));
    let expected = content(&database).0;
    let file = backup(&superuser, &[]);
    let role = format!("state_{}", database.name());
    database.execute(&format!("CREATE ROLE {role}; GRANT CREATE, USAGE ON SCHEMA public TO {role}; CREATE SCHEMA crm"));
    Case { database, superuser, file, expected, role }
}

impl Case {
    fn alter(&self, alteration: &str) {
        self.database.execute(&alteration.replace("{r}", &self.role).replace("{s}", "crm"));
    }

    /// Restores, and holds that the catalogue is as it was, with the file's rows or with the old ones.
    #[track_caller]
    fn kept_or_refused(&self, what: &str) -> Option<String> {
        self.database.execute("DELETE FROM refresh_tokens");
        let (catalogue, before) = (catalogue_dump(&self.database), content(&self.database).0);
        let saved = self.safety_backups();
        let outcome = self.superuser.run(&["restore", "--yes", self.file.to_str().unwrap()]);
        assert_same(&catalogue, &catalogue_dump(&self.database), what);
        let now = content(&self.database);
        if outcome.code == Some(0) {
            assert!(now.0 == self.expected, "{what}: other rows");
            return None;
        }
        let error = outcome.code(1).error();
        assert!(now.0 == before, "{what}: {error}");
        assert_eq!(self.safety_backups(), saved, "{what}: a safety backup was made first");
        Some(error)
    }

    fn safety_backups(&self) -> usize {
        backups(&self.superuser.directory().join("backups")).len()
    }
}

#[track_caller]
fn assert_same(before: &[String], after: &[String], what: &str) {
    let lost: Vec<_> = before.iter().filter(|row| !after.contains(row)).collect();
    let new: Vec<_> = after.iter().filter(|row| !before.contains(row)).collect();
    assert!(lost.is_empty() && new.is_empty(), "{what}: lost {lost:#?}, new {new:#?}");
}

#[test]
fn every_alteration_is_kept_or_refused_by_name() {
    let case = case();
    let refused = ALTERATIONS.len() - 3;
    for alteration in &ALTERATIONS[..refused] {
        case.alter(alteration);
    }
    assert_eq!(case.kept_or_refused("all of them"), None);
    for (alteration, named) in
        ALTERATIONS[refused..].iter().zip(["column auth_events.occurred_at", "policy `p`", "column users.phone"])
    {
        case.alter(alteration);
        let error = case.kept_or_refused(alteration).expect(alteration);
        assert!(error.contains(named), "{alteration}: {error}");
    }
}

/// Any of them with any others.
#[test]
fn random_alterations_are_kept_or_refused() {
    let mut random = fastrand::Rng::with_seed(14);
    for round in 0..5 {
        let case = case();
        let chosen: Vec<&str> = ALTERATIONS.into_iter().filter(|_| random.u8(..4) == 0).collect();
        chosen.iter().for_each(|alteration| case.alter(alteration));
        case.kept_or_refused(&format!("round {round}: {chosen:#?}"));
    }
}

/// Printed by the server in another way once they are made from its own print; `{r}` and `{s}` as above.
const REPRINTED: [&str; 4] = [
    "ALTER TABLE users ADD CONSTRAINT chk_mine CHECK (username IN ('a', 'b') OR provider NOT IN ('c', 'd'))",
    "CREATE INDEX mine ON users (id) WHERE username IN ('a', 'b')",
    "CREATE INDEX mine_too ON users ((CASE WHEN username IN ('a', 'b') THEN 1 ELSE 2 END))",
    "CREATE FUNCTION {s}.audit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE TRIGGER audit AFTER INSERT ON users FOR EACH ROW WHEN (NEW.username IN ('a', 'b')) EXECUTE FUNCTION {s}.audit()",
];

/// A restore compares what expressions mean, not how they are printed.
#[test]
fn another_print_is_no_difference() {
    let case = case();
    REPRINTED.iter().for_each(|alteration| case.alter(alteration));
    let meanings = || catalogue_dump(&case.database).iter().map(|row| canonical(row)).collect::<Vec<_>>();
    for round in 0..2 {
        let before = meanings();
        case.superuser.run(&["restore", "--yes", case.file.to_str().unwrap()]).success();
        assert_same(&before, &meanings(), &format!("round {round}"));
    }
}

/// What the owner may do is kept by a restore of the owner's, who is no superuser.
#[test]
fn the_owner_keeps_it_without_a_superuser() {
    let case = case();
    let app = Program::on(&case.database);
    for alteration in [0, 2, 3, 4, 5, 6, 8, 11, 13, 15, 17, 18, 19, 20, 22, 24, 25, 26, 27].map(|at| ALTERATIONS[at]) {
        case.alter(alteration);
    }
    let catalogue = catalogue_dump(&case.database);
    app.run(&["restore", "--yes", case.file.to_str().unwrap()]).success();
    assert_same(&catalogue, &catalogue_dump(&case.database), "restored by its owner");
    case.alter("ALTER TABLE auth_events OWNER TO {r}");
    let error = app.run(&["restore", "--yes", case.file.to_str().unwrap()]).code(1).error();
    assert!(error.contains("`auth_events` belongs to the role"), "{error}");
}

/// Default privileges give nothing to anyone that the old tables did not give.
#[test]
fn default_privileges_do_not_leak_into_restored_tables() {
    let case = case();
    case.alter("ALTER DEFAULT PRIVILEGES FOR ROLE app GRANT SELECT ON TABLES TO {r}; ALTER DEFAULT PRIVILEGES FOR ROLE postgres GRANT SELECT ON TABLES TO {r}");
    case.kept_or_refused("default privileges");
    let may_read = format!("SELECT has_table_privilege('{}', 'users', 'SELECT')", case.role);
    assert_eq!(case.database.one(&may_read), "f");
}

/// A backup of an older schema gets what the newest migrations make, and keeps what was altered.
#[test]
fn an_older_backup_keeps_what_was_altered() {
    let database = Database::empty(Engine::Postgres);
    let program = Program::on(&database);
    program.run(&["migrate", "--to", "006"]).success();
    let file = backup(&program, &[]);
    for state in ["006", "010"] {
        let to = if state == "010" { vec!["migrate"] } else { vec!["migrate", "--to", state] };
        program.run(&to).success();
        database.execute("ALTER TABLE users SET (fillfactor = 77); GRANT SELECT ON users TO PUBLIC");
        program.run(&["restore", "--yes", file.to_str().unwrap()]).success();
        program.run(&["status", "--check"]).success();
        assert_eq!(database.one("SELECT reloptions::text FROM pg_class WHERE relname = 'users'"), "{fillfactor=77}");
        assert_eq!(database.one("SELECT count(*) FROM information_schema.role_table_grants WHERE grantee = 'PUBLIC' AND table_name = 'users'"), "1");
    }
}

/// On every installed version the catalogue has other columns.
#[test]
fn every_version_of_the_server_keeps_it() {
    for installation in Installation::all() {
        let cluster = Cluster::of(installation.clone(), &[]);
        let database = Database::on(&cluster, None);
        let program = Program::new().env("DATABASE_URL", &cluster.superuser_url(&database.name()));
        Program::on(&database).run(&["migrate"]).success();
        let file = backup(&program, &[]);
        database.execute("CREATE ROLE state_all; GRANT ALL ON SCHEMA public TO state_all; CREATE SCHEMA crm");
        for alteration in &ALTERATIONS[..ALTERATIONS.len() - 3] {
            database.execute(
                &alteration.replace("{r}", "state_all").replace("{s}", "crm").replace("VALUES (1)", "VALUES (NULL)"),
            );
        }
        let catalogue = catalogue_dump(&database);
        program.run(&["restore", "--yes", file.to_str().unwrap()]).success();
        assert_same(&catalogue, &catalogue_dump(&database), &format!("PostgreSQL {}", installation.version));
    }
}

/// A missing table of the schema is created again; none of its state can be kept.
#[test]
fn what_is_missing_is_made_again() {
    let case = case();
    case.database.execute("DROP TABLE oauth_states; DROP INDEX idx_users_last_login; COMMENT ON TABLE users IS 'kept'");
    case.superuser.run(&["restore", "--yes", "--no-safety-backup", case.file.to_str().unwrap()]).success();
    assert!(content(&case.database) == restored(&case.expected));
    assert_eq!(case.database.one("SELECT obj_description('users'::regclass)"), "kept");
    case.superuser.run(&["status", "--check"]).success();
    assert!(Path::new(&case.file).exists());
}
