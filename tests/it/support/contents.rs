//! Random content of every table within the constraints of the schema, and the SQL that inserts it on each engine.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::Engine;
use super::columns::*;

/// A value of one column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Integer(i64),
    Boolean(bool),
    Text(String),
    /// As the engine is to read it.
    Raw(String),
}

impl Value {
    pub(crate) fn literal(&self, engine: Engine) -> String {
        let quoted = |text: &str| text.replace('\'', "''");
        match (self, engine) {
            (Self::Null, _) => "NULL".to_owned(),
            // the smallest one is not its own absolute value
            (Self::Integer(number), Engine::Postgres) => format!("'{number}'::bigint"),
            (Self::Integer(number), Engine::Sqlite) => number.to_string(),
            (Self::Boolean(value), Engine::Postgres) => value.to_string(),
            (Self::Boolean(value), Engine::Sqlite) => u8::from(*value).to_string(),
            (Self::Text(text), Engine::Postgres) => format!("E'{}'", quoted(text).replace('\\', "\\\\")),
            (Self::Text(text), Engine::Sqlite) => format!("'{}'", quoted(text)),
            (Self::Raw(text), _) => text.clone(),
        }
    }

    /// As a field of COPY's text format.
    pub(crate) fn copied(&self) -> String {
        let escapes =
            [('\u{8}', "\\b"), ('\t', "\\t"), ('\n', "\\n"), ('\u{b}', "\\v"), ('\u{c}', "\\f"), ('\r', "\\r")];
        match self {
            Self::Null => "\\N".to_owned(),
            Self::Integer(number) => number.to_string(),
            Self::Boolean(value) => if *value { "t" } else { "f" }.to_owned(),
            Self::Text(text) => {
                escapes.iter().fold(text.replace('\\', "\\\\"), |text, (sign, escape)| text.replace(*sign, escape))
            }
            Self::Raw(text) => text.clone(),
        }
    }
}

/// Which values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Range {
    /// Those that both engines can hold.
    Common,
    /// All that the engine can hold.
    Everything,
}

/// Rows, and values that sequences go on from.
#[derive(Clone, Debug)]
pub(crate) struct Contents {
    tables: Vec<(&'static str, &'static str, Vec<Vec<Value>>)>,
    sequences: Vec<(&'static str, i64, bool)>,
}

impl Contents {
    /// Statements that insert all of it.
    pub(crate) fn insert(&self, engine: Engine) -> String {
        let mut sql = String::new();
        for (table, columns, rows) in self.tables.iter().filter(|(_, _, rows)| !rows.is_empty()) {
            let rows = rows.iter().map(|row| {
                let values: Vec<String> = row.iter().map(|value| value.literal(engine)).collect();
                format!("({})", values.join(", "))
            });
            let rows: Vec<String> = rows.collect();
            let _ = write!(sql, "INSERT INTO {table} ({columns}) VALUES {};", rows.join(", "));
        }
        for (table, value, used) in &self.sequences {
            let _ = match engine {
                Engine::Postgres => write!(sql, "SELECT setval('{table}_id_seq', {value}, {used});"),
                Engine::Sqlite => {
                    write!(sql, "UPDATE sqlite_sequence SET seq = max(seq, {value}) WHERE name = '{table}';")
                }
            };
        }
        sql
    }
}

fn one_of(pieces: &'static [&'static str]) -> BoxedStrategy<String> {
    select(pieces).prop_map(str::to_owned).boxed()
}

/// Texts that are hard to carry, of so many pieces at most.
pub(crate) fn text(pieces: std::ops::Range<usize>) -> BoxedStrategy<String> {
    let piece = prop_oneof![
        4 => proptest::char::range('\u{1}', '\u{20}').prop_map(String::from),
        3 => one_of(&["\\", "'", "\"", "''", "\\N", "\\.", "\n", "\t", "\r", "\r\n", "\u{7f}", "\\n", ",", ";", "\u{feff}", "\u{2028}"]),
        1 => one_of(&["),(", "),\n(", "(NULL,", "X'00'", "'||char(10)||'", "'||char(10)||", "||char(10)||'", "$$", "E'"]),
        1 => one_of(&["-- authsvc end {}", "\n-- authsvc end {\"tables\":[]}\n", "-- authsvc data", "\n\\.\n", "\nCOMMIT;\n",
                      "COPY users (id) FROM stdin;", "\nINSERT INTO users (id) VALUES\n", "-- PostgreSQL database dump complete"]),
        3 => any::<char>().prop_filter("no engine has NUL", |sign| *sign != '\0').prop_map(String::from),
        1 => proptest::char::range('\u{1f300}', '\u{1faff}').prop_map(String::from),
        2 => proptest::char::range('a', 'z').prop_map(String::from),
    ];
    prop::collection::vec(piece, pieces).prop_map(|pieces| pieces.concat()).boxed()
}

