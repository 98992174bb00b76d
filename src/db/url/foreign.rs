//! Refuses texts that are often pasted instead of a URL. Examples are quoted texts, a command or a variable's name
//! before the URL, and formats of other programs. The hint contains the correct form. No part of the text is repeated.

use super::invalid::InvalidUrl;

const FORM: &str = "write postgres://USER:PASSWORD@HOST:5432/DATABASE";

pub(super) fn refuse(text: &str) -> Result<(), InvalidUrl> {
    let refused = |what: &str, hint: &str| Err(InvalidUrl::new(format!("the database URL {what}"), hint));
    let first = text.chars().next().unwrap_or_default();
    if matches!(first, '"' | '\'' | '`') {
        return refused("is in quotes", "write it without them: this file or setting passes quotes on as they are");
    }
    if text.starts_with("psql ") || text.starts_with("psql\t") {
        return refused("is a psql command", "keep only what follows `psql`, without quotes: postgres://…");
    }
    if text.starts_with("export ") || text.starts_with("DATABASE_URL=") {
        return refused("begins with the variable's name", "keep only what follows the `=`");
    }
    if text.starts_with("jdbc:") {
        return refused("has the form of JDBC", &format!("{FORM}: without `jdbc:`, user and password before the host"));
    }
    let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
    if let Some((dialect, _)) = scheme.split_once('+') {
        return match dialect {
            "postgres" | "postgresql" => {
                refused("names a Python driver", &format!("{FORM}: without the `+` and the driver's name"))
            }
            "sqlite" => refused("names a Python driver", "write sqlite:FILE, without the `+` and the driver's name"),
            _ => Ok(()),
        };
    }
    if scheme.is_empty() && is_conninfo(text) {
        return refused("has libpq's form of NAME=VALUE", &format!("{FORM}, with other parameters after a `?`"));
    }
    if scheme.is_empty() && text.contains(';') && text.to_ascii_lowercase().contains("host=") {
        return refused("has the form of .NET", &format!("{FORM}, with other parameters after a `?`"));
    }
    Ok(())
}

/// Returns true if the text begins with a parameter's name and `=`.
fn is_conninfo(text: &str) -> bool {
    let Some((name, _)) = text.split_once('=') else { return false };
    super::parameters::known(name.trim_end()).is_some()
}
