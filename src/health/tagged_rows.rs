//! Rows of the health queries: a tag and a JSON value. A struct reads the figures of a row by name, and both engines use
//! the same names. The structs deny unknown names, so that a misspelt figure is missing in every test.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::db::Row;

/// Rows of a health query.
#[derive(Debug, Default)]
pub(super) struct TaggedRows(Vec<Row>);

impl TaggedRows {
    pub(super) fn new(rows: Vec<Row>) -> Self {
        Self(rows)
    }

    /// Values of all rows with this tag. A value of another type is logged and skipped.
    pub(super) fn all<'a, T: DeserializeOwned>(&'a self, tag: &'a str) -> impl Iterator<Item = T> {
        self.0.iter().filter_map(move |row| match row.as_slice() {
            [Some(first), Some(value)] if first == tag => readable(tag, serde_json::from_str(value)),
            _ => None,
        })
    }

    /// Value of the first row with this tag.
    pub(super) fn first<T: DeserializeOwned>(&self, tag: &str) -> Option<T> {
        self.all(tag).next()
    }

    /// Reads one struct from the objects of all rows with this tag. Figures of a statement that failed are missing.
    pub(super) fn merged<T: DeserializeOwned + Default>(&self, tag: &str) -> T {
        let object: Map<String, Value> = self.all::<Map<String, Value>>(tag).flatten().collect();
        readable(tag, serde_json::from_value(Value::Object(object))).unwrap_or_default()
    }
}

/// Returns the parsed value, or logs why there is none.
fn readable<T>(tag: &str, parsed: serde_json::Result<T>) -> Option<T> {
    parsed.inspect_err(|error| tracing::error!(tag, %error, "a row of a health query cannot be read")).ok()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sizes {
        rows: Option<u64>,
        bytes: Option<u64>,
    }

    fn rows(rows: &[(&str, Option<&str>)]) -> TaggedRows {
        let row = |(tag, value): &(&str, Option<&str>)| vec![Some((*tag).to_owned()), value.map(str::to_owned)];
        TaggedRows::new(rows.iter().map(row).collect())
    }

    #[test]
    fn figures_are_found_by_name_and_never_by_position() {
        let rows = rows(&[("table", Some(r#"{"bytes": 2, "rows": 1}"#)), ("count", Some("3")), ("none", None)]);
        assert_eq!(rows.first("table"), Some(Sizes { rows: Some(1), bytes: Some(2) }));
        assert_eq!(rows.first("count"), Some(3));
        assert_eq!(rows.first::<u64>("none"), None);
        assert_eq!(rows.first::<u64>("absent"), None);
    }

    #[test]
    fn a_row_that_does_not_match_its_struct_is_skipped() {
        let rows =
            rows(&[("table", Some(r#"{"size": 2}"#)), ("table", Some("text")), ("table", Some(r#"{"rows": 7}"#))]);
        assert_eq!(rows.all::<Sizes>("table").collect::<Vec<_>>(), [Sizes { rows: Some(7), bytes: None }]);
    }

    #[test]
    fn merged_rows_lack_only_the_figures_of_a_failed_statement() {
        let both = rows(&[("table", Some(r#"{"rows": 1}"#)), ("table", Some(r#"{"bytes": 2}"#))]);
        assert_eq!(both.merged::<Sizes>("table"), Sizes { rows: Some(1), bytes: Some(2) });
        assert_eq!(rows(&[("table", Some(r#"{"bytes": 2}"#))]).merged::<Sizes>("table").rows, None);
    }
}
