//! The two database engines.

use std::fmt;

/// Database engine that the program supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// PostgreSQL 13 or newer.
    Postgres,
    /// SQLite, in a local file.
    Sqlite,
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.pick("postgres", "sqlite"))
    }
}

impl Backend {
    /// Returns the value for this engine.
    pub(crate) fn pick<T>(self, postgres: T, sqlite: T) -> T {
        match self {
            Self::Postgres => postgres,
            Self::Sqlite => sqlite,
        }
    }
}
