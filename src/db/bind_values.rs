//! Replaces NUL characters in the parameters of a query, so that both engines store them and a backup holds them.
//!
//! PostgreSQL refuses a statement with a NUL in a text. SQLite accepts it, and its tools then show only the text before
//! it. Every parameter of the service's queries passes through this file: a NUL becomes U+FFFD, the replacement
//! character. Values that must not change, such as an address or a name, are refused earlier, when they are parsed.

use sea_orm::{Statement, Value};

/// Replacement for a character that the database cannot store.
const REPLACEMENT: &str = "\u{fffd}";

/// Returns the statement with parameters that both engines can store.
pub(super) fn replace_nul(mut statement: Statement) -> Statement {
    for value in statement.values.iter_mut().flat_map(|values| &mut values.0) {
        match value {
            Value::String(Some(text)) if text.contains('\0') => *text = text.replace('\0', REPLACEMENT),
            Value::Json(Some(document)) => clean(document),
            _ => {}
        }
    }
    statement
}

fn clean(document: &mut serde_json::Value) {
    match document {
        serde_json::Value::String(text) if text.contains('\0') => *text = text.replace('\0', REPLACEMENT),
        serde_json::Value::Array(values) => values.iter_mut().for_each(clean),
        serde_json::Value::Object(pairs) => pairs.values_mut().for_each(clean),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{DbBackend, Statement, Value};

    use super::replace_nul;

    #[test]
    fn a_nul_is_replaced_wherever_it_is() {
        for backend in [DbBackend::Postgres, DbBackend::Sqlite] {
            let document = serde_json::json!({"a": ["b\0c"], "d": 1});
            let values = [Value::from("a\0b"), Value::from("ab"), Value::from(document), Value::from(7)];
            let cleaned = replace_nul(Statement::from_sql_and_values(backend, "SELECT", values));
            let values = cleaned.values.unwrap().0;
            assert_eq!(values[..2], [Value::from("a\u{fffd}b"), Value::from("ab")]);
            assert_eq!(values[2], Value::from(serde_json::json!({"a": ["b\u{fffd}c"], "d": 1})));
        }
    }
}
