//! SQLite URL: `sqlite:FILE?mode=ro|rw|rwc`.

use std::path::PathBuf;

use super::escapes::{decode, parameters};
use super::invalid::InvalidUrl;

/// SQLite file, and the access to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteTarget {
    /// Path of the file.
    pub path: PathBuf,
    /// Access that the URL allows.
    pub mode: SqliteMode,
}

/// Values of SQLite's `mode` parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqliteMode {
    /// `ro`: read an existing file.
    ReadOnly,
    /// `rw`: read and write an existing file.
    ReadWrite,
    /// `rwc`: read and write, and create the file if it is missing.
    Create,
}

impl SqliteTarget {
    /// Returns the path of a file beside the database, with `end` appended to the name, such as `-wal`.
    pub(crate) fn beside(&self, end: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(end);
        PathBuf::from(name)
    }

    /// Parses the text after `sqlite:`.
    pub(super) fn parse(rest: &str) -> Result<Self, InvalidUrl> {
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let path = decode(path.strip_prefix("//").unwrap_or(path), "file name")?;
        let path = path.ok_or_else(|| InvalidUrl::new("the SQLite URL names no file", "write sqlite:FILE"))?;
        let in_memory = || {
            InvalidUrl::new("an in-memory SQLite database ends with each process", "name a file: sqlite:FILE?mode=rwc")
        };
        if path == ":memory:" {
            return Err(in_memory());
        }
        if path.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("file:")) {
            return Err(InvalidUrl::new(
                "the SQLite URL contains a `file:` URI of SQLite",
                "write the file's name alone, like sqlite:FILE?mode=rwc; a file that is named so is sqlite:./file:NAME",
            ));
        }
        let mut mode = SqliteMode::ReadWrite;
        for (name, value) in parameters(query)? {
            mode = match (name.as_str(), value.as_str()) {
                ("mode", "ro") => SqliteMode::ReadOnly,
                ("mode", "rw") => SqliteMode::ReadWrite,
                ("mode", "rwc") => SqliteMode::Create,
                ("mode", "memory") => return Err(in_memory()),
                ("mode", _) => return Err(InvalidUrl::new("the SQLite mode is unknown", "use ro, rw or rwc")),
                _ => {
                    return Err(InvalidUrl::new(
                        "the SQLite URL has an unknown parameter",
                        "known parameters: mode (ro, rw, rwc)",
                    ));
                }
            };
        }
        Ok(Self { path: PathBuf::from(path), mode })
    }
}
