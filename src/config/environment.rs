//! Kind of installation. If it is in doubt, it is production.

use std::fmt;

use serde::Serialize;

use super::database::Choice;
use super::{Error, Variables};
use crate::db::Backend;

/// Kind of installation, which decides defaults and development data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// A developer's machine. Development data is inserted at boot.
    Development,
    /// An installation for automatic tests.
    Test,
    /// A trial installation with production settings.
    Staging,
    /// An installation with real accounts.
    Production,
}

const ALL: [Environment; 4] =
    [Environment::Development, Environment::Test, Environment::Staging, Environment::Production];

/// Reads `AUTHSVC_ENV`, then `APP_ENV`, then `GO_ENV`. The default is production, or development if no database URL was
/// given. With a server's URL only `AUTHSVC_ENV` counts. The other two are often set for other programs, and
/// development data has a published password. Also returns warnings about ignored variables.
pub(super) fn read(
    variables: &Variables,
    backend: Backend,
    choice: Choice,
) -> Result<(Environment, Vec<String>), Error> {
    let others = ["APP_ENV", "GO_ENV"];
    if let Some(environment) = of_variable(variables, "AUTHSVC_ENV")? {
        return Ok((environment, Vec::new()));
    }
    if backend == Backend::Postgres {
        let set = others.into_iter().filter(|name| variables.get(name).is_some());
        let ignored = set.map(|name| format!("{name} is ignored with a PostgreSQL database; set AUTHSVC_ENV"));
        return Ok((Environment::Production, ignored.collect()));
    }
    for name in others {
        variables.check(name)?;
        if let Some(environment) = of_variable(variables, name)? {
            return Ok((environment, Vec::new()));
        }
    }
    let environment = match choice {
        Choice::Given => Environment::Production,
        Choice::Default => Environment::Development,
    };
    Ok((environment, if choice == Choice::Default { without_url(variables) } else { Vec::new() }))
}

/// Warnings about libpq's variables that name a server, which is not used without `DATABASE_URL`.
fn without_url(variables: &Variables) -> Vec<String> {
    let set =
        ["PGSERVICE", "PGHOST", "PGHOSTADDR", "PGDATABASE"].into_iter().filter(|name| variables.get(name).is_some());
    set.map(|name| {
        format!("{name} is set and DATABASE_URL is not, so the SQLite file is used; DATABASE_URL=postgres:// uses the server")
    })
    .collect()
}

fn of_variable(variables: &Variables, name: &'static str) -> Result<Option<Environment>, Error> {
    let Some(text) = variables.get(name) else { return Ok(None) };
    let found = ALL.into_iter().find(|known| known.to_string() == text.to_ascii_lowercase());
    found.map(Some).ok_or_else(|| {
        let message = format!("`{}` is not an environment", text.escape_debug());
        Error::invalid(name, message, "use development, test, staging or production")
    })
}

impl Environment {
    /// Returns true if development data may be inserted into the database.
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
