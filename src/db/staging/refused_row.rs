//! Finds the row that the staged tables refused: table, row, columns and constraint, for both engines.
//!
//! While rows are loaded, the engine's error leads to a line of the file. Keys are built after the rows are loaded. A
//! query then finds the refused rows and names them by their primary key.

use super::load::{LoadError, RefusedRow, SentBlocks, TableLoad};
use super::postgres::{Later, PostgresStaging, query};
use crate::db::error::ErrorSubject;
use crate::db::{Backend, Error};

/// Returns the number of the row in a COPY, and the text after it. The context is translated, but the row number is the
/// first number in every language. The names of the program's tables contain no digits.
fn row_of(context: &str) -> Option<(u64, &str)> {
    let start = context.find(|sign: char| sign.is_ascii_digit())?;
    let rest = &context[start..];
    let end = rest.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(rest.len());
    Some((rest[..end].parse().ok()?, &rest[end..]))
}

/// Returns the column that a context names between the row number and the value.
fn column_of(behind: &str, loaded: &TableLoad) -> Option<String> {
    let named = behind.split([':', '"']).next()?;
    let mut words = named.split(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '_'));
    words.find(|word| loaded.columns.iter().any(|column| column.name == *word)).map(str::to_owned)
}

impl PostgresStaging {
    /// Adds the location of the refused row to the error of a failed COPY.
    pub(super) async fn refused_in_copy(&self, loaded: &TableLoad, sent: &SentBlocks, source: Error) -> LoadError {
        let mut place = RefusedRow { table: Some(loaded.table.clone()), ..RefusedRow::default() };
        if let Some(ErrorSubject { column, constraint, context, .. }) = source.subject() {
            let row = context.as_deref().and_then(row_of);
            let line = row.and_then(|(row, _)| sent.line(row));
            place.row = line.map(|line| format!("line {line} of the file"));
            place.columns = column.clone().or_else(|| row.and_then(|(_, behind)| column_of(behind, loaded)));
            place.constraint.clone_from(constraint);
            if let (Some(constraint), None) = (constraint, &place.columns) {
                place.columns = self.columns_of(&loaded.table, constraint).await;
            }
        }
        LoadError::at(place, source)
    }

    /// Returns the columns that a constraint of a staged table uses; `None` if they cannot be found.
    async fn columns_of(&self, table: &str, constraint: &str) -> Option<String> {
        let sql = format!(
            "SELECT string_agg(a.attname::text, ', ' ORDER BY a.attnum)
             FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
             WHERE c.conrelid = {}::regclass AND c.conname = {}",
            Backend::Postgres.literal(table),
            Backend::Postgres.literal(constraint)
        );
        self.first_text(sql).await
    }

    /// Adds the location of a refused row to the error of a key or an index that could not be built.
    pub(super) async fn refused_by_key(&self, source: Error) -> LoadError {
        let name = source.subject().and_then(|subject| subject.constraint.clone());
        let Some(later) = name.and_then(|name| self.later().iter().find(|later| later.name == name)) else {
            return LoadError::anywhere(source);
        };
        let primary = self.later().iter().find(|other| other.kind == "p" && other.table == later.table);
        let row = match primary.and_then(|primary| Some((primary.keys.as_deref()?, later.offenders(primary)?))) {
            Some((key, sql)) => self.first_text(sql).await.map(|value| format!("the row with `{key}` {value}")),
            None => None,
        };
        let place = RefusedRow {
            table: Some(later.table.clone()),
            row,
            columns: later.keys.clone(),
            constraint: Some(later.name.clone()),
        };
        LoadError::at(place, source)
    }

    /// Returns the first value of a query that only improves a message. An error of this query is ignored.
    async fn first_text(&self, sql: String) -> Option<String> {
        let mut transaction = self.begin_in_staging().await.ok()?;
        query(&mut transaction, sql).await.ok()?.into_iter().next()?.into_iter().next()?
    }
}

