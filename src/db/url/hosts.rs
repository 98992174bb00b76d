//! Servers of a URL: libpq's lists of hosts and ports, and its `target_session_attrs`.

use std::fmt;
use std::net::IpAddr;

use super::escapes::{ESCAPE, decode};
use super::invalid::InvalidUrl;
use super::settings::{SettingSource, UrlSetting, UrlSettings};

/// Address of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Host name, address, or directory of a unix socket (begins with `/`).
    pub name: String,
    /// Address to connect to instead of looking up the name.
    pub address: Option<IpAddr>,
    /// TCP port, or the number in the socket's name.
    pub port: u16,
}

impl Host {
    pub(in crate::db) fn is_socket(&self) -> bool {
        self.name.starts_with('/')
    }

    /// Returns the host's name in a password file. The standard socket is `localhost`.
    pub(super) fn password_file_name(&self) -> &str {
        if matches!(self.name.as_str(), STANDARD_SOCKETS | "/run/postgresql" | "/tmp") {
            "localhost"
        } else {
            &self.name
        }
    }
}

/// Directory of the server's socket on most systems.
const STANDARD_SOCKETS: &str = "/var/run/postgresql";

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, port, .. } = self;
        if name.contains(':') && !self.is_socket() { write!(f, "[{name}]:{port}") } else { write!(f, "{name}:{port}") }
    }
}

/// Values of libpq's `target_session_attrs`: the wanted role of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SessionAttrs {
    /// The first server that answers. No query checks its role.
    #[default]
    Any,
    /// A server that accepts writes.
    ReadWrite,
    /// A server that accepts no writes.
    ReadOnly,
    /// A server that is not in recovery.
    Primary,
    /// A server that is in recovery.
    Standby,
    /// A standby, or any server that answers if there is no standby.
    PreferStandby,
}

pub(super) const SESSION_ATTRS: [(&str, SessionAttrs); 6] = [
    ("any", SessionAttrs::Any),
    ("read-write", SessionAttrs::ReadWrite),
    ("read-only", SessionAttrs::ReadOnly),
    ("primary", SessionAttrs::Primary),
    ("standby", SessionAttrs::Standby),
    ("prefer-standby", SessionAttrs::PreferStandby),
];

impl SessionAttrs {
    /// Returns true if a server that accepts no writes is required or preferred.
    pub(super) fn prefers_no_writes(self) -> bool {
        matches!(self, Self::ReadOnly | Self::Standby | Self::PreferStandby)
    }

    pub(super) fn read(setting: Option<UrlSetting>) -> Result<Self, InvalidUrl> {
        let Some(setting) = setting else { return Ok(Self::Any) };
        let found = SESSION_ATTRS.iter().find(|(name, _)| *name == setting.value).map(|(_, attrs)| *attrs);
        found.ok_or_else(|| {
            let names = SESSION_ATTRS.map(|(name, _)| name).join(", ");
            setting.refuse("target_session_attrs", "is unknown", format!("use one of {names}"))
        })
    }
}

impl fmt::Display for SessionAttrs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SESSION_ATTRS.iter().find(|(_, attrs)| attrs == self).map_or("any", |(name, _)| name))
    }
}

/// Reads the hosts and ports between user information and path, such as `h1:5432,[::1]`.
pub(super) fn of_authority(text: &str, settings: &mut UrlSettings) -> Result<(), InvalidUrl> {
    let (mut hosts, mut ports) = (Vec::new(), Vec::new());
    for part in text.split(',') {
        let (host, port) = split_port(part)?;
        hosts.push(decode(host, "host")?.unwrap_or_default());
        ports.push(port.unwrap_or_default().to_owned());
    }
    if hosts.len() > 1 || hosts.iter().any(|host| !host.is_empty()) {
        settings.set("host", hosts.join(","), SettingSource::Url)?;
    }
    if ports.iter().any(|port| !port.is_empty()) {
        settings.set("port", ports.join(","), SettingSource::Url)?;
    }
    Ok(())
}

