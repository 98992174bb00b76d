//! The tables of `docs/CONFIGURATION.md`: the program's variables, each with its type, default, effect and example.
//!
//! The program's own parser reads each default, each example and, by type, a value that it must refuse.

use std::collections::{BTreeMap, BTreeSet};

use authsvc::config::{Config, Variables};

use crate::accounts::signing_key;

const PAGE: &str = include_str!("../../../docs/CONFIGURATION.md");
const SERVER: (&str, &str) = ("DATABASE_URL", "postgres://u@h/d");

/// Defaults that depend on other variables; each has its assertion in `defaults_that_depend_on_others`.
const DEPENDENT: [&str; 6] = [
    "DATABASE_URL",
    "AUTHSVC_ENV",
    "AUTHSVC_PUBLIC_URL",
    "AUTHSVC_OAUTH_REDIRECT_URL",
    "AUTHSVC_JWT_KEY",
    "AUTHSVC_BACKUP_MAX_AGE",
];

/// Types whose values the configuration does not check.
const ANY_TEXT: [&str; 4] = ["text", "secret", "path", "log filter"];

/// One row of the tables.
struct Row {
    name: String,
    value_type: String,
    default: String,
    effect: String,
    example: String,
}

/// Text of a cell that is one code span.
fn code(cell: &str) -> Option<&str> {
    cell.strip_prefix('`')?.strip_suffix('`').filter(|text| !text.contains('`'))
}

fn rows() -> Vec<Row> {
    let section = PAGE.split("## All variables").nth(1).unwrap().split("\n## ").next().unwrap();
    let cells = section
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect::<Vec<_>>());
    let rows = cells.filter_map(|cells| <[String; 5]>::try_from(cells).ok());
    let rows = rows.map(|[name, value_type, default, effect, example]| Row {
        name: code(&name).unwrap_or_else(|| panic!("{name}")).to_owned(),
        value_type,
        default,
        effect,
        example: code(&example).unwrap_or_else(|| panic!("{example}")).to_owned(),
    });
    rows.collect()
}

/// The type without what may be written in its place: `duration, or off` is a duration.
fn base_type(row: &Row) -> &str {
    row.value_type.strip_suffix(", or `off`").unwrap_or(&row.value_type)
}

/// Value of an example. That of a secret names a file, so a value of its type stands for it.
fn value(row: &Row) -> String {
    match base_type(row) {
        "signing keys" => signing_key(),
        "encryption keys" => "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_owned(),
        "secret" => "a-secret".to_owned(),
        _ => row.example.clone(),
    }
}

/// The configuration with a variable, beside the URL of a server and the variable that it needs.
fn config(row: &Row, value: &str) -> Result<String, String> {
    let partner = match row.name.as_str() {
        "AUTHSVC_GOOGLE_CLIENT_ID" => ("AUTHSVC_GOOGLE_CLIENT_SECRET", "a-secret"),
        "AUTHSVC_GOOGLE_CLIENT_SECRET" => ("AUTHSVC_GOOGLE_CLIENT_ID", "an-id"),
        "AUTHSVC_GITHUB_CLIENT_ID" => ("AUTHSVC_GITHUB_CLIENT_SECRET", "a-secret"),
        "AUTHSVC_GITHUB_CLIENT_SECRET" => ("AUTHSVC_GITHUB_CLIENT_ID", "an-id"),
        _ => SERVER,
    };
    parse([SERVER, partner, (&row.name, value)])
}

fn parse<const N: usize>(pairs: [(&str, &str); N]) -> Result<String, String> {
    let parsed = Config::from_variables(&Variables::from(pairs));
    parsed.map(|config| format!("{config:?}")).map_err(|error| error.to_string())
}

#[test]
fn the_tables_have_every_variable_once() {
    let rows = rows();
    let names: BTreeSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names.len(), rows.len(), "a variable has two rows");
    assert_eq!(names, Variables::names().collect());
}

