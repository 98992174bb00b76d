//! Backup and restore keep everything that the tables hold (P3): random rows, on each engine and across engines.

use std::collections::BTreeMap;

use authsvc::backup::convert_row;
use authsvc::db::{Backend, Column, ColumnType};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::backup::{backup, rows};
use crate::support::contents::{Contents, Range, Value, contents, text};
use crate::support::{Database, Engine, Program};

const CLEAR: &str = "DELETE FROM known_devices; DELETE FROM oauth_states; DELETE FROM login_throttles; DELETE FROM maintenance_runs; DELETE FROM auth_events; DELETE FROM refresh_tokens;
    DELETE FROM oauth_providers; DELETE FROM users;";

/// Runs a property on few, but large, cases.
fn check<S: Strategy>(cases: u32, strategy: S, property: impl Fn(S::Value)) {
    let config = Config { cases, max_shrink_iters: 20, failure_persistence: None, ..Config::default() };
    let checked = TestRunner::new(config).run(&strategy, |value| {
        property(value);
        Ok(())
    });
    checked.unwrap_or_else(|error| panic!("{error}"));
}

fn fill(database: &Database, engine: Engine, contents: &Contents) {
    database.execute(&format!("{CLEAR} {}", contents.insert(engine)));
}

fn carry(from: &Program, to: &Program, into: &Database) {
    let file = backup(from, &[]);
    to.run(&["restore", "--yes", "--no-safety-backup", file.to_str().unwrap()]).success();
    // the restore's own record is the only one that names the file
    let name = file.file_name().unwrap().to_str().unwrap();
    into.execute(&format!(
        "DELETE FROM maintenance_runs WHERE kind = 'restore' AND CAST(counts AS TEXT) LIKE '%{name}%'"
    ));
}

/// What a time is to both engines, to the microsecond.
fn time(engine: Engine, column: &str) -> String {
    match engine {
        Engine::Postgres => format!("to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"),
        Engine::Sqlite => {
            let fraction = format!("trim(substr({column}, 20, length({column}) - 25), '.')");
            format!("substr({column}, 1, 19) || '.' || substr({fraction} || '000000', 1, 6)")
        }
    }
}

/// Every column of every table, in a form that both engines have.
fn neutral(database: &Database, engine: Engine) -> Vec<Vec<String>> {
    let of = |table: &str, plain: &str, flags: &str, times: &str| {
        let mut columns: Vec<String> = plain.split_whitespace().map(str::to_owned).collect();
        columns.extend(flags.split_whitespace().map(|flag| format!("CAST({flag} AS INTEGER)")));
        columns.extend(times.split_whitespace().map(|column| time(engine, column)));
        database.query(&format!("SELECT {} FROM {table} ORDER BY 1", columns.join(", ")))
    };
    vec![
        of(
            "users",
            "id email username password_hash avatar_url provider provider_id failed_login_count failed_logins_as_of pending_attempts pending_until",
            "email_verified active",
            "last_login locked_until created_at updated_at deleted_at",
        ),
        of(
            "oauth_providers",
            "id user_id provider provider_id access_token refresh_token key_id",
            "",
            "expires_at created_at updated_at",
        ),
        of(
            "refresh_tokens",
            "id user_id token_hash family_id ip user_agent replaced_by",
            "revoked",
            "expires_at created_at revoked_at rotated_at access_used_at session_started_at",
        ),
        of("auth_events", "id kind user_id email ip user_agent detail", "", "occurred_at"),
        of("maintenance_runs", "id kind outcome error", "", "started_at finished_at"),
        of(
            "login_throttles",
            "subject failures failures_as_of pending_attempts pending_until",
            "",
            "last_failed_at blocked_until",
        ),
        of("oauth_states", "state_hash", "", "expires_at"),
        of("known_devices", "digest user_id kind", "", "last_login_at"),
    ]
}

/// The documents, numbers by their value.
fn documents(database: &Database) -> Vec<serde_json::Value> {
    fn by_value(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Number(number) => *value = format!("{:e}", number.as_f64().unwrap() + 0.0).into(),
            serde_json::Value::Array(values) => values.iter_mut().for_each(by_value),
            serde_json::Value::Object(values) => values.values_mut().for_each(by_value),
            _ => {}
        }
    }
    let texts = database.query("SELECT counts FROM maintenance_runs ORDER BY id");
    let parse = |text: &String| {
        let mut value = serde_json::from_str(text).unwrap();
        by_value(&mut value);
        value
    };
    texts.iter().map(parse).collect()
}

/// Every value of the tables, on SQLite with its type.
fn exact(database: &Database, engine: Engine) -> Vec<Vec<String>> {
    if engine == Engine::Postgres {
        let mut tables = rows(database).split_off(2);
        // which database it is, a restore does not change
        tables.pop();
        return tables;
    }
    let of = |table: &str| {
        let columns = database.query(&format!("SELECT 'quote(' || name || ')' FROM pragma_table_info('{table}')"));
        database.query(&format!("SELECT {} FROM {table} ORDER BY 1", columns.join(", ")))
    };
    entity::TABLES.iter().filter(|table| **table != "database_identity").map(|table| of(table)).collect()
}

