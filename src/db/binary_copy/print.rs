//! Converts rows of `COPY … (FORMAT binary)` to lines of the server's text format, byte for byte.
//!
//! Printing rows as text is most of the server's work in a backup. Here several threads can do it. The lines contain
//! what the server prints with `DateStyle = 'ISO'` and `TimeZone = 'UTC'`. A test compares the two.

use crate::db::{Column, ColumnType, copy_text};

/// First bytes of a stream. Two lengths of four bytes follow, of flags and of an extension.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// Days from the year 0 to 2000-01-01, the epoch of the server's times.
const DAYS_TO_2000: i64 = 730_485;
const DAY: i64 = 86_400_000_000;

/// Error of bytes that are not rows of the given columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// Returns true if every column has a known type.
pub fn can_print(columns: &[Column]) -> bool {
    columns.iter().all(|column| column.kind != ColumnType::Other)
}

/// Returns the first message without the header of the stream.
///
/// # Errors
/// Returns an error if the message does not begin with the header.
pub fn after_header(message: &[u8]) -> Result<&[u8], Malformed> {
    let rest = message.strip_prefix(SIGNATURE).ok_or(Malformed)?;
    let (flags, rest) = rest.split_first_chunk().ok_or(Malformed)?;
    let (extension, rest) = rest.split_first_chunk().ok_or(Malformed)?;
    // the upper half of the flags holds what a reader must support
    if u32::from_be_bytes(*flags) >> 16 != 0 {
        return Err(Malformed);
    }
    rest.get(u32::from_be_bytes(*extension) as usize..).ok_or(Malformed)
}

/// Returns true if the message is the trailer after the last row.
pub fn is_trailer(message: &[u8]) -> bool {
    message == [0xff, 0xff]
}

/// Appends a line for each row.
///
/// # Errors
/// Returns an error if the bytes are not whole rows of these columns. Some lines may have been appended.
pub fn print(mut rows: &[u8], columns: &[Column], lines: &mut Vec<u8>) -> Result<(), Malformed> {
    while !rows.is_empty() {
        let fields = take::<2>(&mut rows)?;
        if usize::from(u16::from_be_bytes(fields)) != columns.len() {
            return Err(Malformed);
        }
        for column in columns {
            match i32::from_be_bytes(take(&mut rows)?) {
                -1 => lines.extend_from_slice(copy_text::NULL),
                length => {
                    let length = usize::try_from(length).map_err(|_| Malformed)?;
                    let (value, rest) = rows.split_at_checked(length).ok_or(Malformed)?;
                    rows = rest;
                    field(value, column.kind, lines)?;
                }
            }
            lines.push(b'\t');
        }
        // the last tab is replaced by the line feed
        lines.pop();
        lines.push(b'\n');
    }
    Ok(())
}

fn take<const N: usize>(rows: &mut &[u8]) -> Result<[u8; N], Malformed> {
    let (taken, rest) = rows.split_first_chunk().ok_or(Malformed)?;
    *rows = rest;
    Ok(*taken)
}

fn field(value: &[u8], kind: ColumnType, line: &mut Vec<u8>) -> Result<(), Malformed> {
    let eight = || value.try_into().map(i64::from_be_bytes).map_err(|_| Malformed);
    match kind {
        ColumnType::Bigint => integer(eight()?, line),
        ColumnType::Integer => {
            integer(value.try_into().map(i32::from_be_bytes).map_err(|_| Malformed)?.into(), line);
        }
        ColumnType::Boolean => match value {
            [0] => line.push(b'f'),
            [1] => line.push(b't'),
            _ => return Err(Malformed),
        },
        ColumnType::Text => copy_text::escape(value, line),
        ColumnType::Timestamptz => timestamp(eight()?, b"+00", line),
        ColumnType::Timestamp => timestamp(eight()?, b"", line),
        // the version comes before the text
        ColumnType::Json => copy_text::escape(value.strip_prefix(&[1]).ok_or(Malformed)?, line),
        ColumnType::Other => return Err(Malformed),
    }
    Ok(())
}

fn integer(value: i64, line: &mut Vec<u8>) {
    if value < 0 {
        line.push(b'-');
    }
    digits(value.unsigned_abs(), 1, line);
}

/// Appends a number with at least `least` digits.
fn digits(mut value: u64, least: usize, line: &mut Vec<u8>) {
    let mut buffer = [b'0'; 20];
    let mut at = buffer.len();
    while value > 0 {
        at -= 1;
        buffer[at] += (value % 10) as u8;
        value /= 10;
    }
    line.extend_from_slice(&buffer[at.min(buffer.len() - least)..]);
}

/// Returns the two digits of a number below 100.
fn two(value: i64) -> [u8; 2] {
    [b'0' + (value / 10) as u8, b'0' + (value % 10) as u8]
}

/// Appends a time in microseconds since 2000, or one of the infinities.
fn timestamp(value: i64, zone: &[u8], line: &mut Vec<u8>) {
    match value {
        i64::MAX => return line.extend_from_slice(b"infinity"),
        i64::MIN => return line.extend_from_slice(b"-infinity"),
        _ => {}
    }
    let (year, month, day) = date(value.div_euclid(DAY) + DAYS_TO_2000);
    let time = value.rem_euclid(DAY);
    let (seconds, fraction) = (time / 1_000_000, time % 1_000_000);
    // there is no year 0: the year before 1 is 1 BC
    let shown = if year > 0 { year } else { 1 - year };
    digits(shown.unsigned_abs(), 4, line);
    let ([m0, m1], [d0, d1]) = (two(month), two(day));
    let ([h0, h1], [i0, i1], [s0, s1]) = (two(seconds / 3600), two(seconds / 60 % 60), two(seconds % 60));
    line.extend_from_slice(&[b'-', m0, m1, b'-', d0, d1, b' ', h0, h1, b':', i0, i1, b':', s0, s1]);
    if fraction > 0 {
        let ([a, b], [c, d], [e, f]) = (two(fraction / 10_000), two(fraction / 100 % 100), two(fraction % 100));
        let fraction = [b'.', a, b, c, d, e, f];
        let zeros = fraction.iter().rev().take_while(|digit| **digit == b'0').count();
        line.extend_from_slice(&fraction[..fraction.len() - zeros]);
    }
    line.extend_from_slice(zone);
    if year <= 0 {
        line.extend_from_slice(b" BC");
    }
}

/// Returns year, month and day for a day counted from the first of January of the year 0, in the Gregorian calendar.
///
/// It counts from the first of March. The leap day is then the last of a year, and the months repeat in groups of five
/// with 153 days.
fn date(day: i64) -> (i64, i64, i64) {
    const CYCLE: i64 = 146_097;
    let day = day - 60;
    let (cycle, day) = (day.div_euclid(CYCLE), day.rem_euclid(CYCLE));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = cycle * 400 + year;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}
