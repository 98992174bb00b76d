//! Several servers in one URL, and which of them is wanted: libpq's lists of hosts and ports, and its `target_session_attrs`.

use std::fmt;

use super::{ESCAPE, InvalidUrl, decode};

/// One server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Host name, address, or the directory of a unix socket (starts with `/`).
    pub name: String,
    /// TCP port, or the number in the socket's name.
    pub port: u16,
}

impl Host {
    fn is_socket(&self) -> bool {
        self.name.starts_with('/')
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, port } = self;
        if name.contains(':') { write!(f, "[{name}]:{port}") } else { write!(f, "{name}:{port}") }
    }
}

/// libpq's `target_session_attrs`: which server is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SessionAttrs {
    /// Whichever answers; it is asked nothing.
    #[default]
    Any,
    /// One whose transactions may write.
    ReadWrite,
    /// One whose transactions may not.
    ReadOnly,
    /// One that is not in recovery.
    Primary,
    /// One that is in recovery.
    Standby,
    /// A standby, or where there is none, whichever answers.
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
    /// Whether a server that takes no writes is wanted, or at least liked.
    pub(super) fn prefers_no_writes(self) -> bool {
        matches!(self, Self::ReadOnly | Self::Standby | Self::PreferStandby)
    }

    pub(super) fn parse(text: &str) -> Result<Self, InvalidUrl> {
        SESSION_ATTRS.iter().find(|(name, _)| *name == text).map(|(_, attrs)| *attrs).ok_or_else(|| {
            let names = SESSION_ATTRS.map(|(name, _)| name).join(", ");
            InvalidUrl::new("the target_session_attrs of the database URL is unknown", format!("use one of {names}"))
        })
    }
}

impl fmt::Display for SessionAttrs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SESSION_ATTRS.iter().find(|(_, attrs)| attrs == self).map_or("any", |(name, _)| name))
    }
}

/// The hosts and ports as a URL or the environment has them; an empty port is the default one.
#[derive(Default)]
pub(super) struct Lists {
    pub(super) hosts: Option<Vec<String>>,
    pub(super) ports: Option<Vec<String>>,
}

impl Lists {
    /// From the part between user information and path, such as `h1:5432,[::1]`.
    pub(super) fn of_authority(text: &str) -> Result<Self, InvalidUrl> {
        let (mut hosts, mut ports) = (Vec::new(), Vec::new());
        for part in text.split(',') {
            let (host, port) = split_port(part)?;
            hosts.push(decode(host, "host")?.unwrap_or_default());
            ports.push(port.unwrap_or_default().to_owned());
        }
        let is_given = |list: &Vec<String>| list.len() > 1 || list.iter().any(|text| !text.is_empty());
        let has_ports = ports.iter().any(|port| !port.is_empty());
        Ok(Self { hosts: Some(hosts).filter(is_given), ports: Some(ports).filter(|_| has_ports) })
    }

    /// The servers: as many ports as hosts, or one for all of them.
    pub(super) fn complete(self, default: String) -> Result<Vec<Host>, InvalidUrl> {
        let names = self.hosts.unwrap_or_else(|| vec![default]);
        let ports = self.ports.unwrap_or_else(|| vec![String::new()]);
        if ports.len() != 1 && ports.len() != names.len() {
            return Err(InvalidUrl::new(
                format!("the database URL has {} hosts and {} ports", names.len(), ports.len()),
                "give one port for all hosts, or one for each",
            ));
        }
        let ports = ports.iter().cycle();
        names.into_iter().zip(ports).map(|(name, port)| host(name, port)).collect()
    }
}

/// The parts of a list.
pub(super) fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::to_owned).collect()
}

fn host(name: String, port: &str) -> Result<Host, InvalidUrl> {
    if name.is_empty() {
        return Err(InvalidUrl::new("the database URL has an empty host", "name each host, or none at all"));
    }
    let port = if port.is_empty() { 5432 } else { super::postgres::parse_number(port, "port")? };
    Ok(Host { name, port })
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`.
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

/// What stands between the scheme and the database, and the parameters that have to follow it: sockets have no place in
/// the authority.
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