impl Later {
    /// Returns a query that finds rows which violate this key, by their primary key.
    fn offenders(&self, primary: &Self) -> Option<String> {
        let (key, columns) = (primary.keys.as_deref()?, self.keys.as_deref()?);
        let condition = self.condition.as_deref().unwrap_or("TRUE");
        let table = &self.table;
        Some(match self.kind.as_str() {
            "f" => format!(
                "SELECT ({key})::text FROM {table} t WHERE ROW({columns}) IS NOT NULL AND {condition} ORDER BY {key} LIMIT 1"
            ),
            _ => format!(
                "SELECT array_to_string((array_agg(({key})::text ORDER BY {key}))[1:2], ' and ') FROM {table}
                 WHERE ROW({columns}) IS NOT NULL AND {condition} GROUP BY {columns} HAVING count(*) > 1 LIMIT 1"
            ),
        })
    }
}

/// Returns the columns of a SQLite table that an error names, or the columns in the expression of the constraint that
/// it names.
pub(super) fn sqlite_columns(message: &str, definition: &str, loaded: &TableLoad) -> (Option<String>, Option<String>) {
    let Some((_, object)) = message.split_once(" constraint failed: ") else { return (None, None) };
    let named = format!("CONSTRAINT {object} ");
    let (text, constraint) = match definition.split_once(&named) {
        Some((_, expression)) => (balanced(expression), Some(object.to_owned())),
        None => (object, None),
    };
    let words: Vec<&str> = text.split(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '_')).collect();
    let found = loaded.columns.iter().map(|column| column.name.as_str()).filter(|name| words.contains(name));
    let columns = found.collect::<Vec<_>>().join(", ");
    (Some(columns).filter(|columns| !columns.is_empty()), constraint)
}

/// Returns the text up to the parenthesis that closes the first one.
fn balanced(text: &str) -> &str {
    let mut depth = 0_i32;
    let end = text.char_indices().find(|(_, sign)| {
        depth += i32::from(*sign == '(') - i32::from(*sign == ')');
        *sign == ')' && depth == 0
    });
    end.map_or(text, |(at, _)| &text[..=at])
}

#[cfg(test)]
mod tests {
    use super::super::load::LoadBlock;
    use super::*;
    use crate::db::{Column, ColumnType};

    fn loaded() -> TableLoad {
        let column = |name: &str| Column { name: name.to_owned(), kind: ColumnType::Text };
        TableLoad { table: "users".to_owned(), columns: vec![column("id"), column("email"), column("active")] }
    }

    #[test]
    fn a_context_leads_to_a_line_and_a_column_in_every_language() {
        let mut sent = SentBlocks::default();
        sent.push(&LoadBlock { table: 0, lines: b"a\nb\n".to_vec(), first_line: 10 });
        sent.push(&LoadBlock { table: 0, lines: b"c\nd\n".to_vec(), first_line: 30 });
        for (context, line, column) in [
            ("COPY users, line 3, column email: \"id active\"", Some(30), Some("email")),
            ("COPY users, Zeile 4, Spalte active: \u{bb}x\u{ab}", Some(31), Some("active")),
            ("COPY users, line 1: \"1 email active\"", Some(10), None),
            ("users \u{306e}\u{30b3}\u{30d4}\u{30fc}, \u{884c} 2, \u{5217} id", Some(11), Some("id")),
            ("COPY users, line 5", None, None),
        ] {
            let (row, behind) = row_of(context).unwrap_or_default();
            assert_eq!(sent.line(row), line, "{context}");
            assert_eq!(column_of(behind, &loaded()).as_deref(), column, "{context}");
        }
    }

    #[test]
    fn columns_of_sqlites_constraints() {
        let definition = "CREATE TABLE users (id, email, active, CONSTRAINT chk CHECK ((email) <> ''), CHECK (active))";
        for (message, columns, constraint) in [
            ("CHECK constraint failed: chk", Some("email"), Some("chk")),
            ("NOT NULL constraint failed: users.active", Some("active"), None),
            ("UNIQUE constraint failed: users.id, users.email", Some("id, email"), None),
            ("datatype mismatch", None, None),
        ] {
            let found = sqlite_columns(message, definition, &loaded());
            assert_eq!((found.0.as_deref(), found.1.as_deref()), (columns, constraint), "{message}");
        }
    }
}
