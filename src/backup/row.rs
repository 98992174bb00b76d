//! Parses a row of a file into values, and formats values as a row of the other engine.
//!
//! A row is a line in COPY's text format or a list of SQLite literals. Rows are converted through SQLite values,
//! because SQLite has fewer forms of booleans and times. Two rows are equal if these values are equal.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Write as _;

use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};

use super::json;
use crate::db::{Backend, Column, ColumnType, Value};

/// Reason why a row cannot be parsed or converted.
pub(super) type RowError = String;

/// Parses all columns of a row as text, whatever their type.
pub(super) fn texts(row: &[u8], backend: Backend) -> Result<Vec<Option<String>>, RowError> {
    if backend == Backend::Postgres {
        return fields(row).map(|field| Ok(field?.map(Cow::into_owned))).collect();
    }
    Ok(literals(row, usize::MAX, &[])?.into_iter().map(text_of).collect())
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
        Backend::Postgres => fields(row).nth(at)?.ok()?.map(Cow::into_owned),
        Backend::Sqlite => text_of(literals(row, at + 1, &[]).ok()?.into_iter().nth(at)?),
    }
}

/// Parses one column of a row as an integer, by its index. `None` if it is not an integer.
pub(super) fn integer_at(row: &[u8], at: usize, backend: Backend) -> Option<i64> {
    if backend == Backend::Postgres {
        return std::str::from_utf8(row.split(|byte| *byte == b'\t').nth(at)?).ok()?.parse().ok();
    }
    match literals(row, at + 1, &[]).ok()?.get(at) {
        Some(Value::Integer(number)) => Some(*number),
        _ => None,
    }
}

/// Parses a line of COPY's text format into the values that SQLite stores.
pub(super) fn of_copy<'a>(row: &'a [u8], columns: &[Column]) -> Result<Vec<Value<'a>>, RowError> {
    let values: Vec<Option<Cow<'_, str>>> = fields(row).take(columns.len() + 1).collect::<Result<_, _>>()?;
    check_count(values.len(), columns)?;
    values
        .into_iter()
        .zip(columns)
        .map(|(field, column)| of_field(field, column.kind).map_err(in_column(column)))
        .collect()
}

/// Parses a row of SQLite literals into values.
pub(super) fn of_literals<'a>(row: &'a [u8], columns: &[Column]) -> Result<Vec<Value<'a>>, RowError> {
    let values = literals(row, columns.len() + 1, columns)?;
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

/// Returns a function for `map_err` that adds the column name to an error.
fn in_column(column: &Column) -> impl Fn(RowError) -> RowError {
    move |why| format!("column `{}`: {why}", column.name)
}

/// Appends the values as a line of COPY's text format, with a line feed.
pub(super) fn to_copy(values: &[Value<'_>], columns: &[Column], line: &mut Vec<u8>) -> Result<(), RowError> {
    for (at, (value, column)) in values.iter().zip(columns).enumerate() {
        if at > 0 {
            line.push(b'\t');
        }
        match (value, column.kind) {
            (Value::Null, _) => line.extend_from_slice(b"\\N"),
            (Value::Integer(number), ColumnType::Boolean) => line.push(if *number == 0 { b'f' } else { b't' }),
            (Value::Integer(number), _) => line.extend_from_slice(number.to_string().as_bytes()),
            (Value::Real(number), _) => line.extend_from_slice(number.to_string().as_bytes()),
            (Value::Text(text), _) if text.contains('\0') => {
                return Err(in_column(column)("a text with a NUL, which PostgreSQL cannot store".to_owned()));
            }
            (Value::Text(text), _) => escape(text, line),
            (Value::Malformed(_), _) => {
                return Err(in_column(column)("a text that is not UTF-8, which PostgreSQL cannot store".to_owned()));
            }
            (Value::Blob(_), _) => {
                return Err(in_column(column)("a blob, which no column of PostgreSQL's tables accepts".to_owned()));
            }
        }
    }
    line.push(b'\n');
    Ok(())
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

/// Splits a line of COPY's text format into fields. `None` is NULL.
fn fields(row: &[u8]) -> impl Iterator<Item = Result<Option<Cow<'_, str>>, RowError>> {
    row.split(|byte| *byte == b'\t').map(|field| {
        if field == b"\\N" {
            return Ok(None);
        }
        let text = if field.contains(&b'\\') {
            Cow::Owned(String::from_utf8(unescape(field)).map_err(|_| "a text that is not UTF-8".to_owned())?)
        } else {
            Cow::Borrowed(std::str::from_utf8(field).map_err(|_| "a text that is not UTF-8".to_owned())?)
        };
        Ok(Some(text))
    })
}

/// Resolves the escapes that the server knows: `\b \f \n \r \t \v`, `\x41`, `\101`. Before any other character, the
/// backslash is dropped.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        rest = tail;
        let ([sign, after @ ..], b'\\') = (rest, first) else {
            bytes.push(*first);
            continue;
        };
        rest = after;
        bytes.push(match sign {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            b'x' if after.first().is_some_and(u8::is_ascii_hexdigit) => number(&mut rest, 16, 2),
            b'0'..=b'7' => {
                rest = &field[field.len() - rest.len() - 1..];
                number(&mut rest, 8, 3)
            }
            other => *other,
        });
    }
    bytes
}

