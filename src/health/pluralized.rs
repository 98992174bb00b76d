//! Counts with their nouns, in messages.

/// Formats a count with the singular or plural noun.
pub(super) fn pluralized(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