/// Backup and restore on one engine: the very same values, whatever the engine can hold.
fn same_engine(engine: Engine) {
    let (source, target) = (Database::migrated(engine), Database::empty(engine));
    let (from, to) = (Program::on(&source), Program::on(&target));
    check(4, contents(engine, Range::Everything), |contents| {
        fill(&source, engine, &contents);
        // before, because that the backup was made is recorded afterwards
        let expected = exact(&source, engine);
        carry(&from, &to, &target);
        for ((found, expected), table) in exact(&target, engine).iter().zip(&expected).zip(entity::TABLES) {
            let other = found.iter().zip(expected).find(|(found, expected)| found != expected);
            assert!(found == expected, "{engine:?}: {table}: {} of {} rows: {other:?}", found.len(), expected.len());
        }
        assert!(rows(&target)[..2] == rows(&source)[..2], "the ledger of {engine:?}");
    });
    to.run(&["status", "--check"]).success();
}

/// To the other engine and back.
fn across(engine: Engine, other: Engine) {
    let (source, middle, end) = (Database::migrated(engine), Database::empty(other), Database::empty(engine));
    let (from, there, back) = (Program::on(&source), Program::on(&middle), Program::on(&end));
    check(3, contents(engine, Range::Common), |contents| {
        fill(&source, engine, &contents);
        let expected = (neutral(&source, engine), documents(&source));
        let all = exact(&source, engine);
        carry(&from, &there, &middle);
        assert!((neutral(&middle, other), documents(&middle)) == expected, "{engine:?} to {other:?}");
        carry(&there, &back, &end);
        assert!((neutral(&end, engine), documents(&end)) == expected, "{engine:?} and back");
        if engine == Engine::Postgres {
            // its types have one form of each value; of SQLite's times and documents there are many
            assert!(exact(&end, engine) == all);
        }
    });
    there.run(&["status", "--check"]).success();
    back.run(&["status", "--check"]).success();
}

#[test]
fn p3_random_rows_on_postgres() {
    same_engine(Engine::Postgres);
}

#[test]
fn p3_random_rows_on_sqlite() {
    same_engine(Engine::Sqlite);
}

#[test]
fn p3_random_rows_from_postgres_to_sqlite_and_back() {
    across(Engine::Postgres, Engine::Sqlite);
}

#[test]
fn p3_random_rows_from_sqlite_to_postgres_and_back() {
    across(Engine::Sqlite, Engine::Postgres);
}

/// A row of SQLite's as a line of PostgreSQL's, and that read again, are the same row.
#[test]
fn rows_are_converted_without_loss() {
    let kinds = [ColumnType::Bigint, ColumnType::Boolean, ColumnType::Text, ColumnType::Text, ColumnType::Text];
    let columns = kinds.map(|kind| Column { name: "c".to_owned(), kind });
    let or_null = |value: BoxedStrategy<Value>| prop_oneof![1 => Just(Value::Null), 5 => value].boxed();
    let integer = || any::<i64>().prop_map(Value::Integer).boxed();
    let row = (
        or_null(integer()),
        or_null(any::<bool>().prop_map(Value::Boolean).boxed()),
        or_null(text(0..300).prop_map(Value::Text).boxed()),
        or_null(text(0..20).prop_map(Value::Text).boxed()),
        or_null(text(0..3).prop_map(Value::Text).boxed()),
    );
    check(1500, row, |(a, b, c, d, e)| {
        let values = [a, b, c, d, e];
        let literals: Vec<String> = values.iter().map(|value| value.literal(Engine::Sqlite)).collect();
        // as the file has it: a line feed would end the row
        let row = format!("({})", literals.join(",").replace('\n', "'||char(10)||'"));
        let (line, canonical) = convert_row(row.as_bytes(), Backend::Sqlite, &columns).unwrap();
        let (again, same) = convert_row(line.strip_suffix(b"\n").unwrap(), Backend::Postgres, &columns).unwrap();
        assert_eq!(String::from_utf8(again), String::from_utf8(line.clone()));
        assert_eq!(same, canonical);
        // what it has to be is spelled out by hand
        let expected: Vec<String> = values.iter().map(Value::copied).collect();
        assert_eq!(String::from_utf8(line).unwrap(), expected.join("\t") + "\n");
    });
}

/// Rows are the same only if their values are: no two ways to say different things have one form.
#[test]
fn different_rows_have_different_forms() {
    let columns = [ColumnType::Text, ColumnType::Text].map(|kind| Column { name: "c".to_owned(), kind });
    let field = || prop_oneof![Just("\\N".to_owned()), "[-;\"a\\\\]{0,3}".prop_map(|text| text.replace('\\', "\\\\"))];
    check(200, prop::collection::vec((field(), field()), 2..60), |rows| {
        let mut seen: BTreeMap<Vec<u8>, String> = BTreeMap::new();
        for (a, b) in rows {
            let row = format!("{a}\t{b}");
            let (_, canonical) = convert_row(row.as_bytes(), Backend::Postgres, &columns).unwrap();
            let before = seen.entry(canonical).or_insert_with(|| row.clone());
            assert_eq!(*before, row);
        }
    });
}
