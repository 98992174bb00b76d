//! Reads variables by name from the process and `.env`, with `_FILE` twins for secrets.
//!
//! Invariant: A variable that is set has a value. An empty, blank or non-UTF-8 value is an error, because it points to
//! a broken deployment (such as `${X:-}` without an `X`). It never selects the default. Blanks around a value are
//! dropped. Secrets lose only line ends at the end, because a password may end in a blank.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::ErrorKind;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;

use super::{Error, dotenv};
use crate::disk::{self, LinkPolicy};

/// Names of all variables of this program, so that misspelled names can be found.
const KNOWN: [&str; 42] = [
    "AUTHSVC_ENV",
    "AUTHSVC_LISTEN",
    "AUTHSVC_ADMIN_LISTEN",
    "AUTHSVC_ADMIN_HOSTS",
    "AUTHSVC_BACKUP_SCHEDULE",
    "AUTHSVC_BACKUP_RETENTION",
    "AUTHSVC_BACKUP_VERIFY",
    "AUTHSVC_BACKUP_MAX_AGE",
    "AUTHSVC_CLEANUP_BATCH",
    "AUTHSVC_CLEANUP_INTERVAL",
    "AUTHSVC_AUTH_EVENTS_RETENTION",
    "AUTHSVC_MAINTENANCE_RUNS_RETENTION",
    "AUTHSVC_HEALTH_RESPONSE_TIME",
    "AUTHSVC_HEALTH_SLOW_QUERY",
    "AUTHSVC_HEALTH_LONG_QUERY",
    "AUTHSVC_HEALTH_LONG_TRANSACTION",
    "AUTHSVC_HEALTH_CACHE_HIT",
    "AUTHSVC_HEALTH_CONNECTIONS",
    "AUTHSVC_HEALTH_FAILED_LOGINS",
    "AUTHSVC_HEALTH_SUSPICIOUS_ACTIVITY",
    "AUTHSVC_HEALTH_FREE_SPACE",
    "AUTHSVC_HEALTH_CLOCK_SKEW",
    "AUTHSVC_DATABASE_MAX_CONNECTIONS",
    "AUTHSVC_DATABASE_WAIT",
    "AUTHSVC_LOCK_WAIT",
    "AUTHSVC_LOCK_TIMEOUT",
    "AUTHSVC_SHUTDOWN_TIMEOUT",
    "AUTHSVC_LOG",
    "AUTHSVC_LOG_FORMAT",
    "AUTHSVC_PUBLIC_URL",
    "AUTHSVC_CORS_ORIGINS",
    "AUTHSVC_TRUSTED_PROXIES",
    "AUTHSVC_REQUEST_TIMEOUT",
    "AUTHSVC_RATE_LIMIT",
    "AUTHSVC_PASSWORD_RATE_LIMIT",
    "AUTHSVC_SESSION_MAX_AGE",
    "AUTHSVC_OAUTH_REDIRECT_URL",
    "AUTHSVC_GOOGLE_CLIENT_ID",
    "AUTHSVC_GOOGLE_ISSUER",
    "AUTHSVC_GITHUB_CLIENT_ID",
    "AUTHSVC_GITHUB_URL",
    "AUTHSVC_GITHUB_API_URL",
];

/// Names of variables that other programs define and this one reads.
const OTHERS: [&str; 2] = ["DATABASE_URL", "BACKUP_DIR"];

/// Names of all secrets. Each has a `_FILE` twin.
const SECRETS: [&str; 4] =
    ["AUTHSVC_JWT_KEY", "AUTHSVC_GOOGLE_CLIENT_SECRET", "AUTHSVC_GITHUB_CLIENT_SECRET", "AUTHSVC_ENCRYPTION_KEY"];

/// Longest accepted `.env` or secret file, in bytes.
const LONGEST: u64 = 1 << 20;

/// Variables by name. The debug output shows names only.
#[derive(Clone, Default)]
pub struct Variables {
    texts: BTreeMap<String, String>,
    not_utf8: BTreeSet<String>,
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.texts.keys()).finish()
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Variables {
    fn from(pairs: [(&str, &str); N]) -> Self {
        let texts = pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { texts, not_utf8: BTreeSet::new() }
    }
}

