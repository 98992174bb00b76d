//! Reading a snapshot gives what the server itself prints, on one connection and on two.

use std::sync::Mutex;

use authsvc::db::{Column, ColumnType, Connection, DatabaseUrl, Defaults, Error, RowSink, Snapshot, SnapshotRows};
use futures_util::StreamExt as _;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::support::database::{Engine, block_on};
use crate::support::{Cluster, Database};

const MICROSECONDS_A_DAY: i64 = 86_400_000_000;

/// Keeps what it is given.
#[derive(Default)]
struct Kept(Mutex<Vec<SnapshotRows>>);

impl RowSink for Kept {
    async fn take(&self, rows: SnapshotRows) -> bool {
        self.0.lock().unwrap().push(rows);
        true
    }
}

impl Kept {
    fn lines(&self, columns: &[Column]) -> Vec<Vec<u8>> {
        let mut text = Vec::new();
        for rows in self.0.lock().unwrap().iter() {
            rows.print(columns, &mut text).unwrap();
        }
        let mut lines: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        lines.sort();
        lines
    }
}

async fn begin(database: &Database, table: &str) -> Snapshot {
    let url = DatabaseUrl::parse(&database.url, &Defaults::default()).unwrap();
    let connection = Connection::open(&url).await.unwrap();
    Snapshot::begin(connection, &url, &[table]).await.unwrap()
}

fn columns(columns: &[(&str, ColumnType)]) -> Vec<Column> {
    columns.iter().map(|(name, kind)| Column { name: (*name).to_owned(), kind: *kind }).collect()
}

/// What the server prints.
async fn printed(database: &Database, copy: &str) -> Vec<Vec<u8>> {
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    sqlx::raw_sql("SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'").execute(&mut connection).await.unwrap();
    let mut rows: Vec<_> =
        connection.copy_out_raw(copy).await.unwrap().map(|row| row.unwrap().to_vec()).collect().await;
    rows.sort();
    rows
}

const ODD: [(&str, ColumnType); 8] = [
    ("a", ColumnType::Bigint),
    ("b", ColumnType::Integer),
    ("c", ColumnType::Boolean),
    ("d", ColumnType::Text),
    ("e", ColumnType::Text),
    ("f", ColumnType::Timestamptz),
    ("g", ColumnType::Timestamp),
    ("h", ColumnType::Json),
];

fn or_null(value: impl Strategy<Value = String> + 'static) -> BoxedStrategy<String> {
    prop_oneof![1 => Just("NULL".to_owned()), 6 => value].boxed()
}

fn text() -> impl Strategy<Value = String> {
    let sign = prop_oneof![
        4 => proptest::char::range('\u{1}', '\u{20}'),
        2 => proptest::sample::select(vec!['\\', '\'', 'N', '.', '\u{7f}', 'b', 'n', '\t', '\n', '\r', '\u{8}', '\u{b}', '\u{c}']),
        4 => any::<char>().prop_filter("the server has no NUL", |sign| *sign != '\0'),
        2 => proptest::char::range('a', 'z'),
    ];
    prop::collection::vec(sign, 0..40)
        .prop_map(|signs| format!("'{}'", signs.into_iter().collect::<String>().replace('\'', "''")))
}

/// A time of the given type, over all that the server can hold.
fn time(kind: &'static str) -> impl Strategy<Value = String> {
    const YEAR: i64 = 31_556_952_000_000;
    let since_2000 = prop_oneof![
        -6_700 * YEAR..292_000 * YEAR,
        -2_100 * YEAR..-1_900 * YEAR,
        -40 * YEAR..40 * YEAR,
        (-40 * 365..40 * 365_i64).prop_map(|day| day * 86_400_000_000),
        (-1_000_000..1_000_000_i64).prop_map(|value| value * 1_000),
    ];
    let origin = if kind == "timestamptz" { "2000-01-01 00:00:00+00" } else { "2000-01-01 00:00:00" };
    prop_oneof![
        1 => Just(format!("'infinity'::{kind}")),
        1 => Just(format!("'-infinity'::{kind}")),
        1 => Just(format!("'0001-01-01 00:00:00 BC'::{kind}")),
        1 => Just(format!("'4713-01-01 00:00:00 BC'::{kind}")),
        1 => Just(format!("'2000-02-29 23:59:59.999999'::{kind}")),
        12 => since_2000.prop_map(move |value| {
            // before version 15 each field of an interval has 32 bits
            let (days, rest) = (value / MICROSECONDS_A_DAY, value % MICROSECONDS_A_DAY);
            let (seconds, microseconds) = (rest / 1_000_000, rest % 1_000_000);
            format!("{kind} '{origin}' + interval '{days} days {seconds} seconds {microseconds} microseconds'")
        }),
    ]
}

