//! Columns and column types that the program's tables use.

/// Column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Name of the column.
    pub name: String,
    /// Type of the column.
    pub kind: ColumnType,
}

impl Column {
    /// Returns the error of a value with the name of the column.
    pub(crate) fn error(&self, why: &str) -> String {
        format!("column `{}`: {why}", self.name)
    }
}

/// Type of a column, without its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// Integer of 64 bits.
    Bigint,
    /// Integer of 32 bits on PostgreSQL, and of 64 bits on SQLite, which has only one integer type.
    Integer,
    /// Boolean; on SQLite the integer 0 or 1.
    Boolean,
    /// Text of any length; on SQLite also a time.
    Text,
    /// Point in time with a resolution of one microsecond.
    Timestamptz,
    /// Local time without a time zone, in older schemas.
    Timestamp,
    /// Document of the type `jsonb`.
    Json,
    /// Type that no migration of this program creates.
    Other,
}

impl ColumnType {
    /// Parses a column's declaration as the catalogue prints it, for example `character varying(255) not null` or
    /// `integer primary key`.
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
