//! Rows as lists of SQLite's literals, as VALUES expects them: `(1,'text',NULL),`. Each row is one line.

use std::borrow::Cow;

use rusqlite::types::ValueRef;
use rusqlite::{Row, Statement};

use super::Value;

/// End of a row.
pub(super) const ROW_END: &[u8] = b",\n";

/// Appends a row with its end. `quote` is [`super::Backend::quote_number`].
pub(super) fn print(
    row: &Row<'_>,
    columns: usize,
    quote: &mut Statement<'_>,
    lines: &mut Vec<u8>,
) -> rusqlite::Result<()> {
    lines.push(b'(');
    for at in 0..columns {
        if at > 0 {
            lines.push(b',');
        }
        print_value(row.get_ref(at)?, quote, lines)?;
    }
    lines.push(b')');
    lines.extend_from_slice(ROW_END);
    Ok(())
}

/// Appends a value as SQLite's `quote` prints it. A line feed in a text becomes `'||char(10)||'`, because it would end
/// the line. A NUL becomes `'||char(0)||'`. A text that is not UTF-8 becomes `CAST(X'…' AS TEXT)`.
fn print_value(value: ValueRef<'_>, quote: &mut Statement<'_>, line: &mut Vec<u8>) -> rusqlite::Result<()> {
    match value {
        ValueRef::Null => line.extend_from_slice(b"NULL"),
        ValueRef::Integer(number) => line.extend_from_slice(number.to_string().as_bytes()),
        // SQLite decides how many digits a number needs
        ValueRef::Real(number) => {
            line.extend_from_slice(quote.query_one([number], |row| row.get::<_, String>(0))?.as_bytes())
        }
        ValueRef::Text(text) if std::str::from_utf8(text).is_err() => {
            line.extend_from_slice(b"CAST(");
            print_blob(text, line);
            line.extend_from_slice(b" AS TEXT)");
        }
        ValueRef::Text(text) => print_text(text, line),
        ValueRef::Blob(bytes) => print_blob(bytes, line),
    }
    Ok(())
}

/// Appends bytes as hexadecimal digits.
fn print_blob(bytes: &[u8], line: &mut Vec<u8>) {
    line.extend_from_slice(b"X'");
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    line.extend(digits.map(|digit| b"0123456789ABCDEF"[usize::from(digit)]));
    line.push(b'\'');
}

/// Appends a text in quotes. A line feed or NUL, which a quoted text cannot contain, is concatenated to it.
fn print_text(text: &[u8], line: &mut Vec<u8>) {
    let special = |byte: u8| (byte == b'\'') | (byte == b'\n') | (byte == 0);
    line.push(b'\'');
    // nearly every text has no such byte; a loop without branches checks many bytes at a time
    if text.iter().fold(false, |found, byte| found | special(*byte)) {
        for &byte in text {
            match byte {
                b'\'' => line.extend_from_slice(b"''"),
                b'\n' => line.extend_from_slice(b"'||char(10)||'"),
                0 => line.extend_from_slice(b"'||char(0)||'"),
                _ => line.push(byte),
            }
        }
    } else {
        line.extend_from_slice(text);
    }
    line.push(b'\'');
}

/// Parses a row without its end. The values end after the first error.
///
/// # Errors
/// Returns an error if the row is not UTF-8 or has no parentheses.
pub(crate) fn values(row: &[u8]) -> Result<impl Iterator<Item = Result<Value<'_>, String>>, String> {
    let text = std::str::from_utf8(row).map_err(|_| "a text that is not UTF-8".to_owned())?;
    let list = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')).ok_or("a row without parentheses")?;
    let mut rest = Some(list);
    Ok(std::iter::from_fn(move || {
        Some(literal(rest.take()?).and_then(|(value, after)| {
            if !after.is_empty() {
                rest = Some(after.strip_prefix(',').ok_or("characters between two values")?);
            }
            Ok(value)
        }))
    }))
}

fn literal(text: &str) -> Result<(Value<'_>, &str), String> {
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
fn quoted(text: &str) -> Result<(Value<'_>, &str), String> {
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
