//! Adoption of legacy manager databases, which these tests create by hand from the known schema.

use crate::support::{Database, Engine, Program};

const EARLIER: &str = include_str!("fixtures/earlier_manager.sql");

pub(crate) fn earlier() -> Database {
    let database = Database::empty(Engine::Postgres);
    database.execute(&format!("SET ROLE app; {EARLIER}"));
    database
}

/// Every row, in terms that the old and the new schema share. Each 221st has neither of its two times, and gets them.
const ROWS: [&str; 3] = [
    "SELECT id, email, username, password_hash, avatar_url, provider, provider_id, coalesce(email_verified, FALSE), \
     coalesce(active, FALSE), extract(epoch FROM last_login), extract(epoch FROM deleted_at), \
     extract(epoch FROM coalesce(created_at, updated_at)), extract(epoch FROM coalesce(updated_at, created_at)) \
     FROM users WHERE (id - 9) % 221 <> 0 ORDER BY id",
    "SELECT id, user_id, provider, provider_id, access_token, refresh_token, extract(epoch FROM expires_at), \
     extract(epoch FROM created_at) FROM oauth_providers ORDER BY id",
    "SELECT id, user_id, token_hash, extract(epoch FROM expires_at), coalesce(revoked, TRUE) FROM refresh_tokens ORDER BY id",
];

fn rows(database: &Database) -> Vec<Vec<String>> {
    ROWS.iter().map(|sql| database.query(&format!("SET TimeZone = 'UTC'; {sql}"))).collect()
}

/// Row by row, so that a failure shows the row and not the table.
#[track_caller]
fn assert_same(after: &[Vec<String>], before: &[Vec<String>]) {
    for (after, before) in after.iter().flatten().zip(before.iter().flatten()) {
        assert_eq!(after, before);
    }
    assert_eq!(after.iter().map(Vec::len).collect::<Vec<_>>(), before.iter().map(Vec::len).collect::<Vec<_>>());
}

#[test]
fn without_adopt_it_is_refused_and_says_how() {
    let database = earlier();
    let before = rows(&database);
    for command in [&["migrate"][..], &["rollback", "--yes"], &["serve"]] {
        let program =
            Program::on(&database).env("AUTHSVC_LISTEN", "127.0.0.1:0").env("AUTHSVC_ADMIN_LISTEN", "127.0.0.1:0");
        let error = program.run(command).code(1).error();
        assert!(error.contains("legacy manager") && error.contains("migrate --adopt"), "{error}");
    }
    assert_same(&rows(&database), &before);
    assert_eq!(Program::on(&database).run(&["status"]).success().json()["state"], "earlier_manager");
    assert_eq!(database.one("SELECT to_regclass('seaql_migrations')"), "∅");
}

#[test]
fn adopt_takes_it_over_with_every_row() {
    let database = earlier();
    let before = rows(&database);
    let counts = ["users", "oauth_providers", "refresh_tokens"]
        .map(|table| database.one(&format!("SELECT count(*) FROM {table}")));
    let report = Program::on(&database).run(&["migrate", "--adopt", "--json"]).success().json();
    assert_eq!(report["recorded"].as_array().unwrap().len(), 3);
    assert_eq!(report["migrations"].as_array().unwrap().len(), authsvc::migrate::migrations().len() - 3);
    let told =
        "SELECT outcome, counts ->> 'recorded', jsonb_array_length(counts -> 'migrations')::text FROM maintenance_runs";
    let run = authsvc::migrate::migrations().len() - 3;
    assert_eq!(database.one(told), format!("succeeded|3|{run}"));
    let seeds: Vec<&str> =
        report["seed_accounts"].as_array().unwrap().iter().map(|email| email.as_str().unwrap()).collect();
    assert_eq!(seeds.len(), 9, "{seeds:?}");
    assert!(seeds.contains(&"admin@example.com"));
    assert_same(&rows(&database), &before);
    assert_eq!(
        ["users", "oauth_providers", "refresh_tokens"]
            .map(|table| database.one(&format!("SELECT count(*) FROM {table}"))),
        counts
    );
    let status = Program::on(&database).run(&["status", "--check"]).success().json();
    assert_eq!(status["state"], "up_to_date", "{status}");
    assert_eq!(
        database.ledger()[..3],
        ["001_initial_schema adopted", "002_add_indexes adopted", "004_enhanced_indexes adopted"]
    );
    // ids go on where they were, and the functions work
    let id = database
        .one("INSERT INTO users (email, username, password_hash) VALUES ('new@example.org', 'new', 'x') RETURNING id");
    assert_eq!(id, "50001");
    let cleaned = database.one("SELECT cleanup_expired_tokens()");
    assert_eq!(cleaned, counts[2], "all of the fixture's tokens have expired");
    // again: nothing to do
    assert_eq!(Program::on(&database).run(&["migrate", "--adopt", "--json"]).success().json()["outcome"], "current");
}