#[test]
fn every_type_is_described_and_holds() {
    let types = PAGE.split("## Types").nth(1).unwrap().split("\n## ").next().unwrap();
    let types: BTreeSet<&str> =
        types.lines().skip(4).filter_map(|line| line.strip_prefix("| ")?.split(" | ").next()).collect();
    // of each type that the parser checks, a value of another one
    let refused = BTreeMap::from([
        ("duration", "soon"),
        ("duration of days", "12h"),
        ("rate", "20"),
        ("percentage", "101"),
        ("whole number", "-1"),
        ("size", "big"),
        ("address and port", "8080"),
        ("URL", "auth.example.com"),
        ("https URL", "http://auth.example.com"),
        ("cron schedule", "daily"),
        ("host names", "https://authsvc"),
        ("origins", "*"),
        ("networks", "10.0.0.0/33"),
        ("database URL", "mysql://h/d"),
        ("signing keys", "x"),
        ("encryption keys", "x"),
    ]);
    for row in rows() {
        if let Some(words) = row.value_type.strip_prefix("one of ") {
            for word in words.split(", ").map(|word| code(word).unwrap()) {
                config(&row, word).unwrap();
            }
            assert!(config(&row, "other").is_err(), "{} accepts another word", row.name);
            continue;
        }
        let name = base_type(&row);
        assert!(types.contains(name), "{}: the type `{name}` is not described", row.name);
        match refused.get(name) {
            Some(value) => {
                let error = config(&row, value).expect_err(&row.name);
                assert!(error.starts_with(&format!("{}: ", row.name)), "{error}");
            }
            None => assert!(ANY_TEXT.contains(&name), "{name}"),
        }
        // `off` is a name of a host as well
        if !ANY_TEXT.contains(&name) && name != "host names" {
            let takes_off = config(&row, "off").is_ok();
            assert_eq!(takes_off, row.value_type.ends_with(", or `off`"), "{}", row.name);
        }
    }
}

#[test]
fn every_default_is_that_of_the_program() {
    let without = parse([SERVER]).unwrap();
    for row in rows().iter().filter(|row| !DEPENDENT.contains(&row.name.as_str())) {
        match code(&row.default) {
            // the filter of the log is read where logging begins
            Some(default) if row.name == "AUTHSVC_LOG" => assert_eq!(default, authsvc::telemetry::DEFAULT_FILTER),
            Some(default) => assert_eq!(config(row, default).unwrap(), without, "{}", row.name),
            None => assert_eq!(row.default, "none", "{}", row.name),
        }
    }
}

#[test]
fn defaults_that_depend_on_others() {
    let with = |pairs| Config::from_variables(&Variables::from(pairs)).unwrap();
    let defaults: BTreeMap<String, String> = rows().into_iter().map(|row| (row.name, row.default)).collect();
    let development = Config::from_variables(&Variables::default()).unwrap();
    assert!(defaults["DATABASE_URL"].contains("SQLite file `authsvc.db`"));
    assert!(format!("{:?}", development.database_url).contains("authsvc.db"));
    assert!(defaults["AUTHSVC_PUBLIC_URL"].contains("address of `AUTHSVC_LISTEN`"));
    assert_eq!(with([SERVER, ("AUTHSVC_LISTEN", "127.0.0.1:81")]).public_url.as_str(), "http://127.0.0.1:81");
    assert!(defaults["AUTHSVC_BACKUP_MAX_AGE"].starts_with("`26h` in production and staging, else `off`"));
    for (environment, expected) in [("production", Some(26)), ("staging", Some(26)), ("test", None)] {
        let limit = with([SERVER, ("AUTHSVC_ENV", environment)]).thresholds.backup_max_age;
        assert_eq!(limit.map(|limit| limit.as_secs() / 3600), expected, "{environment}");
    }
    assert!(development.jwt_keys.is_none() && defaults["AUTHSVC_JWT_KEY"].starts_with("none. "));
}

#[test]
fn every_example_is_read_and_changes_the_configuration() {
    let without = parse([SERVER]).unwrap();
    for row in rows() {
        let changed = config(&row, &value(&row)).unwrap_or_else(|error| panic!("{error}"));
        assert_ne!(changed, without, "{}: the example is the default", row.name);
        if let Some(file) = row.example.strip_prefix(&row.name) {
            assert!(file.starts_with("_FILE=/run/secrets/"), "{}", row.example);
        }
        let names_a_file = ["signing keys", "encryption keys", "secret"].contains(&base_type(&row));
        assert_eq!(names_a_file, row.example.contains("_FILE="), "{}: a secret is shown as a file", row.name);
    }
}

#[test]
fn every_effect_is_a_sentence_of_its_own() {
    let rows = rows();
    let effects: BTreeSet<&str> = rows.iter().map(|row| row.effect.as_str()).collect();
    assert_eq!(effects.len(), rows.len(), "two variables have the same effect");
    for effect in effects {
        assert!(effect.starts_with(|first: char| first.is_uppercase() || first == '`'), "{effect}");
        assert!(!effect.contains('…') && effect.split(' ').count() > 3, "{effect}");
    }
}