/// The same within a column's length.
fn short(longest: usize) -> BoxedStrategy<Value> {
    text(0..12).prop_map(move |text| Value::Text(text.chars().take(longest).collect())).boxed()
}

fn or_null(value: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    prop_oneof![1 => Just(Value::Null), 4 => value].boxed()
}

fn integer() -> BoxedStrategy<i64> {
    prop_oneof![
        2 => select(vec![i64::MIN, i64::MIN + 1, -1, 0, 1, 1 << 31, (1 << 53) + 1, i64::MAX - 1, i64::MAX]),
        2 => any::<i64>(),
        4 => 1..10_000_i64,
    ]
    .boxed()
}

fn word(words: &'static [&'static str]) -> BoxedStrategy<Value> {
    select(words).prop_map(|word| Value::Text(word.to_owned())).boxed()
}

fn boolean() -> BoxedStrategy<Value> {
    any::<bool>().prop_map(Value::Boolean).boxed()
}

/// From the first microsecond of the year 1 to the last of 9999.
fn time(engine: Engine, range: Range) -> BoxedStrategy<Value> {
    const YEAR: i64 = 31_556_952_000_000;
    let first = chrono::NaiveDate::from_ymd_opt(1, 1, 1).unwrap().and_time(chrono::NaiveTime::MIN).and_utc();
    let last = chrono::DateTime::parse_from_rfc3339("9999-12-31T23:59:59.999999+00:00").unwrap();
    let (first, last) = (first.timestamp_micros(), last.timestamp_micros());
    let day = 86_400_000_000;
    let micros = prop_oneof![
        1 => select(vec![first, last, 0, -1, 1, 951_868_799_999_999, 4_107_542_399_000_000, -11_644_473_600_000_000]),
        3 => first..=last,
        3 => 0..60 * YEAR,
        2 => (0..700_000_i64).prop_map(move |days| first + days * day),
        2 => (0..2_000_000_000_i64).prop_map(|seconds| seconds * 1_000_000),
        2 => (0..2_000_000_000_000_i64).prop_map(|millis| millis * 1_000),
    ];
    let digits = if range == Range::Everything { 0..=12_usize } else { 6..=6 };
    let usual = (micros, digits).prop_map(move |(micros, digits)| {
        let time = chrono::DateTime::from_timestamp_micros(micros).unwrap();
        match engine {
            Engine::Postgres => Value::Text(time.format("%Y-%m-%d %H:%M:%S%.6f+00").to_string()),
            // any number of digits
            Engine::Sqlite if digits == 0 => Value::Text(time.format("%Y-%m-%dT%H:%M:%S+00:00").to_string()),
            Engine::Sqlite => {
                let fraction: String =
                    format!("{:06}000000", time.timestamp_subsec_micros()).chars().take(digits).collect();
                Value::Text(format!("{}.{fraction}+00:00", time.format("%Y-%m-%dT%H:%M:%S")))
            }
        }
    });
    usual.boxed()
}