fn odd_row() -> impl Strategy<Value = String> {
    let json = prop_oneof![
        any::<i64>().prop_map(|number| format!("'{{\"n\": {number}}}'")),
        Just(r#"'{"t": "a\tb\\c\u0007 é 😀", "z": [1, 2.50, null, {}]}'"#.to_owned()),
    ];
    let bigint = prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0), any::<i64>(), -1000..1000_i64];
    let integer = prop_oneof![Just(i32::MIN), Just(i32::MAX), Just(0), any::<i32>(), -1000..1000];
    (
        or_null(bigint.prop_map(|number| format!("'{number}'"))),
        or_null(integer.prop_map(|number| format!("'{number}'"))),
        or_null(any::<bool>().prop_map(|value| value.to_string())),
        or_null(text()),
        or_null(text()),
        or_null(time("timestamptz")),
        or_null(time("timestamp")),
        or_null(json),
    )
        .prop_map(|(a, b, c, d, e, f, g, h)| format!("({a}, {b}, {c}, {d}, {e}, {f}, {g}, {h})"))
}

#[test]
fn binary_rows_are_printed_as_the_server_prints_them() {
    let database = Database::on(Cluster::shared(), None);
    database.execute(
        "CREATE TABLE odd (a BIGINT, b INTEGER, c BOOLEAN, d TEXT, e VARCHAR(255), f TIMESTAMPTZ, g TIMESTAMP, h JSONB);
         GRANT SELECT ON odd TO app",
    );
    let columns = columns(&ODD);
    let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    let rows = prop::collection::vec(odd_row(), 0..150);
    let checked = runner.run(&rows, |rows| {
        database.execute("TRUNCATE odd; SET TimeZone = 'UTC'");
        if !rows.is_empty() {
            database.execute(&format!("SET TimeZone = 'UTC'; INSERT INTO odd SELECT a::bigint, b::integer, c, d, e, f, g, h::jsonb FROM (VALUES (NULL, NULL, NULL::boolean, NULL, NULL, NULL::timestamptz, NULL::timestamp, NULL), {}) v (a, b, c, d, e, f, g, h)", rows.join(", ")));
        }
        let (ours, servers) = block_on(async {
            let mut snapshot = begin(&database, "odd").await;
            let kept = Kept::default();
            assert!(snapshot.read(0, "odd", &columns, &kept).await.unwrap());
            assert!(kept.0.lock().unwrap().iter().all(|rows| matches!(rows, SnapshotRows::Tuples(_))));
            (kept.lines(&columns), printed(&database, "COPY odd TO STDOUT").await)
        });
        prop_assert_eq!(ours, servers);
        Ok(())
    });
    checked.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_type_that_is_not_known_is_printed_by_the_server() {
    let database = Database::on(Cluster::shared(), None);
    database.execute(
        "CREATE TABLE other (a NUMERIC, b TEXT); GRANT SELECT ON other TO app; INSERT INTO other VALUES (1.50, E'a\\tb')",
    );
    let columns = columns(&[("a", ColumnType::Other), ("b", ColumnType::Text)]);
    let lines = block_on(async {
        let mut snapshot = begin(&database, "other").await;
        let kept = Kept::default();
        snapshot.read(0, "other", &columns, &kept).await.unwrap();
        kept.lines(&columns)
    });
    assert_eq!(lines, [b"1.50\ta\\tb\n"]);
}

#[test]
fn rows_that_are_not_of_the_columns_are_an_error() {
    let columns = columns(&ODD[..2]);
    let good = [0, 2, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 7, 255, 255, 255, 255];
    let print = |bytes: &[u8]| {
        let mut text = Vec::new();
        SnapshotRows::Tuples(bytes.to_vec()).print(&columns, &mut text).map(|()| text)
    };
    assert_eq!(print(&good).unwrap(), b"7\t\\N\n");
    for length in 1..good.len() {
        assert!(print(&good[..length]).is_err(), "cut off after {length}");
    }
    for (at, byte) in [(0, 1), (1, 3), (5, 4), (5, 9), (2, 127), (14, 0)] {
        let mut bad = good;
        bad[at] = byte;
        assert!(print(&bad).is_err(), "{byte} at {at}");
    }
}

const EVENTS: [(&str, ColumnType); 3] =
    [("id", ColumnType::Bigint), ("detail", ColumnType::Text), ("occurred_at", ColumnType::Timestamptz)];

/// A table that two connections read.
fn large() -> Database {
    let database = Database::migrated(Engine::Postgres);
    database.execute("INSERT INTO auth_events (kind, detail) SELECT 'logout', repeat(g::text, 200) FROM generate_series(10001, 60000) g; ANALYZE auth_events");
    database
}

/// Whether the server can read a range of pages, which the second connection is for.
fn reads_ranges() -> bool {
    Cluster::shared().version() >= 14
}

async fn connections(snapshot: &mut Snapshot) -> String {
    let sql = "SELECT count(*)::text FROM pg_stat_activity WHERE datname = current_database() AND usename = 'app'";
    snapshot.query(sql).await.unwrap().remove(0).remove(0).unwrap()
}

#[test]
fn two_connections_read_every_row_once_and_of_one_point_in_time() {
    let database = large();
    let columns = columns(&EVENTS);
    block_on(async {
        let copy = "COPY auth_events (id, detail, occurred_at) TO STDOUT";
        let before = printed(&database, copy).await;
        let mut snapshot = begin(&database, "auth_events").await;
        assert_eq!(connections(&mut snapshot).await, if reads_ranges() { "2" } else { "1" });
        assert!((40_000..60_000).contains(&snapshot.sizes()[0].rows), "{:?}", snapshot.sizes());
        let mut writer = PgConnection::connect(&database.url).await.unwrap();
        sqlx::raw_sql("DELETE FROM auth_events WHERE id % 3 = 0; UPDATE auth_events SET detail = 'x' WHERE id % 3 = 1; INSERT INTO auth_events (kind) SELECT 'logout' FROM generate_series(1, 10000)")
            .execute(&mut writer)
            .await
            .unwrap();
        let kept = Kept::default();
        assert!(snapshot.read(0, "auth_events", &columns, &kept).await.unwrap());
        assert!(kept.lines(&columns) == before, "other rows than before");
    });
}

#[test]
fn where_no_second_connection_is_to_be_had_one_reads_alone() {
    let database = large();
    database.execute(&format!("ALTER DATABASE {} CONNECTION LIMIT 1", database.name()));
    let columns = columns(&EVENTS);
    block_on(async {
        let mut snapshot = begin(&database, "auth_events").await;
        assert_eq!(connections(&mut snapshot).await, "1");
        let kept = Kept::default();
        assert!(snapshot.read(0, "auth_events", &columns, &kept).await.unwrap());
        assert_eq!(kept.lines(&columns).len(), 50_000);
    });
}

#[test]
fn either_connection_killed_is_an_error() {
    let database = large();
    let columns = columns(&EVENTS);
    for which in if reads_ranges() { &["=", "<>"][..] } else { &["="] } {
        let read: Result<usize, Error> = block_on(async {
            let mut snapshot = begin(&database, "auth_events").await;
            let pid = snapshot.query("SELECT pg_backend_pid()::text").await.unwrap().remove(0).remove(0).unwrap();
            let url = Cluster::shared().superuser_url(&database.name());
            let mut superuser = PgConnection::connect(&url).await.unwrap();
            let kill = format!(
                "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity
                 WHERE datname = current_database() AND usename = 'app' AND pid {which} {pid}"
            );
            let mut kill =
                async || sqlx::raw_sql(AssertSqlSafe(kill.as_str())).fetch_all(&mut superuser).await.unwrap();
            assert_eq!(kill().await.len(), 1);
            while !kill().await.is_empty() {}
            let kept = Kept::default();
            snapshot.read(0, "auth_events", &columns, &kept).await.map(|_| kept.lines(&columns).len())
        });
        match read {
            Err(error) => assert!(error.is_transient(), "{error}"),
            // on a busy machine the first may have read all before the second was asked for anything
            Ok(rows) => assert_eq!((*which, rows), ("<>", 50_000)),
        }
    }
}

fn sqlite_value() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("NULL".to_owned()),
        any::<i64>().prop_map(|number| format!("{number}")),
        any::<f64>().prop_map(|number| format!("{number:e}").replace("inf", "9e999").replace("NaN", "0.1")),
        (-1000..1000).prop_map(|number| format!("{}", f64::from(number) / 8.0)),
        prop::collection::vec(any::<u8>(), 0..9)
            .prop_map(|bytes| format!("X'{}'", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())),
        text(),
        text().prop_map(|text| format!("{text} || char(10, 39, 10) || {text}")),
    ]
}

