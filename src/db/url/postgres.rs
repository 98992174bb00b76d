//! PostgreSQL URL: libpq's URI with libpq's parameters, files and defaults.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::escapes::{ESCAPE, decode, parameters};
use super::hosts::{self, Host, SessionAttrs, shown};
use super::invalid::InvalidUrl;
use super::parameters::PARAMETERS;
use super::pgpass::PasswordFile;
use super::service::{self, ServiceFiles};
use super::settings::{SettingSource, UrlSetting, UrlSettings};
use super::socket::{SocketSettings, connect_timeout};
use super::startup;
use super::tls::{self, SslMode, TlsSettings};

/// Database on one or more PostgreSQL servers.
#[derive(Clone)]
pub struct PostgresTarget {
    /// Servers in the order in which they are tried; at least one.
    pub hosts: Vec<Host>,
    /// Wanted role of the server.
    pub session_attrs: SessionAttrs,
    /// Order in which the servers are tried.
    pub order: HostOrder,
    /// Role with which the program logs in.
    pub user: String,
    /// Password, if the URL or the environment contains one.
    pub password: Option<SecretString>,
    /// Passwords of the password file, by host. They are used if there is no other password.
    pub(in crate::db) file_passwords: HashMap<String, SecretString>,
    /// Name of the database.
    pub database: String,
    /// Encryption mode of the connection, after the other parameters are applied.
    pub ssl_mode: SslMode,
    /// Encryption settings other than the mode.
    pub tls: TlsSettings,
    /// Options of the TCP connection.
    pub socket: SocketSettings,
    /// Settings that are sent when a session begins, in order.
    pub startup: Vec<(String, String)>,
    /// Name shown in `pg_stat_activity`.
    pub application_name: String,
    /// Timeout of one attempt to connect to one host.
    pub connect_timeout: Duration,
    /// True if statements may be prepared under a name. A PgBouncer before 1.21 in transaction mode does not support
    /// such statements.
    pub prepared_statements: bool,
    /// Ways to connect that worked; copies of the target share them.
    pub(in crate::db) learned: LearnedWays,
}

/// Index of the way that last worked for each host, by the host's name and port.
pub(in crate::db) type LearnedWays = Arc<Mutex<HashMap<String, usize>>>;

/// Values of libpq's `load_balance_hosts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostOrder {
    /// Order of the URL.
    Given,
    /// Random order, chosen for each search.
    Random,
}

/// Defaults for a PostgreSQL URL, from libpq's environment variables and files.
#[derive(Clone, Default)]
pub struct Defaults {
    /// Values of environment variables, by name, such as `PGHOST`.
    pub variables: HashMap<&'static str, SecretString>,
    /// Name of the operating system's user.
    pub system_user: Option<String>,
    /// Directory with `.pgpass`, `.pg_service.conf` and `.postgresql`.
    pub home: Option<PathBuf>,
    /// Directory with the `pg_service.conf` of all users, from `PGSYSCONFDIR`.
    pub system_directory: Option<PathBuf>,
}

impl fmt::Display for PostgresTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let password = if self.password.is_some() { ":****" } else { "" };
        let Self { user, database, hosts, session_attrs, .. } = self;
        let (authority, query) = shown(hosts, *session_attrs);
        write!(f, "postgres://{user}{password}@{authority}/{database}{query}")
    }
}

impl PostgresTarget {
    /// Parses the text after `postgres://`. Returns the target and warnings.
    pub(super) fn parse(rest: &str, defaults: &Defaults) -> Result<(Self, Vec<String>), InvalidUrl> {
        let mut settings = of_url(rest)?;
        let places = ServiceFiles { home: defaults.home.clone(), system: defaults.system_directory.clone() };
        for name in ["service", "servicefile"] {
            of_variable(name, &mut settings, defaults)?;
        }
        service::apply(&mut settings, &places)?;
        for known in PARAMETERS {
            of_variable(known.name, &mut settings, defaults)?;
        }
        let target = Self::complete(&mut settings, defaults)?;
        Ok((target, settings.warnings))
    }

