//! Columns and their types, as far as the program's own tables have them.

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: ColumnType,
}

/// The type of a column, without its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// 64 bits.
    Bigint,
    /// 32 bits on PostgreSQL, 64 on SQLite, which has no other.
    Integer,
    /// On SQLite a 0 or 1.
    Boolean,
    /// Of any length; on SQLite times are text too.
    Text,
    /// A point in time, to the microsecond.
    Timestamptz,
    /// A local time, of the older schemas.
    Timestamp,
    /// `jsonb`
    Json,
    /// One that no migration of this program makes.
    Other,
}

impl ColumnType {
    /// Reads a column's declaration as the catalogue has it, which starts with the type:
    /// `character varying(255) not null`, `integer primary key`.
    pub fn parse(declaration: &str) -> Self {
        let starts = |name: &str| {
            let rest = declaration.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '(']))
        };
        let known = [
            ("bigint", Self::Bigint),
            ("integer", Self::Integer),
            ("boolean", Self::Boolean),
            ("character varying", Self::Text),
            ("text", Self::Text),
            ("timestamp with time zone", Self::Timestamptz),
            ("timestamp without time zone", Self::Timestamp),
            ("jsonb", Self::Json),
        ];
        known.into_iter().find(|(name, _)| starts(name)).map_or(Self::Other, |(_, kind)| kind)
    }
}