/// Combines the lists to servers. There must be one port for each host or one for all, and one address for each host or
/// none.
pub(super) fn servers(settings: &mut UrlSettings) -> Result<Vec<Host>, InvalidUrl> {
    let (hosts, addresses, ports) = (settings.take("host"), settings.take("hostaddr"), settings.take("port"));
    let list = |setting: &Option<UrlSetting>| {
        let text = setting.as_ref().map(|setting| setting.value.as_str()).filter(|text| !text.is_empty());
        text.map(|text| text.split(',').map(|part| part.trim().to_owned()).collect::<Vec<_>>())
    };
    let address_list = list(&addresses);
    let names = list(&hosts).or_else(|| address_list.clone()).unwrap_or_else(|| vec![default_host()]);
    let port_list = list(&ports).unwrap_or_else(|| vec![String::new()]);
    if port_list.len() != 1 && port_list.len() != names.len() {
        return Err(InvalidUrl::new(
            format!("the database URL has {} hosts and {} ports", names.len(), port_list.len()),
            "give one port for all hosts, or one for each",
        ));
    }
    if let Some(list) = &address_list
        && list.len() != names.len()
    {
        let hint = "give one address for each host";
        return Err(InvalidUrl::new(
            format!("there are {} hosts and {} addresses in hostaddr", names.len(), list.len()),
            hint,
        ));
    }
    let at =
        |index: usize| address_list.as_ref().and_then(|list| list.get(index)).map(String::as_str).unwrap_or_default();
    let port_texts = port_list.iter().cycle();
    let both = names.into_iter().enumerate().zip(port_texts);
    both.map(|((index, name), port_text)| {
        let port_number = port(ports.as_ref(), port_text)?;
        let address = address(addresses.as_ref(), at(index))?;
        let name = match (name.is_empty(), address) {
            (false, _) => name,
            (true, Some(address)) => address.to_string(),
            (true, None) => {
                return Err(InvalidUrl::new("the database URL has an empty host", "name each host, or none at all"));
            }
        };
        Ok(Host { name, address, port: port_number })
    })
    .collect()
}

fn port(setting: Option<&UrlSetting>, text: &str) -> Result<u16, InvalidUrl> {
    let Some(setting) = setting.filter(|_| !text.is_empty()) else { return Ok(5432) };
    text.parse().ok().filter(|port| *port != 0).ok_or_else(|| {
        let hint = match setting.source {
            SettingSource::Url => format!("if this is part of the password: {ESCAPE}"),
            _ if text.starts_with("tcp:") => {
                "Docker's links set it for a container named `pg`: give the port in the database URL, or set a number"
                    .to_owned()
            }
            _ => "write a number like 5432".to_owned(),
        };
        setting.refuse("port", "is not a number from 1 to 65535", hint)
    })
}

fn address(setting: Option<&UrlSetting>, text: &str) -> Result<Option<IpAddr>, InvalidUrl> {
    let Some(setting) = setting.filter(|_| !text.is_empty()) else { return Ok(None) };
    let parsed = text.parse().map(Some);
    parsed.map_err(|_| {
        setting.refuse("hostaddr", "is not an IP address", "write an address like 10.0.0.5, or the name in host")
    })
}

/// Returns libpq's default: the server's socket directory if it exists, otherwise `localhost`.
fn default_host() -> String {
    if std::path::Path::new(STANDARD_SOCKETS).is_dir() { STANDARD_SOCKETS.to_owned() } else { "localhost".to_owned() }
}

/// Splits `host`, `host:port`, `[v6]` or `[v6]:port` into host and port.
fn split_port(text: &str) -> Result<(&str, Option<&str>), InvalidUrl> {
    let unreadable = || InvalidUrl::new("the host of the database URL cannot be read", ESCAPE);
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or_else(unreadable)?;
        let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or_else(unreadable)?) };
        return Ok((host, port));
    }
    match text.split_once(':') {
        None => Ok((text, None)),
        Some((host, "")) => Ok((host, None)),
        Some((_, port)) if port.contains(':') => Err(InvalidUrl::new(
            "the host of the database URL cannot be read",
            format!("write an IPv6 address in brackets, [::1]; {ESCAPE}"),
        )),
        Some((host, port)) => Ok((host, Some(port))),
    }
}

/// Returns the authority of the URL, and the parameters that must follow it, because sockets are not allowed in the
/// authority.
pub(super) fn shown(hosts: &[Host], attrs: SessionAttrs) -> (String, String) {
    let join = |of: &dyn Fn(&Host) -> String| hosts.iter().map(of).collect::<Vec<_>>().join(",");
    let mut parameters = Vec::new();
    let mut authority = String::new();
    if hosts.iter().any(Host::is_socket) {
        parameters.push(format!("host={}", join(&|host| host.name.clone())));
        parameters.push(format!("port={}", join(&|host| host.port.to_string())));
    } else {
        authority = join(&Host::to_string);
    }
    if attrs != SessionAttrs::Any {
        parameters.push(format!("target_session_attrs={attrs}"));
    }
    let query = if parameters.is_empty() { String::new() } else { format!("?{}", parameters.join("&")) };
    (authority, query)
}
