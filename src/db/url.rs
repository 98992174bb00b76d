//! Parses `DATABASE_URL` into a type that cannot print its password.
//!
//! The drivers' parsers are not used, because they log unknown parameters with their values. Also, an unescaped
//! character in a password must be refused without quoting the text around it. No message of this module contains text
//! from the user-information part.

mod escapes;
mod foreign;
mod hosts;
mod invalid;
mod parameters;
mod pgpass;
mod postgres;
mod service;
mod settings;
mod socket;
mod sqlite;
mod startup;
mod tls;

use std::fmt;
use std::path::PathBuf;

use super::Backend;

pub use hosts::{Host, SessionAttrs};
pub use invalid::InvalidUrl;
pub use parameters::{PARAMETERS, UrlParameter};
pub use postgres::{Defaults, HostOrder, PostgresTarget};
pub(in crate::db) use socket::NO_LIMIT;
pub use socket::SocketSettings;
pub use sqlite::{SqliteMode, SqliteTarget};
pub use startup::SESSION_SETTINGS;
pub use tls::{SslMode, SslNegotiation, TlsSettings, TlsVersion};

/// Location of the database. `Display` and `Debug` print its password as `****`.
#[derive(Clone)]
pub struct DatabaseUrl {
    target: DatabaseTarget,
    warnings: Vec<String>,
}

/// Kinds of database, with their settings.
#[expect(clippy::large_enum_variant, reason = "a process has a handful of them")]
#[derive(Clone)]
pub enum DatabaseTarget {
    /// PostgreSQL, on one or more servers.
    Postgres(PostgresTarget),
    /// SQLite, in a file.
    Sqlite(SqliteTarget),
}

const FORMS: &str = "use postgres://USER:PASSWORD@HOST:5432/DATABASE or sqlite:FILE?mode=rwc";
impl DatabaseUrl {
    /// Parses a URL, and completes a PostgreSQL URL with defaults.
    ///
    /// # Errors
    /// Returns [`InvalidUrl`] for another scheme, an unknown parameter, or a part that is ambiguous.
    pub fn parse(text: &str, defaults: &Defaults) -> Result<Self, InvalidUrl> {
        let text = text.trim();
        foreign::refuse(text)?;
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(InvalidUrl::new("the database URL has no scheme", FORMS));
        };
        match scheme {
            "postgres" | "postgresql" => {
                let rest = rest.strip_prefix("//").ok_or_else(|| {
                    InvalidUrl::new(format!("`{scheme}:` is not followed by `//` in the database URL"), FORMS)
                })?;
                let (target, warnings) = PostgresTarget::parse(rest, defaults)?;
                Ok(Self { target: DatabaseTarget::Postgres(target), warnings })
            }
            "sqlite" => Ok(Self { target: DatabaseTarget::Sqlite(SqliteTarget::parse(rest)?), warnings: Vec::new() }),
            other => Err(unknown_scheme(other, rest)),
        }
    }

    /// Returns true if a text is meant as the URL of a server.
    pub fn is_of_server(text: &str) -> bool {
        !text.trim_start().starts_with("sqlite:")
    }

    /// Returns a warning for each ignored part, with the reason.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Builds the URL of a SQLite file.
    pub fn sqlite(path: impl Into<PathBuf>, mode: SqliteMode) -> Self {
        Self { target: DatabaseTarget::Sqlite(SqliteTarget { path: path.into(), mode }), warnings: Vec::new() }
    }

    /// Returns the URL of another database on the server. On SQLite it returns the URL of the file itself.
    pub fn with_database(&self, name: &str) -> Self {
        let mut other = self.clone();
        if let DatabaseTarget::Postgres(target) = &mut other.target {
            name.clone_into(&mut target.database);
        }
        other
    }

    /// Returns the URL of this database on only one of its servers.
    pub(in crate::db) fn on(&self, at: usize) -> Self {
        match &self.target {
            DatabaseTarget::Postgres(target) => {
                Self { target: DatabaseTarget::Postgres(target.on(at)), warnings: self.warnings.clone() }
            }
            DatabaseTarget::Sqlite(_) => self.clone(),
        }
    }

    /// Returns the engine of the database.
    pub fn backend(&self) -> Backend {
        match self.target {
            DatabaseTarget::Postgres(_) => Backend::Postgres,
            DatabaseTarget::Sqlite(_) => Backend::Sqlite,
        }
    }

    /// Returns true if it is a SQLite file that may be created.
    pub fn may_be_created(&self) -> bool {
        matches!(&self.target, DatabaseTarget::Sqlite(target) if target.mode == SqliteMode::Create)
    }

    /// Returns the role on a server; `None` for SQLite.
    pub fn role(&self) -> Option<String> {
        match &self.target {
            DatabaseTarget::Postgres(target) => Some(target.user.clone()),
            DatabaseTarget::Sqlite(_) => None,
        }
    }

    /// Returns the parsed parts.
    pub fn target(&self) -> &DatabaseTarget {
        &self.target
    }

    /// Returns true if the URL does not ask for a read-only server.
    pub fn wants_writes(&self) -> bool {
        match &self.target {
            DatabaseTarget::Postgres(target) => !target.session_attrs.prefers_no_writes(),
            DatabaseTarget::Sqlite(_) => true,
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            DatabaseTarget::Postgres(target) => target.fmt(f),
            DatabaseTarget::Sqlite(target) => write!(f, "sqlite:{}", target.path.display()),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

fn unknown_scheme(scheme: &str, rest: &str) -> InvalidUrl {
    let printable = rest.starts_with("//") && scheme.len() <= 12 && scheme.bytes().all(|b| b.is_ascii_alphabetic());
    if !printable {
        return InvalidUrl::new("the database URL has no scheme that is known", FORMS);
    }
    let lower = scheme.to_ascii_lowercase();
    let near = ["postgres", "postgresql", "sqlite"]
        .into_iter()
        .filter(|known| strsim::damerau_levenshtein(known, &lower) <= 3)
        .min_by_key(|known| strsim::damerau_levenshtein(known, &lower));
    let hint = near.map_or_else(|| FORMS.to_owned(), |near| format!("did you mean `{near}:`? {FORMS}"));
    InvalidUrl::new(format!("`{scheme}://` is not a database this program works with"), hint)
}
