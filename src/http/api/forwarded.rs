//! The address of a client behind proxies: `X-Forwarded-For`, and `Forwarded` of RFC 7239.
//!
//! Each proxy appends the address that it was asked from, so the last entry is that of the nearest proxy. Entries are read from the last to
//! the first, as long as they are trusted proxies; the first one that is not is the client. What precedes it was written by the
//! client. An entry that cannot be read ends the search at the last trusted proxy. A proxy that writes only one of the two headers passes the
//! other one on as the client sent it: where both exist they have to agree, or the peer counts.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Whether a request says for whom it is forwarded.
pub(super) fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.contains_key(X_FORWARDED_FOR) || headers.contains_key(header::FORWARDED)
}

/// Whether an address is one of a trusted proxy.
pub(super) fn is_trusted(ip: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&ip))
}

/// The client of a request that a trusted peer sent.
pub(super) fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let has = |name: &HeaderName| headers.contains_key(name);
    let by = |entries: Vec<Option<IpAddr>>| nearest_untrusted(peer, entries, trusted);
    match (has(&X_FORWARDED_FOR), has(&header::FORWARDED)) {
        (false, false) => peer,
        (true, false) => by(x_forwarded_for(headers)),
        (false, true) => by(forwarded(headers)),
        (true, true) => {
            let (one, other) = (by(x_forwarded_for(headers)), by(forwarded(headers)));
            if one == other { one } else { peer }
        }
    }
}

fn nearest_untrusted(peer: IpAddr, entries: Vec<Option<IpAddr>>, trusted: &[IpNet]) -> IpAddr {
    let mut nearest = peer;
    for entry in entries.into_iter().rev() {
        let Some(ip) = entry else { break };
        nearest = ip;
        if !is_trusted(ip, trusted) {
            break;
        }
    }
    nearest
}

/// Entries, the nearest proxy's last; `None`: one that cannot be read.
fn x_forwarded_for(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let lines = headers.get_all(X_FORWARDED_FOR);
    lines.iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).map(address).collect()
}

fn forwarded(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let lines = headers.get_all(header::FORWARDED);
    // of a line that is malformed no entry can be told from what a client wrote
    lines.iter().flat_map(|line| elements(line.as_bytes()).unwrap_or_else(|| vec![None])).collect()
}

/// An address with or without a port; IPv6 with or without brackets.
fn address(bytes: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(bytes).ok()?.trim_matches([' ', '\t']);
    let ip = match text.strip_prefix('[') {
        Some(rest) => {
            let (ip, port) = rest.split_once(']')?;
            let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
            ip.parse().ok().filter(|_| is_port).map(IpAddr::V6)?
        }
        None => match text.parse() {
            Ok(ip) => ip,
            Err(_) => text.parse::<SocketAddr>().ok()?.ip(),
        },
    };
    Some(ip.to_canonical())
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The `for` of each element of a line; `None`: the line is not of RFC 7239. Without `for`, with two of them, or with an obfuscated
/// identifier an element has no address.
fn elements(line: &[u8]) -> Option<Vec<Option<IpAddr>>> {
    let mut elements = Vec::new();
    let mut rest = line;
    loop {
        let (element, after) = element(rest)?;
        elements.push(element);
        match after.split_first() {
            Some((b',', after)) => rest = after,
            Some(_) => return None,
            None => return Some(elements),
        }
    }
}

fn element(line: &[u8]) -> Option<(Option<IpAddr>, &[u8])> {
    let (mut found, mut count, mut rest) = (None, 0, line);
    loop {
        rest = trim(rest);
        if !matches!(rest.first(), None | Some(b',' | b';')) {
            let (name, value, after) = pair(rest)?;
            if name.eq_ignore_ascii_case(b"for") {
                (found, count) = (address(&value), count + 1);
            }
            rest = trim(after);
        }
        match rest.split_first() {
            Some((b';', after)) => rest = after,
            _ => return Some((found.filter(|_| count == 1), rest)),
        }
    }
}

/// A name, its value, and what follows.
fn pair(bytes: &[u8]) -> Option<(&[u8], Vec<u8>, &[u8])> {
    let (name, rest) = token(bytes)?;
    let rest = rest.strip_prefix(b"=")?;
    let (value, rest) = match rest.strip_prefix(b"\"") {
        Some(rest) => quoted(rest)?,
        None => token_or_address(rest)?,
    };
    Some((name, value, rest))
}

fn token(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let is_of_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let end = bytes.iter().position(|byte| !is_of_token(byte)).unwrap_or(bytes.len());
    if end == 0 { None } else { Some(bytes.split_at(end)) }
}

/// A token. Proxies also write an address with a port without the quotes that it needs.
fn token_or_address(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let end = bytes.iter().position(|byte| b",; \t\"".contains(byte)).unwrap_or(bytes.len());
    let (value, rest) = bytes.split_at(end);
    (!value.is_empty()).then(|| (value.to_vec(), rest))
}

/// The text up to the closing quote, and what follows.
fn quoted(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (mut text, mut rest) = (Vec::new(), bytes);
    loop {
        let (byte, after) = rest.split_first()?;
        match byte {
            b'"' => return Some((text, after)),
            b'\\' => {
                let (escaped, after) = after.split_first()?;
                text.push(*escaped);
                rest = after;
            }
            byte => {
                text.push(*byte);
                rest = after;
            }
        }
    }
}

fn trim(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| !b" \t".contains(byte)).unwrap_or(bytes.len());
    &bytes[start..]
}

#[cfg(test)]
mod tests;
