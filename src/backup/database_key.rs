//! Decides which database a backup belongs to.
//!
//! Metadata holds the random id that migration 011 gave the database. Older backups hold only the URL, whose spelling
//! may differ.
//!
//! Invariants: Two backups with different ids never belong to the same database. A backup without an id belongs to the
//! database of its URL. If exactly one database with an id has that URL, the backup belongs to that database.

use std::collections::{BTreeMap, BTreeSet};

/// Key that all backups of one database share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum DatabaseKey {
    /// Random id of the database.
    Id(String),
    /// Normalised URL without user and parameters, for backups without an id.
    Url(String),
}

/// The database that a report is about.
#[derive(Debug, Clone)]
pub struct LiveDatabase {
    /// Random id. `None` if the database did not answer or is older than migration 011.
    pub id: Option<String>,
    /// Database URL, without the password.
    pub url: String,
}

impl LiveDatabase {
    /// Returns true if a backup with this id and URL belongs to this database. If either id is unknown, the URLs are
    /// compared.
    pub fn has_backup(&self, id: Option<&str>, url: &str) -> bool {
        match (self.id.as_deref(), id) {
            (Some(own), Some(id)) => own == id,
            _ => normalised(&self.url) == normalised(url),
        }
    }
}

/// Database ids of several backups, by URL.
#[derive(Debug, Default)]
pub struct KnownDatabases {
    ids_by_url: BTreeMap<String, BTreeSet<String>>,
}

impl KnownDatabases {
    /// Collects the ids and URLs of all backups.
    pub fn of<'a>(backups: impl IntoIterator<Item = (Option<&'a str>, &'a str)>) -> Self {
        let mut known = Self::default();
        for (id, url) in backups {
            known.ids_by_url.entry(normalised(url)).or_default().extend(id.map(str::to_owned));
        }
        known
    }

    /// Database key of a backup with this id and URL.
    pub fn key(&self, id: Option<&str>, url: &str) -> DatabaseKey {
        let url = normalised(url);
        let mut ids = self.ids_by_url.get(&url).into_iter().flatten();
        match (id, ids.next(), ids.next()) {
            (Some(id), ..) => DatabaseKey::Id(id.to_owned()),
            (None, Some(only), None) => DatabaseKey::Id(only.clone()),
            _ => DatabaseKey::Url(url),
        }
    }
}

/// Normalises a URL from metadata: `postgres://host:5432/db` without user and parameters. `sqlite:path` loses `./`,
/// doubled slashes and parameters.
fn normalised(url: &str) -> String {
    let url = url.split('?').next().unwrap_or_default();
    match url.split_once(':') {
        Some(("postgres" | "postgresql", rest)) => {
            let rest = rest.trim_start_matches('/');
            let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
            let (hosts, database) = rest.split_once('/').unwrap_or((rest, ""));
            let hosts: Vec<String> = hosts.split(',').map(with_port).collect();
            format!("postgres://{}/{database}", hosts.join(","))
        }
        Some(("sqlite", path)) => {
            let root = if path.starts_with('/') { "/" } else { "" };
            let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
            format!("sqlite:{root}{}", parts.join("/"))
        }
        _ => url.to_owned(),
    }
}

fn with_port(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    if has_port { host } else { format!("{host}:5432") }
}
