//! Rows in the text format of PostgreSQL's COPY: a line for each row, a tab between values, and escapes after a
//! backslash. `binary_copy` prints the same lines from the server's binary format.

use std::borrow::Cow;

use super::{Column, ColumnType, Value};

/// End of a row.
pub(super) const ROW_END: &[u8] = b"\n";
/// Text that stands for NULL.
pub(super) const NULL: &[u8] = b"\\N";

/// Splits a row, without its end, into its values. `None` is NULL.
pub(crate) fn fields(row: &[u8]) -> impl Iterator<Item = Result<Option<Cow<'_, str>>, String>> {
    row.split(|byte| *byte == b'\t').map(field)
}

/// Returns one value of a row, by its index. `None` if it is missing, NULL or not UTF-8.
pub(crate) fn field_at(row: &[u8], at: usize) -> Option<Cow<'_, str>> {
    field(row.split(|byte| *byte == b'\t').nth(at)?).ok()?
}

fn field(text: &[u8]) -> Result<Option<Cow<'_, str>>, String> {
    if text == NULL {
        return Ok(None);
    }
    let text = if text.contains(&b'\\') {
        String::from_utf8(unescape(text)).map(Cow::Owned).ok()
    } else {
        std::str::from_utf8(text).map(Cow::Borrowed).ok()
    };
    text.map(Some).ok_or_else(|| "a text that is not UTF-8".to_owned())
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

/// Appends the values as a row with its end.
pub(crate) fn print(values: &[Value<'_>], columns: &[Column], line: &mut Vec<u8>) -> Result<(), String> {
    for (at, (value, column)) in values.iter().zip(columns).enumerate() {
        if at > 0 {
            line.push(b'\t');
        }
        print_value(value, column.kind, line).map_err(|why| column.error(&why))?;
    }
    line.extend_from_slice(ROW_END);
    Ok(())
}

fn print_value(value: &Value<'_>, kind: ColumnType, line: &mut Vec<u8>) -> Result<(), String> {
    match value {
        Value::Null => line.extend_from_slice(NULL),
        Value::Integer(number) if kind == ColumnType::Boolean => line.push(if *number == 0 { b'f' } else { b't' }),
        Value::Integer(number) => line.extend_from_slice(number.to_string().as_bytes()),
        Value::Real(number) => line.extend_from_slice(number.to_string().as_bytes()),
        Value::Text(text) if text.contains('\0') => {
            return Err("a text with a NUL, which PostgreSQL cannot store".to_owned());
        }
        Value::Text(text) => escape(text.as_bytes(), line),
        Value::Malformed(_) => return Err("a text that is not UTF-8, which PostgreSQL cannot store".to_owned()),
        Value::Blob(_) => return Err("a blob, which no column of PostgreSQL's tables accepts".to_owned()),
    }
    Ok(())
}

/// Appends a text with escapes for the backslash and for backspace to carriage return, which are six consecutive
/// characters.
pub(super) fn escape(text: &[u8], line: &mut Vec<u8>) {
    const NAMES: &[u8; 6] = b"btnvfr";
    let special = |byte: u8| (byte.wrapping_sub(8) < 6) | (byte == b'\\');
    // nearly every text has no such byte; a loop without branches checks many bytes at a time
    if !text.iter().fold(false, |found, byte| found | special(*byte)) {
        return line.extend_from_slice(text);
    }
    for &byte in text {
        match NAMES.get(usize::from(byte.wrapping_sub(8))) {
            Some(name) => line.extend_from_slice(&[b'\\', *name]),
            None if byte == b'\\' => line.extend_from_slice(b"\\\\"),
            None => line.push(byte),
        }
    }
}