impl Variables {
    /// Reads the process's environment, and `.env` in the working directory for names that the process does not set.
    ///
    /// # Errors
    /// Returns an error if `.env` cannot be read.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub fn of_process() -> Result<Self, Error> {
        let mut variables = Self { texts: of_file(Path::new(".env"))?, not_utf8: BTreeSet::new() };
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) => {
                    variables.texts.insert(name, value);
                }
                Err(_) => {
                    variables.texts.remove(&name);
                    variables.not_utf8.insert(name);
                }
            }
        }
        Ok(variables)
    }

    /// Checks that every known variable that is set has a value.
    ///
    /// # Errors
    /// Returns an error for the first variable without a value.
    pub(super) fn check_all(&self) -> Result<(), Error> {
        let twins = SECRETS.iter().chain(&OTHERS[..1]).map(|name| format!("{name}_FILE"));
        let ours = KNOWN.into_iter().chain(SECRETS).chain(OTHERS).map(str::to_owned);
        ours.chain(twins).try_for_each(|name| self.check(&name))
    }

    /// Checks that a variable has a value, if it is set.
    ///
    /// # Errors
    /// Returns an error if the value is empty, blank, or not UTF-8.
    pub(super) fn check(&self, name: &str) -> Result<(), Error> {
        let refuse = |what: &str| Err(Error::invalid(name, what, "give it a value, or unset it"));
        match self.texts.get(name).map(String::as_str) {
            _ if self.not_utf8.contains(name) => refuse("is not UTF-8"),
            Some("") => refuse("is set and empty"),
            Some(text) if text.trim().is_empty() => refuse("is set and holds only blanks"),
            _ => Ok(()),
        }
    }

    /// Value of a variable that is not a secret, without blanks around it. An empty value counts as unset.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// Value of a secret, from its variable or from the file that its `_FILE` twin names.
    ///
    /// # Errors
    /// Returns an error if either has no value, if both are set, or if the file cannot be used.
    pub(super) fn secret(&self, name: &'static str) -> Result<Option<SecretString>, Error> {
        let file_name = format!("{name}_FILE");
        self.check(name)?;
        self.check(&file_name)?;
        let value = self.texts.get(name);
        let Some(file) = self.get(&file_name) else {
            return Ok(value.map(|value| SecretString::from(without_line_end(value))));
        };
        if value.is_some() {
            return Err(Error::invalid(file_name, format!("{name} is set, too"), "set one of the two"));
        }
        let text = read_secret(Path::new(file)).map_err(|why| {
            let hint = "name a regular file that holds the secret and that this user can read";
            Error::invalid(file_name, format!("`{}` {why}", file.escape_debug()), hint)
        })?;
        Ok(Some(SecretString::from(text)))
    }

    /// Value of a variable, or its default, as another type. `form` says in an error how to write it.
    ///
    /// # Errors
    /// Returns an error if the value cannot be read.
    pub(super) fn parsed<T: FromStr>(&self, name: &'static str, default: &str, form: &str) -> Result<T, Error> {
        let text = self.get(name).unwrap_or(default);
        text.parse().map_err(|_| Error::invalid(name, format!("`{text}` cannot be read"), format!("write {form}")))
    }

    /// Value of a variable, or its default, as a duration.
    ///
    /// # Errors
    /// Returns an error if the value is not a duration, or is zero.
    pub(super) fn duration(&self, name: &'static str, default: &str) -> Result<Duration, Error> {
        let text = self.get(name).unwrap_or(default);
        let refuse =
            |why: String| Error::invalid(name, format!("`{text}` {why}"), "write a duration like 30s, 5m or 1h");
        let duration =
            humantime::parse_duration(text).map_err(|error| refuse(format!("is not a duration: {error}")))?;
        if duration.is_zero() { Err(refuse("is too short".to_owned())) } else { Ok(duration) }
    }

    /// Names of the variables of the configuration. Not among them: the `_FILE` twins of secrets, and variables of libpq,
    /// the supervisor and the terminal.
    pub fn names() -> impl Iterator<Item = &'static str> {
        KNOWN.into_iter().chain(SECRETS).chain(OTHERS)
    }

    /// Warnings about unknown `AUTHSVC_` variables, each with the nearest known name.
    pub(super) fn unknown(&self) -> Vec<String> {
        let twins = SECRETS.map(|name| format!("{name}_FILE"));
        let known: Vec<&str> = KNOWN.into_iter().chain(SECRETS).chain(twins.iter().map(String::as_str)).collect();
        let names = self.texts.keys().chain(&self.not_utf8);
        let ours = names.filter(|name| name.starts_with("AUTHSVC_") && !known.contains(&name.as_str()));
        ours.map(|name| {
            let near = known.iter().min_by_key(|known| strsim::damerau_levenshtein(known, name));
            format!("unknown variable {}; did you mean {}?", name.escape_debug(), near.unwrap_or(&""))
        })
        .collect()
    }
}

fn without_line_end(text: &str) -> &str {
    text.trim_end_matches(['\r', '\n'])
}

/// Reads the text of a file that holds a secret. Returns the reason as text if that fails.
fn read_secret(path: &Path) -> Result<String, String> {
    let text = disk::read_text(path, LONGEST, LinkPolicy::Followed).map_err(|error| unreadable(&error))?;
    if text.trim().is_empty() {
        return Err("is empty".to_owned());
    }
    Ok(without_line_end(&text).to_owned())
}

/// Reads the variables of a `.env` file. Empty if the file does not exist.
fn of_file(path: &Path) -> Result<BTreeMap<String, String>, Error> {
    let refuse = |place: String, why: String| Error::invalid(place, why, "correct the file: one NAME=value a line");
    let name = path.display().to_string();
    let text = match disk::read_text(path, LONGEST, LinkPolicy::Followed) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let is_link = path.symlink_metadata().is_ok();
            let why = "is a link to a file that does not exist".to_owned();
            return if is_link { Err(refuse(name, why)) } else { Ok(BTreeMap::new()) };
        }
        Err(error) => return Err(refuse(name, unreadable(&error))),
    };
    dotenv::parse(text.as_bytes()).map_err(|error| refuse(format!("{name}, line {}", error.line), error.why.to_owned()))
}

/// Reason why a file was not read: its kind or content, or the system's error.
fn unreadable(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::InvalidInput | ErrorKind::InvalidData => error.to_string(),
        _ => format!("cannot be read: {error}"),
    }
}
