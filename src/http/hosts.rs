//! Check of the host of a request: exactly one, and on the admin listener an accepted one.
//!
//! A page in an operator's browser can point its own name to the address of the admin listener (DNS rebinding) and then
//! read answers. Such a request names the host of the page. IP addresses cannot be rebound, and browsers do not resolve
//! `localhost` by DNS.

use std::net::IpAddr;
use std::str::FromStr;

use axum::extract::Request;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Version};

use super::problem::Problem;
use super::problem_code::ProblemCode;

/// Hosts that a listener accepts.
pub(super) enum AcceptedHosts {
    /// Every host.
    Any,
    /// IP addresses, `localhost`, and these names in lower case, from AUTHSVC_ADMIN_HOSTS.
    Admin(Vec<String>),
}

impl AcceptedHosts {
    /// Returns why a request is refused: it has no valid host or several (RFC 9112, 3.2), or the host is not accepted.
    /// HTTP/1.0 requires no host.
    pub(super) fn refusal(&self, request: &Request) -> Option<Problem> {
        match (host(request), self) {
            (Err(why), _) => Some(Problem::new(StatusCode::BAD_REQUEST, ProblemCode::Host, why)),
            (Ok(Some(host)), Self::Admin(known)) if !is_admin(&host, known) => Some(Problem::new(
                StatusCode::MISDIRECTED_REQUEST,
                ProblemCode::HostNotAllowed,
                "the Host is not an IP address, not localhost and not in AUTHSVC_ADMIN_HOSTS",
            )),
            _ => None,
        }
    }
}

fn is_admin(host: &str, known: &[String]) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&name);
    IpAddr::from_str(address).is_ok() || name == "localhost" || known.contains(&name)
}

/// Returns the host of a request without its port; `None` for HTTP/1.0 without a host.
fn host(request: &Request) -> Result<Option<String>, &'static str> {
    let named = header(request.headers(), request.version())?;
    // a target in absolute form takes precedence over the header (RFC 9112, 3.2.2)
    match request.uri().authority() {
        Some(target) => valid(target.as_str()).map(Some).ok_or("the host of the request's target is not valid"),
        None => Ok(named),
    }
}

fn header(headers: &HeaderMap, version: Version) -> Result<Option<String>, &'static str> {
    let mut values = headers.get_all(HOST).iter();
    match (values.next(), values.next()) {
        (Some(_), Some(_)) => Err("the request has two Host headers"),
        (None, _) if version == Version::HTTP_11 => Err("the request has no Host header"),
        (None, _) => Ok(None),
        (Some(value), None) => text(value).map(Some).ok_or("the Host header is not valid"),
    }
}

fn text(value: &HeaderValue) -> Option<String> {
    valid(value.to_str().ok()?)
}

/// Returns the host of `HOST` or `HOST:PORT`.
fn valid(text: &str) -> Option<String> {
    let authority = Authority::from_str(text).ok()?;
    let host = authority.host();
    let rest = text.strip_prefix(host)?;
    let is_port = rest.strip_prefix(':').is_none_or(|port| port.is_empty() || port.parse::<u16>().is_ok());
    (!host.is_empty() && is_port && (rest.is_empty() || rest.starts_with(':'))).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_valid_or_not() {
        for (text, expected) in [
            ("auth.example.com", Some("auth.example.com")),
            ("auth.example.com:8080", Some("auth.example.com")),
            ("127.0.0.1:9090", Some("127.0.0.1")),
            ("[::1]:9090", Some("[::1]")),
            ("[::1]", Some("[::1]")),
            ("auth.example.com:", Some("auth.example.com")),
            ("", None),
            (":80", None),
            ("a b", None),
            ("a,b", Some("a,b")),
            ("user@host", None),
            ("host:port", None),
            ("host:99999", None),
            ("host/path", None),
            ("[::1", None),
        ] {
            assert_eq!(valid(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn operators_use_addresses_localhost_and_configured_names() {
        let known = ["authsvc".to_owned()];
        for host in ["127.0.0.1", "10.244.3.7", "[::1]", "[fd00::7]", "localhost", "LocalHost", "localhost.", "AuthSvc"]
        {
            assert!(is_admin(host, &known), "{host}");
        }
        for host in [
            "evil.example.com",
            "localhost.evil.example.com",
            "127.0.0.1.nip.io",
            "authsvc.example.com",
            "x.localhost",
            "2130706433",
        ] {
            assert!(!is_admin(host, &known), "{host}");
        }
    }
}
