//! Addresses of pictures, wherever they come from: a profile, or a provider.
//!
//! Other people's browsers, and services that cut pictures to size, fetch them. So an address is https, has no credentials, and names a
//! host of the internet. IP addresses are refused in every spelling, and so are names that only local networks have. What is
//! stored is the URL as the URL standard prints it: no two programs read that in two ways. A name of the internet may still lead to
//! an address of a private network, so a service that fetches pictures has to look at the address that the name leads to.

use url::{Host, Url};

/// As `users.avatar_url` can hold it, in characters.
const LONGEST: usize = 500;

/// Last labels of names that only local networks resolve: RFC 6761, 6762 with its appendix G, 7686, 8375 and 9476.
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

/// The URL of a picture as it is stored.
///
/// # Errors
/// What is wrong with it, as the end of a sentence about it.
pub(super) fn parse(text: &str) -> Result<String, String> {
    if text.len() > LONGEST {
        return Err(format!("has more than {LONGEST} characters"));
    }
    if !text.chars().all(|sign| sign.is_ascii_graphic()) {
        return Err(
            "is no https address: it has spaces, control characters or characters that are not ASCII".to_owned()
        );
    }
    let url = Url::parse(text).ok().filter(|url| url.scheme() == "https").ok_or("is no https address")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("has a user name or a password".to_owned());
    }
    if !url.host().is_some_and(|host| is_public(&host)) {
        return Err("has no host name of the internet: IP addresses and local names are refused".to_owned());
    }
    let printed = String::from(url);
    if printed.len() > LONGEST { Err(format!("has more than {LONGEST} characters")) } else { Ok(printed) }
}

/// Whether a host is a name below a top-level domain. The URL parser has read decimal, octal and hexadecimal spellings as IP addresses,
/// mapped IDN to ASCII and made letters small.
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