#[test]
fn sqlite_values_are_printed_as_its_own_quote_prints_them() {
    let database = Database::migrated(Engine::Sqlite);
    database.execute("CREATE TABLE odd (a, b)");
    let columns = columns(&[("a", ColumnType::Other), ("b", ColumnType::Text)]);
    let rows = prop::collection::vec((sqlite_value(), sqlite_value()), 1..100);
    let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    let checked = runner.run(&rows, |rows| {
        let rows: Vec<_> = rows.iter().map(|(a, b)| format!("({a}, {b})")).collect();
        database.execute(&format!("DELETE FROM odd; INSERT INTO odd VALUES {}", rows.join(", ")));
        let literal = |column| format!("replace(quote({column}), char(10), '''||char(10)||''')");
        let quoted = format!("SELECT '(' || {} || ',' || {} || '),' FROM odd", literal("a"), literal("b"));
        let mut expected: Vec<_> = database.query(&quoted).iter().map(|row| format!("{row}\n").into_bytes()).collect();
        expected.sort();
        let lines = block_on(async {
            let mut snapshot = begin(&database, "odd").await;
            let kept = Kept::default();
            assert!(snapshot.read(0, "odd", &columns, &kept).await.unwrap());
            snapshot.end().await;
            kept.lines(&columns)
        });
        prop_assert_eq!(lines, expected);
        Ok(())
    });
    checked.unwrap_or_else(|error| panic!("{error}"));
}