    fn complete(settings: &mut UrlSettings, defaults: &Defaults) -> Result<Self, InvalidUrl> {
        let hosts = hosts::servers(settings)?;
        let given = |name: &str, settings: &mut UrlSettings| {
            settings.take(name).map(|setting| setting.value).filter(|value| !value.is_empty())
        };
        let user = given("user", settings).or_else(|| defaults.system_user.clone()).ok_or_else(|| {
            InvalidUrl::new("the database URL names no user", "write postgres://USER@HOST/DATABASE or set PGUSER")
        })?;
        let database = given("dbname", settings).unwrap_or_else(|| user.clone());
        let password = given("password", settings).map(SecretString::from);
        let file_passwords = match password {
            None => file_passwords(settings, defaults, &hosts, &database, &user),
            Some(_) => HashMap::new(),
        };
        let (ssl_mode, tls) = tls::read(settings, defaults.home.as_deref())?;
        let fallback = given("fallback_application_name", settings);
        Ok(Self {
            hosts,
            session_attrs: SessionAttrs::read(settings.take("target_session_attrs"))?,
            order: order(settings.take("load_balance_hosts"))?,
            user,
            password,
            file_passwords,
            database,
            ssl_mode,
            tls,
            socket: SocketSettings::read(settings)?,
            startup: startup::read(settings)?,
            application_name: given("application_name", settings).or(fallback).unwrap_or_else(|| "authsvc".to_owned()),
            connect_timeout: connect_timeout(settings.take("connect_timeout"))?,
            prepared_statements: prepared_statements(settings.take("prepared_statements"))?,
            learned: LearnedWays::default(),
        })
    }

    /// Returns the password in clear, for the driver.
    pub(in crate::db) fn exposed_password(&self, host: &Host) -> Option<&str> {
        let password = self.password.as_ref().or_else(|| self.file_passwords.get(&host.to_string()));
        password.map(ExposeSecret::expose_secret)
    }

    /// Restricts the target to one of its servers, and accepts any role of that server.
    pub(in crate::db) fn on(&self, at: usize) -> Self {
        let hosts = self.hosts.get(at).cloned().map_or_else(|| self.hosts.clone(), |host| vec![host]);
        Self { hosts, session_attrs: SessionAttrs::Any, ..self.clone() }
    }
}

/// Reads the settings that the URL itself contains.
fn of_url(rest: &str) -> Result<UrlSettings, InvalidUrl> {
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if tail.contains('@') {
        return Err(InvalidUrl::new("the database URL has an `@` after the host", ESCAPE));
    }
    if tail.contains('#') {
        return Err(InvalidUrl::new("the database URL has an unescaped `#`", ESCAPE));
    }
    let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
    let (user_info, host_port) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = match user_info.split_once(':') {
        Some((user, password)) => (user, password),
        None => (user_info, ""),
    };
    let mut settings = UrlSettings::default();
    let parts = [
        ("user", decode(user, "user name")?),
        ("password", decode(password, "password")?),
        ("dbname", decode(path.strip_prefix('/').unwrap_or_default(), "database name")?),
    ];
    for (name, value) in parts {
        if let Some(value) = value {
            settings.set(name, value, SettingSource::Url)?;
        }
    }
    hosts::of_authority(host_port, &mut settings)?;
    for (name, value) in parameters(query)? {
        settings.set(&name, value, SettingSource::Url)?;
    }
    Ok(settings)
}

/// Reads a setting from its environment variable, if neither URL nor service contains it.
fn of_variable(name: &str, settings: &mut UrlSettings, defaults: &Defaults) -> Result<(), InvalidUrl> {
    let Some(variable) = PARAMETERS.iter().find(|known| known.name == name).and_then(|known| known.variable) else {
        return Ok(());
    };
    let value = defaults.variables.get(variable);
    if let Some(value) = value.filter(|_| name == "options") {
        // the driver sends this value even if the URL contains another one
        let mut alone = UrlSettings::default();
        alone.set(name, value.expose_secret().to_owned(), SettingSource::Variable(variable))?;
        startup::read(&mut alone)?;
    }
    match value {
        Some(value) => settings.complete(name, value.expose_secret().to_owned(), SettingSource::Variable(variable)),
        None => Ok(()),
    }
}

fn file_passwords(
    settings: &mut UrlSettings,
    defaults: &Defaults,
    hosts: &[Host],
    database: &str,
    user: &str,
) -> HashMap<String, SecretString> {
    let named = settings.take("passfile").map(|file| PathBuf::from(file.value));
    let Some(path) = named.or_else(|| defaults.home.as_ref().map(|home| home.join(".pgpass"))) else {
        return HashMap::new();
    };
    match PasswordFile::read(&path) {
        Ok(file) => {
            let found = hosts.iter().filter_map(|host| Some((host.to_string(), file.password(host, database, user)?)));
            found.collect()
        }
        Err(warning) => {
            settings.warn(warning);
            HashMap::new()
        }
    }
}

fn order(setting: Option<UrlSetting>) -> Result<HostOrder, InvalidUrl> {
    match setting.as_ref().map(|setting| (setting, setting.value.as_str())) {
        None | Some((_, "disable")) => Ok(HostOrder::Given),
        Some((_, "random")) => Ok(HostOrder::Random),
        Some((setting, _)) => Err(setting.refuse("load_balance_hosts", "is unknown", "use one of disable, random")),
    }
}

fn prepared_statements(setting: Option<UrlSetting>) -> Result<bool, InvalidUrl> {
    let Some(setting) = setting else { return Ok(true) };
    setting.value.parse().map_err(|_| setting.refuse("prepared_statements", "is unknown", "use one of true, false"))
}
