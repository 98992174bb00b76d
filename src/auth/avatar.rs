//! Validation of picture URLs from a profile or a provider.
//!
//! Browsers of other users fetch these URLs, and so do services that resize pictures. A URL must therefore be https,
//! without credentials, and with a host name of the internet. IP addresses are refused in every spelling, and so are
//! names that exist only in local networks. The stored form is the serialisation of the URL standard, which all
//! programs parse alike. A name of the internet can still resolve to a private address. A service that fetches pictures
//! must check the resolved address.

use url::{Host, Url};

/// Length of the column `users.avatar_url`, in characters.
const LONGEST: usize = 500;

/// Top-level labels that only local networks resolve: RFC 6761, 6762 with its appendix G, 7686, 8375 and 9476.
const LOCAL: [&str; 20] = [
    "alt",
    "arpa",
    "cluster",
    "consul",
    "corp",
    "docker",
    "home",
    "internal",
    "intra",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "localnet",
    "onion",
    "private",
    "svc",
    "workgroup",
];

/// Validates the URL of a picture, and returns its stored form.
///
/// # Errors
/// Returns the reason as the end of a sentence that begins with the field name.
pub(super) fn parse(text: &str) -> Result<String, String> {
    if text.len() > LONGEST {
        return Err(format!("has more than {LONGEST} characters"));
    }
    if !text.chars().all(|sign| sign.is_ascii_graphic()) {
        return Err(
            "is not an https URL: it has spaces, control characters or characters that are not ASCII".to_owned()
        );
    }
    let url = Url::parse(text).ok().filter(|url| url.scheme() == "https").ok_or("is not an https URL")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("has a user name or a password".to_owned());
    }
    if !url.host().is_some_and(|host| is_public(&host)) {
        return Err("has no host name of the internet: IP addresses and local names are refused".to_owned());
    }
    let printed = String::from(url);
    if printed.len() > LONGEST { Err(format!("has more than {LONGEST} characters")) } else { Ok(printed) }
}

/// Returns true if the host is a name below a public top-level domain.
///
/// The URL parser has already turned decimal, octal and hexadecimal spellings into IP addresses, and internationalised
/// names into lower-case ASCII.
fn is_public(host: &Host<&str>) -> bool {
    let Host::Domain(name) = host else { return false };
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    match name.rsplit_once('.') {
        Some((_, top)) => name.len() <= 253 && name.split('.').all(is_label) && !LOCAL.contains(&top),
        None => false,
    }
}
