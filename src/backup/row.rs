//! Parses a row of a file into values, which can be compared or stored in the other engine.
//!
//! A row has the form of its engine: `db/copy_text.rs` or `db/sqlite_literals.rs`. Rows are converted through SQLite
//! values, because SQLite has fewer forms of booleans and times. Two rows are equal if these values are equal.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Write as _;

use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};

use super::json;
use crate::db::{Backend, Column, ColumnType, Value, copy_text, sqlite_literals};

/// Reason why a row cannot be parsed or converted.
pub(super) type RowError = String;

/// Parses all columns of a row as text, whatever their type.
pub(super) fn texts(row: &[u8], backend: Backend) -> Result<Vec<Option<String>>, RowError> {
    match backend {
        Backend::Postgres => copy_text::fields(row).map(|field| Ok(field?.map(Cow::into_owned))).collect(),
        Backend::Sqlite => sqlite_literals::values(row)?.map(|value| Ok(text_of(value?))).collect(),
    }
}

fn text_of(value: Value<'_>) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Integer(number) => Some(number.to_string()),
        Value::Real(number) => Some(number.to_string()),
        Value::Text(text) => Some(text.into_owned()),
        Value::Malformed(bytes) | Value::Blob(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

/// Parses one column of a row as text, by its index. `None` if it is NULL or cannot be parsed.
pub(super) fn text_at(row: &[u8], backend: Backend, at: usize) -> Option<String> {
    match backend {
        Backend::Postgres => copy_text::field_at(row, at).map(Cow::into_owned),
        Backend::Sqlite => text_of(sqlite_literals::values(row).ok()?.nth(at)?.ok()?),
    }
}

/// Parses one column of a row as an integer, by its index. `None` if it is not an integer.
pub(super) fn integer_at(row: &[u8], at: usize, backend: Backend) -> Option<i64> {
    match backend {
        Backend::Postgres => copy_text::field_at(row, at)?.parse().ok(),
        Backend::Sqlite => match sqlite_literals::values(row).ok()?.nth(at)?.ok()? {
            Value::Integer(number) => Some(number),
            _ => None,
        },
    }
}

/// Parses a line of COPY's text format into the values that SQLite stores.
pub(super) fn of_copy<'a>(row: &'a [u8], columns: &[Column]) -> Result<Vec<Value<'a>>, RowError> {
    let values: Vec<Option<Cow<'_, str>>> = copy_text::fields(row).take(columns.len() + 1).collect::<Result<_, _>>()?;
    check_count(values.len(), columns)?;
    values
        .into_iter()
        .zip(columns)
        .map(|(field, column)| of_field(field, column.kind).map_err(|why| column.error(&why)))
        .collect()
}

/// Parses a row of SQLite literals into values.
pub(super) fn of_literals<'a>(row: &'a [u8], columns: &[Column]) -> Result<Vec<Value<'a>>, RowError> {
    let named = |at: usize, why: RowError| match columns.get(at) {
        Some(column) => column.error(&why),
        None => why,
    };
    let values = sqlite_literals::values(row)?.take(columns.len() + 1).enumerate();
    let values = values.map(|(at, value)| value.map_err(|why| named(at, why)));
    let values: Vec<Value<'_>> = values.collect::<Result<_, _>>()?;
    check_count(values.len(), columns)?;
    Ok(values)
}

fn check_count(found: usize, columns: &[Column]) -> Result<(), RowError> {
    match found.cmp(&columns.len()) {
        Ordering::Equal => Ok(()),
        Ordering::Less => Err(format!("{found} values for {} columns", columns.len())),
        Ordering::Greater => Err(format!("more values than the {} columns", columns.len())),
    }
}

/// Canonical form of a row: equal values become equal bytes, whichever engine they come from.
pub(super) fn canonical(values: &[Value<'_>], columns: &[Column]) -> Vec<u8> {
    let mut text = String::new();
    for (value, column) in values.iter().zip(columns) {
        // writing to a String cannot fail
        let _ = match (value, column.kind) {
            (Value::Null, _) => write!(text, "-;"),
            (Value::Text(document), ColumnType::Json) => {
                write!(text, "{:?};", json::canonical(document).unwrap_or_else(|| document.to_string()))
            }
            (Value::Text(time), ColumnType::Timestamp | ColumnType::Timestamptz) => {
                write!(text, "{:?};", time_of(time))
            }
            (Value::Text(string), _) => write!(text, "{string:?};"),
            (Value::Integer(number), _) => write!(text, "{number};"),
            (Value::Real(number), _) => write!(text, "{number};"),
            (Value::Malformed(bytes), _) => write!(text, "text {bytes:?};"),
            (Value::Blob(bytes), _) => write!(text, "{bytes:?};"),
        };
    }
    text.into_bytes()
}

fn of_field(field: Option<Cow<'_, str>>, kind: ColumnType) -> Result<Value<'_>, RowError> {
    let Some(text) = field else { return Ok(Value::Null) };
    match kind {
        ColumnType::Bigint | ColumnType::Integer => {
            text.parse().map(Value::Integer).map_err(|_| format!("`{}` is not an integer", text.escape_debug()))
        }
        ColumnType::Boolean => match &*text {
            "t" | "true" => Ok(Value::Integer(1)),
            "f" | "false" => Ok(Value::Integer(0)),
            other => Err(format!("`{}` is not a boolean", other.escape_debug())),
        },
        ColumnType::Timestamp | ColumnType::Timestamptz => Ok(Value::Text(match time_of(&text) {
            Time::At(time) => Cow::Owned(sqlite_time(time)),
            Time::Other(_) => text,
        })),
        ColumnType::Text | ColumnType::Json | ColumnType::Other => Ok(Value::Text(text)),
    }
}

/// A time, or a text outside the range of both engines: infinity, years before 1 or after 9999.
#[derive(Debug)]
enum Time<'a> {
    At(DateTime<Utc>),
    #[expect(dead_code, reason = "distinguished by its debug form")]
    Other(&'a str),
}

/// Parses the time formats of both engines. A time without a zone is UTC.
fn time_of(text: &str) -> Time<'_> {
    if let Ok(time) =
        DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%#z").or_else(|_| DateTime::parse_from_rfc3339(text))
    {
        return Time::At(time.to_utc());
    }
    let naive = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f");
    naive.map_or(Time::Other(text), |naive| Time::At(naive.and_utc()))
}

fn sqlite_time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, false)
}
