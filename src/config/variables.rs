//! Variables by name, from the process and `.env`, with `_FILE` twins for secrets.

use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::path::Path;

use secrecy::SecretString;

use super::Error;
use crate::disk::{self, Links};

/// Every variable of ours, to tell a typing error from one.
const KNOWN: [&str; 40] = [
    "AUTHSVC_ENV",
    "AUTHSVC_LISTEN",
    "AUTHSVC_ADMIN_LISTEN",
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
    "AUTHSVC_OAUTH_REDIRECT_URL",
    "AUTHSVC_GOOGLE_CLIENT_ID",
    "AUTHSVC_GOOGLE_ISSUER",
    "AUTHSVC_GITHUB_CLIENT_ID",
    "AUTHSVC_GITHUB_URL",
    "AUTHSVC_GITHUB_API_URL",
];

/// Every secret of ours; each has a `_FILE` twin.
const SECRETS: [&str; 4] =
    ["AUTHSVC_JWT_KEY", "AUTHSVC_GOOGLE_CLIENT_SECRET", "AUTHSVC_GITHUB_CLIENT_SECRET", "AUTHSVC_ENCRYPTION_KEY"];

/// `.env` and files of secrets are far shorter, in bytes.
const LONGEST: u64 = 1 << 20;

/// Variables by name. Prints names only.
#[derive(Clone, Default)]
pub struct Variables(BTreeMap<String, String>);

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Variables {
    fn from(pairs: [(&str, &str); N]) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

impl Variables {
    /// The process's environment over `.env` in the working directory.
    ///
    /// # Errors
    /// A `.env` that cannot be read.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub fn of_process() -> Result<Self, Error> {
        let mut variables = Self::of_file(Path::new(".env"))?;
        let texts = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        for (name, value) in texts {
            if let Ok(value) = value.into_string() {
                variables.insert(name, value);
            } else if name.starts_with("AUTHSVC_") || name == "DATABASE_URL" {
                return Err(Error::invalid(name, "is not UTF-8", "correct its value"));
            }
        }
        Ok(Self(variables))
    }

    /// The lines of a file in `.env` form; none if there is no such file.
    fn of_file(path: &Path) -> Result<BTreeMap<String, String>, Error> {
        let refuse = |message: String| Error::invalid(".env", message, "correct the file, one NAME=value a line");
        let text = match disk::read_text(path, LONGEST, Links::Followed) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::InvalidData) => {
                return Err(refuse(error.to_string()));
            }
            Err(error) => return Err(refuse(format!("cannot be read: {error}"))),
        };
        let mut variables = BTreeMap::new();
        for (index, line) in dotenvy::from_read_iter(text.as_bytes()).enumerate() {
            // the parser's message quotes the line, which may hold a secret
            let (name, value) = line.map_err(|_| refuse(format!("entry {} cannot be read", index + 1)))?;
            variables.insert(name, value);
        }
        Ok(variables)
    }

    /// The value of a variable that is no secret; an empty one is none.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The value of a secret: of the variable, or of the file that its `_FILE` twin names.
    pub(super) fn secret(&self, name: &'static str) -> Result<Option<SecretString>, Error> {
        let file_name = format!("{name}_FILE");
        let (value, file) = (self.get(name), self.get(&file_name));
        let Some(file) = file else {
            // an empty URL is a deployment gone wrong, never a wish for the development database
            return match self.0.get(name) {
                Some(text) if text.trim().is_empty() && name == "DATABASE_URL" => {
                    Err(Error::invalid(name, "is set and empty", "give it a value, or unset it"))
                }
                _ => Ok(value.map(SecretString::from)),
            };
        };
        let refuse = |message: String, hint: &str| Error::invalid(file_name.clone(), message, hint);
        if value.is_some() {
            return Err(refuse(format!("{name} is set, too"), "set one of the two"));
        }
        let text = disk::read_text(Path::new(file), LONGEST, Links::Followed).map_err(|error| match error.kind() {
            ErrorKind::InvalidInput | ErrorKind::InvalidData => {
                refuse(format!("`{file}` {error}"), "write the secret into a regular file, as text")
            }
            _ => refuse(format!("`{file}` cannot be read: {error}"), "correct the path or its permissions"),
        })?;
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Err(refuse(format!("`{file}` is empty"), "write the secret into the file"));
        }
        Ok(Some(SecretString::from(text)))
    }

    /// A warning for each `AUTHSVC_` variable that is unknown, with the nearest known name.
    pub(super) fn unknown(&self) -> Vec<String> {
        let twins = SECRETS.map(|name| format!("{name}_FILE"));
        let known: Vec<&str> = KNOWN.into_iter().chain(SECRETS).chain(twins.iter().map(String::as_str)).collect();
        let ours = self.0.keys().filter(|name| name.starts_with("AUTHSVC_") && !known.contains(&name.as_str()));
        ours.map(|name| {
            let near = known.iter().min_by_key(|known| strsim::damerau_levenshtein(known, name));
            format!("unknown variable {name}; did you mean {}?", near.unwrap_or(&""))
        })
        .collect()
    }
}
