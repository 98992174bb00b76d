//! Which kind of installation this is. Where in doubt it is production.

use std::fmt;

use serde::Serialize;

use super::{Error, Variables};

/// The kind of installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// A developer's machine: development data is filled in at boot.
    Development,
    /// Automatic tests.
    Test,
    /// As production, for trying.
    Staging,
    /// Real accounts.
    Production,
}

const ALL: [Environment; 4] =
    [Environment::Development, Environment::Test, Environment::Staging, Environment::Production];

impl Environment {
    /// `AUTHSVC_ENV`, then `APP_ENV`, then `GO_ENV`; else production, unless there is no `DATABASE_URL`.
    pub(super) fn of(variables: &Variables, has_url: bool) -> Result<Self, Error> {
        for name in ["AUTHSVC_ENV", "APP_ENV", "GO_ENV"] {
            if let Some(text) = variables.get(name) {
                return ALL.into_iter().find(|known| known.to_string() == text.to_ascii_lowercase()).ok_or_else(|| {
                    Error::invalid(
                        name,
                        format!("`{text}` is no environment"),
                        "use development, test, staging or production",
                    )
                });
            }
        }
        Ok(if has_url { Self::Production } else { Self::Development })
    }

    /// Whether development data may be put into the database.
    pub fn allows_seed(self) -> bool {
        matches!(self, Self::Development | Self::Test)
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Development => "development",
            Self::Test => "test",
            Self::Staging => "staging",
            Self::Production => "production",
        })
    }
}
