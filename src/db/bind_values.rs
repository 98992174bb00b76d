//! The one place where the values of a query are made such that both engines store them, and a backup holds them.
//!
//! No text of PostgreSQL holds a NUL, and the server refuses the whole statement. SQLite takes one, and its tools then show half of the
//! text. Every value of the service's queries comes through here: a NUL becomes U+FFFD, the character for what has no character.
//! What must not be changed (an address, a name) is parsed before, and refused there.

use sea_orm::{Statement, Value};

/// Stands for a character that cannot be stored.
const REPLACEMENT: &str = "\u{fffd}";

/// The statement with values that both engines store.
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
