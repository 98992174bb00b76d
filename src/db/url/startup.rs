//! Parameter `options`: settings that are sent when a session begins.

use super::invalid::InvalidUrl;
use super::settings::{UrlSetting, UrlSettings};

/// Accepted settings. Settings that the program's SQL depends on are not accepted, because the program pins them.
pub const SESSION_SETTINGS: &[&str] = &[
    "search_path",
    "role",
    "statement_timeout",
    "lock_timeout",
    "transaction_timeout",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "tcp_keepalives_idle",
    "tcp_keepalives_interval",
    "tcp_keepalives_count",
    "tcp_user_timeout",
    "client_connection_check_interval",
    "client_min_messages",
    "application_name",
    "default_tablespace",
    "temp_tablespaces",
    "synchronous_commit",
    "work_mem",
    "maintenance_work_mem",
    "temp_buffers",
    "geqo",
    "jit",
    "plan_cache_mode",
    "max_parallel_workers_per_gather",
    "TimeZone",
    "DateStyle",
    "IntervalStyle",
];

/// Parses the settings of `options`, in order.
pub(super) fn read(settings: &mut UrlSettings) -> Result<Vec<(String, String)>, InvalidUrl> {
    let Some(options) = settings.take("options") else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    let mut words = words(&options.value).into_iter();
    while let Some(word) = words.next() {
        let pair = if word == "-c" {
            words.next().ok_or_else(|| malformed(&options))?
        } else if let Some(rest) = word.strip_prefix("--").or_else(|| word.strip_prefix("-c")) {
            rest.to_owned()
        } else if is_neon(&word) {
            settings.warn(
                "`options` of the database URL: `endpoint=` and `project=` are ignored: the host name contains them"
                    .to_owned(),
            );
            continue;
        } else if word.starts_with("reference=") {
            return Err(options.refuse(
                "options",
                "names a project",
                "write the user as USER.REFERENCE (postgres.abcdefgh)",
            ));
        } else {
            return Err(malformed(&options));
        };
        let (name, value) = pair.split_once('=').ok_or_else(|| malformed(&options))?;
        found.push((checked(&options, name)?, value.to_owned()));
    }
    Ok(found)
}

fn is_neon(word: &str) -> bool {
    word.starts_with("endpoint=") || word.starts_with("project=")
}

fn malformed(options: &UrlSetting) -> InvalidUrl {
    options.refuse(
        "options",
        "cannot be read",
        "write -c NAME=VALUE or --NAME=VALUE, in a URL as options=-c%20NAME%3DVALUE",
    )
}

/// Returns the name of an accepted setting. As on the server, `-` stands for `_`. A name with a dot belongs to an
/// extension.
fn checked(options: &UrlSetting, name: &str) -> Result<String, InvalidUrl> {
    let name = name.replace('-', "_");
    let is_custom = name.split('.').count() == 2
        && name.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
    if is_custom || SESSION_SETTINGS.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
        return Ok(name);
    }
    let looks_like_one = name.len() <= 40 && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let shown = if looks_like_one { format!(" `{name}`") } else { String::new() };
    let hint = format!("leave it out, or set it with ALTER ROLE; accepted are {}", SESSION_SETTINGS.join(", "));
    Err(options.refuse("options", &format!("has the setting{shown}, which may not be given so"), hint))
}

/// Splits at blanks without a backslash before them, as the server does.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character.is_ascii_whitespace() {
            words.push(String::new());
        } else if let Some(word) = words.last_mut() {
            word.push(if character == '\\' { characters.next().unwrap_or('\\') } else { character });
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
