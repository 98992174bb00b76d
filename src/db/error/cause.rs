//! Cause of an error: what the tables of PostgreSQL's and PgBouncer's errors list.

use super::kind::DbErrorKind;

/// Cause: words of its text in lower case (empty for any text), its kind, and its hint.
pub(super) struct Cause {
    pub(super) words: &'static str,
    pub(super) kind: DbErrorKind,
    pub(super) hint: Option<&'static str>,
}

impl Cause {
    pub(super) const fn new(words: &'static str, kind: DbErrorKind, hint: &'static str) -> Self {
        Self { words, kind, hint: Some(hint) }
    }
}