#[test]
fn adopt_reports_odd_addresses_and_shared_names_and_keeps_them() {
    let database = earlier();
    let quiet = Program::on(&database).run(&["migrate", "--adopt", "--dry-run", "--json"]).success().json();
    assert!(quiet.get("odd_addresses").is_none() && quiet.get("shared_names").is_none(), "{quiet}");
    database.execute(
        "INSERT INTO users (email, username, password_hash) VALUES ('a@ex..com', 'Twin', 'x'), ('.b@example.com', 'tWin', 'y'),
            ('c@example-.com', 'c', 'z'), ('a-b.c@ex-ample.com', 'd', 'w')",
    );
    let outcome = Program::on(&database).run(&["migrate", "--adopt", "--json"]).success();
    let report = outcome.json();
    assert_eq!(report["odd_addresses"], serde_json::json!(["a@ex..com", ".b@example.com", "c@example-.com"]));
    assert_eq!(report["shared_names"], serde_json::json!(["Twin", "tWin"]));
    assert!(outcome.stderr.contains("names that differ in case only") && outcome.stderr.contains("a@ex..com"));
    assert_eq!(database.one("SELECT count(*) FROM users WHERE provisional_uses IS NOT NULL"), "0");
    assert_eq!(database.query("SELECT username FROM users WHERE username_shared"), ["tWin"]);
}

#[test]
fn a_column_changed_by_hand_is_listed_and_nothing_changes() {
    let database = earlier();
    database.execute("ALTER TABLE users ALTER COLUMN avatar_url TYPE TEXT; DROP INDEX idx_users_last_login; ALTER TABLE users ADD COLUMN phone TEXT");
    let before = rows(&database);
    let error = Program::on(&database).run(&["migrate", "--adopt"]).code(1).error();
    for part in [
        "3 places",
        "changed: column users.avatar_url is text, should be character varying(500)",
        "missing: index users.idx_users_last_login",
        "unexpected: column users.phone text",
    ] {
        assert!(error.contains(part), "{part} in {error}");
    }
    let error = Program::on(&database).run(&["migrate", "--adopt", "--dry-run"]).code(1).error();
    assert!(error.contains("3 places"), "{error}");
    assert_same(&rows(&database), &before);
    assert_eq!(database.one("SELECT to_regclass('seaql_migrations')"), "∅");
}

#[test]
fn changes_made_while_rows_are_copied_are_carried_over() {
    let database = earlier();
    let program = Program::on(&database);
    program.run(&["migrate", "--adopt", "--to", "006"]).success();
    // logins and deletions of the running service between copying and switching
    database.execute(
        "UPDATE users SET last_login = '2026-01-01', active = NULL WHERE id = 20;
         DELETE FROM users WHERE id = 21;
         INSERT INTO users (email, username, password_hash) VALUES ('late@example.org', 'late', 'x');
         INSERT INTO refresh_tokens (user_id, token_hash, expires_at) VALUES (50001, 'late', '2030-01-01');
         UPDATE oauth_providers SET access_token = 'rotated' WHERE id = 1;
         DELETE FROM refresh_tokens WHERE user_id = 22;",
    );
    let before = rows(&database);
    program.run(&["migrate"]).success();
    assert_same(&rows(&database), &before);
    assert_eq!(database.one("SELECT count(*) FROM refresh_tokens WHERE user_id IN (21, 22)"), "0");
}