/// Reads at most `most` digits as one byte. Higher bits are dropped, as the server does.
fn number(rest: &mut &[u8], base: u32, most: usize) -> u8 {
    let mut value = 0;
    for _ in 0..most {
        let Some((digit, tail)) =
            rest.split_first().and_then(|(sign, tail)| Some((char::from(*sign).to_digit(base)?, tail)))
        else {
            break;
        };
        value = value * base + digit;
        *rest = tail;
    }
    u8::try_from(value & 0xff).unwrap_or(0)
}

fn escape(text: &str, line: &mut Vec<u8>) {
    for byte in text.bytes() {
        let sign = match byte {
            8 => b'b',
            12 => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            11 => b'v',
            b'\\' => b'\\',
            _ => {
                line.push(byte);
                continue;
            }
        };
        line.extend_from_slice(&[b'\\', sign]);
    }
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
    #[expect(dead_code, reason = "told apart by its debug form")]
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

/// Parses SQLite literals such as `(1,'text',NULL)`, at most `most` of them. An error names the column if `columns` are
/// given.
fn literals<'a>(row: &'a [u8], most: usize, columns: &[Column]) -> Result<Vec<Value<'a>>, RowError> {
    let text = std::str::from_utf8(row).map_err(|_| "a text that is not UTF-8".to_owned())?;
    let mut rest = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')).ok_or("a row without parentheses")?;
    let mut values = Vec::new();
    loop {
        let (value, after) = literal(rest).map_err(|why| match columns.get(values.len()) {
            Some(column) => in_column(column)(why),
            None => why,
        })?;
        values.push(value);
        match after.strip_prefix(',') {
            Some(more) if values.len() < most => rest = more,
            Some(_) => return Ok(values),
            None if after.is_empty() => return Ok(values),
            None => return Err("characters between two values".to_owned()),
        }
    }
}

fn literal(text: &str) -> Result<(Value<'_>, &str), RowError> {
    if let Some(rest) = text.strip_prefix('\'') {
        return quoted(rest);
    }
    if let Some(rest) = text.strip_prefix("CAST(X'") {
        let (digits, rest) = rest.split_once("' AS TEXT)").ok_or("a text without its end")?;
        return Ok((Value::Malformed(hex(digits).ok_or("a text that is not hexadecimal")?), rest));
    }
    let end = match text.strip_prefix("X'") {
        Some(digits) => digits.find('\'').map(|at| at + 3),
        None => text.find(','),
    };
    let end = end.unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let value = if word == "NULL" {
        Value::Null
    } else if let Some(digits) = word.strip_prefix("X'").and_then(|word| word.strip_suffix('\'')) {
        Value::Blob(hex(digits).ok_or("a blob that is not hexadecimal")?)
    } else if let Ok(number) = word.parse() {
        Value::Integer(number)
    } else if let (Ok(number), true) =
        (word.parse(), word.starts_with(|sign: char| sign == '-' || sign.is_ascii_digit()))
    {
        Value::Real(number)
    } else {
        return Err(format!("`{}` is not a literal", word.escape_debug()));
    };
    Ok((value, rest))
}

/// Parses a string after its opening quote. A quote is doubled, a line feed is `'||char(10)||'`, a NUL is
/// `'||char(0)||'`.
fn quoted(text: &str) -> Result<(Value<'_>, &str), RowError> {
    const LINE_FEED: &str = "||char(10)||'";
    const NUL: &str = "||char(0)||'";
    let mut owned = String::new();
    let mut rest = text;
    loop {
        let end = rest.find('\'').ok_or("a text without its end")?;
        let (piece, after) = (&rest[..end], &rest[end + 1..]);
        let sign = if let Some(after) = after.strip_prefix('\'') {
            rest = after;
            '\''
        } else if let Some(after) = after.strip_prefix(LINE_FEED) {
            rest = after;
            '\n'
        } else if let Some(after) = after.strip_prefix(NUL) {
            rest = after;
            '\0'
        } else if owned.is_empty() {
            return Ok((Value::Text(Cow::Borrowed(piece)), after));
        } else {
            owned.push_str(piece);
            return Ok((Value::Text(Cow::Owned(owned)), after));
        };
        owned.push_str(piece);
        owned.push(sign);
    }
}

fn hex(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok().filter(|_| pair.len() == 2)).collect()
}