/// Text of a document. Excluded are texts that one of the engines cannot store: `\u0000`, halves of a pair, doubled keys.
fn document(range: Range, engine: Engine) -> BoxedStrategy<Value> {
    let string = text(0..4).prop_map(|text| serde_json::to_string(&text).unwrap());
    let number = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        one_of(&[
            "0",
            "-0",
            "1e5",
            "1E+2",
            "1.10",
            "-1.50e-3",
            "10e-1",
            "123456789012345678901234567890",
            "0.1",
            "1e22",
            "1e40"
        ]),
        (-1_000_000..1_000_000_i32).prop_map(|number| format!("{}", f64::from(number) / 1024.0)),
    ];
    let leaf = prop_oneof![
        one_of(&["null", "true", "false"]),
        number,
        string.clone(),
        one_of(&["\"\\u00e9\\ud83d\\ude00\\/\""])
    ];
    let json = leaf.prop_recursive(5, 24, 5, move |inner| {
        let list = prop::collection::vec(inner.clone(), 0..5).prop_map(|values| format!("[{}]", values.join(",")));
        let object =
            prop::collection::btree_map(string.clone(), inner, 0..5).prop_map(|map: BTreeMap<String, String>| {
                let pairs: Vec<String> = map.iter().map(|(key, value)| format!("{key} : {value}")).collect();
                format!("{{{}}}", pairs.join(", "))
            });
        prop_oneof![list, object]
    });
    let json = match (range, engine) {
        (Range::Everything, Engine::Sqlite) => {
            prop_oneof![8 => json, 1 => one_of(&["{\"a\":1,\"a\":2}", "\"\\u0000\\ud800\"", "1e999", " [ ] "])].boxed()
        }
        _ => json.boxed(),
    };
    // the schema takes objects only
    json.prop_map(|json| Value::Text(format!("{{\"counts\": {json}}}"))).boxed()
}

/// What only SQLite puts into a column that is declared otherwise.
fn loose(engine: Engine, range: Range, value: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    if (engine, range) != (Engine::Sqlite, Range::Everything) {
        return value;
    }
    let raw =
        select(vec!["1.5", "-0.1", "9e999", "-9e999", "1e300", "9.3e18", "5e-324", "0.1", "X'00ff'", "X''", "X'41'"]);
    prop_oneof![3 => value, 1 => raw.prop_map(|raw| Value::Raw(raw.to_owned()))].boxed()
}

fn email() -> BoxedStrategy<String> {
    "[A-Za-z0-9._%+-]{1,12}@[A-Za-z0-9-]{1,8}\\.[A-Z][a-z]{1,5}".boxed()
}

type Fields = Vec<BoxedStrategy<Value>>;

fn user(engine: Engine, range: Range) -> Fields {
    let time = || time(engine, range);
    vec![
        email().prop_map(Value::Text).boxed(),
        short(200),
        text(1..12).prop_map(Value::Text).boxed(),
        or_null(short(500)),
        word(&["email", "google", "github"]),
        or_null(short(255)),
        or_null(time()),
        boolean(),
        boolean(),
        small_count(),
        or_null(time()),
        time(),
        time(),
        or_null(time()),
        or_null(any::<i64>().prop_map(Value::Integer).boxed()),
        small_count(),
        or_null(any::<i64>().prop_map(Value::Integer).boxed()),
    ]
}

fn small_count() -> BoxedStrategy<Value> {
    (0..=i32::MAX).prop_map(|count| Value::Integer(count.into())).boxed()
}

type Rows = BTreeMap<i64, (Index, Vec<Value>)>;

fn rows(fields: Fields) -> BoxedStrategy<Rows> {
    prop::collection::btree_map(integer(), (any::<Index>(), fields), 0..40).boxed()
}

fn throttle(engine: Engine, range: Range) -> Fields {
    let moment = || or_null(any::<i64>().prop_map(Value::Integer).boxed());
    let failures = (1..i32::MAX).prop_map(|count| Value::Integer(count.into())).boxed();
    vec![failures, time(engine, range), or_null(time(engine, range)), moment(), small_count(), moment()]
}