#[test]
fn addresses_that_differ_only_in_case_stop_it_before_anything_changes() {
    let database = earlier();
    database.execute("INSERT INTO users (email, username, password_hash) VALUES ('ADMIN@example.com', 'admin2', 'x')");
    let error = Program::on(&database).run(&["migrate", "--adopt"]).code(1).error();
    assert!(
        error.contains("migration/postgres/005_next_tables.sql:")
            && error.contains("admin@example.com")
            && error.contains("23505"),
        "{error}"
    );
    assert_eq!(database.one("SELECT count(*) FROM users"), "12010");
    assert_eq!(database.one("SELECT to_regclass('users_next')"), "∅");
    // after the repair, it continues
    database.execute("DELETE FROM users WHERE username = 'admin2'");
    Program::on(&database).run(&["migrate"]).success();
    Program::on(&database).run(&["status", "--check"]).success();
}

#[test]
fn baseline_takes_over_tables_without_history() {
    let database = earlier();
    database.execute("DROP TABLE migration_records");
    let error = Program::on(&database).run(&["migrate"]).code(1).error();
    assert!(error.contains("no migration history") && error.contains("--baseline"), "{error}");
    let error = Program::on(&database).run(&["migrate", "--baseline", "002"]).code(1).error();
    assert!(error.contains("unexpected: index users.idx_users_last_login_active"), "{error}");
    Program::on(&database).run(&["migrate", "--baseline", "003"]).code(2);
    let before = rows(&database);
    Program::on(&database).run(&["migrate", "--baseline", "004"]).success();
    assert_same(&rows(&database), &before);
    assert_eq!(database.ledger()[0], "001_initial_schema baseline");
}

#[test]
fn there_is_nothing_to_adopt_in_an_empty_database() {
    let database = Database::empty(Engine::Postgres);
    let error = Program::on(&database).run(&["migrate", "--adopt"]).code(1).error();
    assert!(error.contains("nothing to adopt"), "{error}");
}

#[test]
fn another_role_acts_as_the_owner_or_is_refused_before_the_copy() {
    for (name, attributes) in [("member", "IN ROLE app"), ("root", "SUPERUSER")] {
        let database = earlier();
        let role = format!("{name}_{}", database.name());
        database.execute(&format!("CREATE ROLE {role} LOGIN PASSWORD '{}' {attributes}", crate::support::CANARY));
        let url = database.url.replace("//app:", &format!("//{role}:"));
        Program::new().env("DATABASE_URL", &url).run(&["migrate", "--adopt"]).success();
        let owners = "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class \
                      WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S')";
        assert_eq!(database.query(owners), ["app"], "{attributes}");
        // the owner continues
        Program::on(&database).run(&["status", "--check"]).success();
        Program::on(&database).run(&["rollback", "--yes"]).success();
        Program::on(&database).run(&["migrate"]).success();
    }
    let database = earlier();
    database.execute("ALTER TABLE oauth_providers OWNER TO postgres; GRANT ALL ON oauth_providers TO app");
    let before = rows(&database);
    let error = Program::on(&database).run(&["migrate", "--adopt"]).code(1).error();
    assert!(error.contains("table oauth_providers of `postgres`") && error.contains("OWNER TO"), "{error}");
    // a superuser acts as the owner of the history, and no message asks it to own the tables itself
    let superuser = Program::new().env("DATABASE_URL", &database.superuser_url());
    let error = superuser.run(&["migrate", "--adopt"]).code(1).error();
    assert!(error.contains("do not belong to `app`") && error.contains("give all of them to one role"), "{error}");
    assert_same(&rows(&database), &before);
    assert_eq!(database.one("SELECT to_regclass('users_next')"), "∅", "nothing was begun");
}
