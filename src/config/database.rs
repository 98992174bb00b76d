//! Database URL from `DATABASE_URL` or its `_FILE` twin. libpq's variables supply the parts that a server's URL omits.

use std::collections::HashMap;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use super::{Error, Variables};
use crate::db::{DatabaseUrl, Defaults, PARAMETERS, SqliteMode};

/// SQLite file that is used if `DATABASE_URL` is unset.
const DEFAULT_SQLITE_FILE: &str = "authsvc.db";

const NAME: &str = "DATABASE_URL";

/// Reads the database URL, and whether it was given or is the default.
pub(super) fn url(variables: &Variables) -> Result<(DatabaseUrl, Choice), Error> {
    let Some(text) = variables.secret(NAME)? else {
        return Ok((DatabaseUrl::sqlite(DEFAULT_SQLITE_FILE, SqliteMode::Create), Choice::Default));
    };
    let place = if variables.get("DATABASE_URL_FILE").is_some() { "DATABASE_URL_FILE" } else { NAME };
    let text = text.expose_secret();
    let defaults = if DatabaseUrl::is_of_server(text) { defaults(variables)? } else { Defaults::default() };
    let url = DatabaseUrl::parse(text, &defaults)
        .map_err(|source| Error::Url { variable: source.variable().unwrap_or(place), source })?;
    Ok((url, Choice::Given))
}

/// Origin of the database URL: given, or the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    Given,
    Default,
}

/// Values of libpq's variables. They are read only for a server. Each one that is set must have a value.
fn defaults(variables: &Variables) -> Result<Defaults, Error> {
    let mut values = HashMap::new();
    for variable in PARAMETERS.iter().filter_map(|known| known.variable) {
        variables.check(variable)?;
        let value = match variable {
            "PGPASSWORD" => variables.secret(variable)?,
            _ => variables.get(variable).map(SecretString::from),
        };
        values.extend(value.map(|value| (variable, value)));
    }
    variables.check("PGSYSCONFDIR")?;
    let text = |name: &str| variables.get(name).map(str::to_owned);
    Ok(Defaults {
        variables: values,
        system_user: text("USER").or_else(|| text("LOGNAME")),
        home: text("HOME").map(PathBuf::from),
        system_directory: Some(text("PGSYSCONFDIR").map_or_else(|| "/etc/postgresql-common".into(), PathBuf::from)),
    })
}
