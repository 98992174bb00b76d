//! Converts lines of COPY's text format to rows of its binary format.
//!
//! It reads only what this program and the server print, where every form of a value has one meaning. Other lines are
//! sent to the server unchanged.

use std::borrow::Cow;

use crate::db::{Column, ColumnType, copy_text};

/// First bytes of a stream: signature, flags, and the length of an extension.
pub const BEGIN: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Last bytes of a stream.
pub const END: &[u8] = &[0xff, 0xff];
/// Days from the first of March of the year 0 to 2000-01-01, the epoch of the server's times.
const DAYS_TO_2000: i64 = 730_425;
const DAY: i64 = 86_400_000_000;

/// Converts lines that each end with a line feed; `None` if a value has an unknown form.
pub fn parse(lines: &[u8], columns: &[Column]) -> Option<Vec<u8>> {
    let count = i16::try_from(columns.len()).ok()?.to_be_bytes();
    let mut rows = Vec::with_capacity(lines.len() + lines.len() / 4);
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        rows.extend_from_slice(&count);
        let mut fields = line.strip_suffix(b"\n")?.split(|byte| *byte == b'\t');
        for column in columns {
            field(fields.next()?, column.kind, &mut rows)?;
        }
        if fields.next().is_some() {
            return None;
        }
    }
    Some(rows)
}

fn field(text: &[u8], kind: ColumnType, rows: &mut Vec<u8>) -> Option<()> {
    if text == copy_text::NULL {
        rows.extend_from_slice(&(-1_i32).to_be_bytes());
        return Some(());
    }
    match kind {
        ColumnType::Bigint => put(&integer(text)?.to_be_bytes(), rows),
        ColumnType::Integer => put(&i32::try_from(integer(text)?).ok()?.to_be_bytes(), rows),
        ColumnType::Boolean => put(
            &[u8::from(match text {
                b"t" => true,
                b"f" => false,
                _ => return None,
            })],
            rows,
        ),
        ColumnType::Text => put(&unescape(text)?, rows),
        // the version comes before the text
        ColumnType::Json => put(&[b"\x01", &*unescape(text)?].concat(), rows),
        ColumnType::Timestamptz => put(&timestamp(text.strip_suffix(b"+00")?)?.to_be_bytes(), rows),
        ColumnType::Timestamp => put(&timestamp(text)?.to_be_bytes(), rows),
        ColumnType::Other => None,
    }
}

fn put(value: &[u8], rows: &mut Vec<u8>) -> Option<()> {
    rows.extend_from_slice(&i32::try_from(value.len()).ok()?.to_be_bytes());
    rows.extend_from_slice(value);
    Some(())
}

fn integer(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok().filter(|_| !text.starts_with(b"+"))
}

/// Replaces the escapes that the server prints.
fn unescape(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !text.contains(&b'\\') {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next()? {
                b'b' => 8,
                b't' => b'\t',
                b'n' => b'\n',
                b'v' => 11,
                b'f' => 12,
                b'r' => b'\r',
                b'\\' => b'\\',
                _ => return None,
            },
            byte => *byte,
        });
    }
    Some(Cow::Owned(bytes))
}

/// Parses `2026-11-24 18:30:00.123456`, of the years 1 to 9999, to microseconds since 2000.
fn timestamp(text: &[u8]) -> Option<i64> {
    let (date, time) = text.split_at_checked(10)?;
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = *date else { return None };
    let [b' ', h0, h1, b':', i0, i1, b':', s0, s1, ref fraction @ ..] = *time else { return None };
    let year = number(&[y0, y1, y2, y3]).filter(|year| *year > 0)?;
    let month = number(&[m0, m1]).filter(|month| (1..=12).contains(month))?;
    let day = number(&[d0, d1]).filter(|day| (1..=days_of(year, month)).contains(day))?;
    let hours = number(&[h0, h1]).filter(|hours| *hours < 24)?;
    let minutes = number(&[i0, i1]).filter(|minutes| *minutes < 60)?;
    let seconds = number(&[s0, s1]).filter(|seconds| *seconds < 60)?;
    let micros = match fraction {
        [] => 0,
        [b'.', digits @ ..] if (1..=6).contains(&digits.len()) => {
            number(digits)? * 10_i64.pow(6 - u32::try_from(digits.len()).ok()?)
        }
        _ => return None,
    };
    let seconds = (hours * 60 + minutes) * 60 + seconds;
    Some((days(year, month, day) - DAYS_TO_2000) * DAY + seconds * 1_000_000 + micros)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
}

/// Returns the number of days in a month.
fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Returns the days since the first of March of the year 0.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (153 * month + 2) / 5 + day - 1
}
