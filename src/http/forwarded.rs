//! Client address behind proxies, from `X-Forwarded-For` and `Forwarded` (RFC 7239).
//!
//! Each proxy appends the address of its peer, so the last entry comes from the nearest proxy. Entries are read from
//! last to first while they are trusted proxies. The first untrusted entry is the client, because the client itself
//! wrote all entries before it. An entry that cannot be parsed ends the search at the last trusted proxy.
//!
//! A proxy that writes only one of the two headers passes the other one on as the client sent it. If both headers
//! exist, their clients must be equal, or the address of the peer counts.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Returns true if a header of the request names a client for which it is forwarded.
pub(super) fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.contains_key(X_FORWARDED_FOR) || headers.contains_key(header::FORWARDED)
}

/// Returns true if the address belongs to a trusted proxy.
pub(super) fn is_trusted(ip: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&ip))
}

/// Returns the client of a request from a trusted peer.
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

/// Returns the addresses of the header, with the nearest proxy's last; `None` for an entry that cannot be parsed.
fn x_forwarded_for(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let lines = headers.get_all(X_FORWARDED_FOR);
    lines.iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).map(address).collect()
}

fn forwarded(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let lines = headers.get_all(header::FORWARDED);
    // in a malformed line, entries of proxies cannot be distinguished from text of the client
    lines.iter().flat_map(|line| elements(line.as_bytes()).unwrap_or_else(|| vec![None])).collect()
}

/// Parses an address with or without a port, and IPv6 with or without brackets.
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

/// Returns the `for` address of each element of a line; `None` if the line violates RFC 7239.
///
/// An element without `for`, with two of them, or with an obfuscated identifier has no address.
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

/// Parses a name and its value. Returns them with the remaining bytes.
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

/// Parses an unquoted value. Some proxies write an address with a port without the required quotes.
fn token_or_address(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let end = bytes.iter().position(|byte| b",; \t\"".contains(byte)).unwrap_or(bytes.len());
    let (value, rest) = bytes.split_at(end);
    (!value.is_empty()).then(|| (value.to_vec(), rest))
}

/// Parses a text up to its closing quote. Returns it with the remaining bytes.
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
