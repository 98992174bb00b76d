//! Value to be stored in SQLite.

use std::borrow::Cow;

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};

/// Value that a column of SQLite can hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// NULL of SQL, without a type.
    Null,
    /// Integer, or boolean as 0 or 1.
    Integer(i64),
    /// Floating-point number of 64 bits.
    Real(f64),
    /// Text, time or JSON.
    Text(Cow<'a, str>),
    /// Text that is not valid UTF-8.
    Malformed(Vec<u8>),
    /// Bytes of any kind.
    Blob(Vec<u8>),
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Real(number) => ValueRef::Real(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Malformed(bytes) => ValueRef::Text(bytes),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}