/// Every table with rows of the service.
pub(crate) fn contents(engine: Engine, range: Range) -> BoxedStrategy<Contents> {
    let (time, loose) = (|| time(engine, range), |value| loose(engine, range, value));
    let whole = || text(0..40).prop_map(Value::Text).boxed();
    let number = || integer().prop_map(Value::Integer).boxed();
    let tokens = vec![
        word(&["google", "github"]),
        short(200),
        or_null(whole()),
        or_null(whole()),
        or_null(time()),
        or_null(short(64)),
        time(),
        time(),
    ];
    let refresh = vec![
        short(200),
        or_null(number()),
        time(),
        time(),
        boolean(),
        or_null(time()),
        or_null(short(45)),
        or_null(short(500)),
    ];
    let events = vec![
        time(),
        word(&EVENT_KINDS),
        or_null(short(255)),
        or_null(short(45)),
        or_null(short(500)),
        or_null(loose(whole())),
    ];
    let outcome = or_null(word(&["succeeded", "failed", "cancelled"]));
    let runs =
        vec![word(&RUN_KINDS), time(), or_null(time()), outcome, document(range, engine), or_null(loose(whole()))];
    let sequence = || (prop_oneof![Just(1), Just(i64::MAX), 1..=i64::MAX, 1..100_000_i64], any::<bool>());
    let devices = vec![word(&["cookie", "address"]), time()];
    let guards = (rows(throttle(engine, range)), rows(vec![time()]), rows(devices));
    let tables = (rows(user(engine, range)), rows(tokens), rows(refresh), rows(events), rows(runs), guards);
    (tables, sequence(), sequence())
        .prop_map(|((users, tokens, refresh, events, runs, (throttles, states, devices)), first, second)| {
            let ids: Vec<i64> = users.keys().copied().collect();
            Contents {
                tables: vec![
                    ("users", USERS, users.into_iter().enumerate().map(|(at, row)| user_row(at, row)).collect()),
                    ("oauth_providers", OAUTH_PROVIDERS, children(&ids, tokens, 1, |at, row| unique(at, &mut row[3]))),
                    ("refresh_tokens", REFRESH_TOKENS, children(&ids, refresh, 1, |at, row| unique(at, &mut row[2]))),
                    ("auth_events", AUTH_EVENTS, children(&ids, events, 3, |_, _| ())),
                    ("maintenance_runs", MAINTENANCE_RUNS, plain(runs)),
                    ("login_throttles", LOGIN_THROTTLES, keyed("ip", throttles)),
                    ("oauth_states", OAUTH_STATES, keyed("state", states)),
                    ("known_devices", KNOWN_DEVICES, children(&ids, devices, 1, |_, row| digest(row))),
                ],
                sequences: vec![("users", first.0, first.1), ("auth_events", second.0, second.1)],
            }
        })
        .boxed()
}

/// Makes a text another one than that of every other row.
fn unique(at: usize, value: &mut Value) {
    if let Value::Text(text) = value {
        text.push_str(&format!("/{at}"));
    }
}

fn user_row(at: usize, (id, (_, mut fields)): (i64, (Index, Vec<Value>))) -> Vec<Value> {
    if let Value::Text(email) = &mut fields[0] {
        email.insert_str(0, &format!("{at}-"));
    }
    unique(at, &mut fields[1]);
    // who comes from elsewhere has no password here
    if fields[4] != Value::Text("email".to_owned()) {
        fields[2] = Value::Text(String::new());
    }
    fields.insert(0, Value::Integer(id));
    fields
}

/// Rows that point to users. An event may outlive its user.
fn children(
    users: &[i64],
    rows: Rows,
    column: usize,
    mut finish: impl FnMut(usize, &mut Vec<Value>),
) -> Vec<Vec<Value>> {
    let mut made = Vec::new();
    for (at, (id, (user, mut fields))) in rows.into_iter().enumerate() {
        let user = match (users, column) {
            ([], 3) => Value::Null,
            (_, 3) if at % 4 == 0 => Value::Null,
            ([], _) => continue,
            _ => Value::Integer(*user.get(users)),
        };
        fields.insert(0, Value::Integer(id));
        fields.insert(column, user);
        finish(at, &mut fields);
        made.push(fields);
    }
    made
}

/// A key that is a text in place of a number.
fn digest(row: &mut [Value]) {
    if let Value::Integer(id) = row[0] {
        row[0] = Value::Text(format!("digest:{id}"));
    }
}

/// Rows whose key is a text.
fn keyed(kind: &str, rows: Rows) -> Vec<Vec<Value>> {
    let with_key = |(id, (_, mut fields)): (i64, (Index, Vec<Value>))| {
        fields.insert(0, Value::Text(format!("{kind}:{id}")));
        fields
    };
    rows.into_iter().map(with_key).collect()
}

fn plain(rows: Rows) -> Vec<Vec<Value>> {
    let with_id = |(id, (_, mut fields)): (i64, (Index, Vec<Value>))| {
        fields.insert(0, Value::Integer(id));
        fields
    };
    rows.into_iter().map(with_id).collect()
}
