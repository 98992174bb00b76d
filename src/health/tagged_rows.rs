//! Rows of the health queries, found by the tag in their first column.

use std::str::FromStr;

use chrono::{DateTime, Utc};

use crate::db::Row;

/// Rows of a health query.
#[derive(Debug, Default)]
pub(super) struct TaggedRows(Vec<Row>);

impl TaggedRows {
    pub(super) fn new(rows: Vec<Row>) -> Self {
        Self(rows)
    }

    /// All rows with this tag, without the tag.
    pub(super) fn all<'a>(&'a self, word: &'a str) -> impl Iterator<Item = TaggedRow<'a>> {
        self.0.iter().filter_map(move |row| match row.split_first() {
            Some((Some(first), rest)) if first == word => Some(TaggedRow(rest)),
            _ => None,
        })
    }

    /// First row with this tag, or a row without columns.
    pub(super) fn first<'a>(&'a self, word: &'a str) -> TaggedRow<'a> {
        self.all(word).next().unwrap_or(TaggedRow(&[]))
    }
}

/// Columns of one row, without the tag.
#[derive(Debug, Clone, Copy)]
pub(super) struct TaggedRow<'a>(&'a [Option<String>]);

impl<'a> TaggedRow<'a> {
    /// Returns true if the row exists.
    pub(super) fn exists(self) -> bool {
        !self.0.is_empty()
    }

    pub(super) fn text(self, at: usize) -> Option<&'a str> {
        self.0.get(at).and_then(Option::as_deref)
    }

    pub(super) fn string(self, at: usize) -> String {
        self.text(at).unwrap_or_default().to_owned()
    }

    pub(super) fn number<T: FromStr>(self, at: usize) -> Option<T> {
        self.text(at).and_then(|text| text.parse().ok())
    }

    pub(super) fn time(self, at: usize) -> Option<DateTime<Utc>> {
        self.text(at).and_then(|text| DateTime::parse_from_rfc3339(text).ok()).map(|time| time.to_utc())
    }
}
