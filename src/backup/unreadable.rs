//! Reasons why a file cannot be read.

use std::io;

/// Reason why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    /// The file was made by a newer version of authsvc.
    #[error("{0}")]
    Newer(String),
    /// The file is damaged, comes from another program, or breaks the grammar.
    #[error("{0}")]
    Wrong(String),
    /// Reading failed, or the compressed stream is damaged.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Builds the error of a file that is damaged or not a backup.
pub(super) fn wrong(message: &str) -> Unreadable {
    Unreadable::Wrong(message.to_owned())
}
