//! The address of a service, ours or a provider's, to which paths are appended.

use std::fmt;

use url::{Host, Url};

/// An `http:` or `https:` URL without credentials, query and fragment. It is kept as it was written, because an issuer is
/// compared character by character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    text: String,
    url: Url,
}

/// A text that is no such URL, and why. It does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidBaseUrl(&'static str);

impl BaseUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, InvalidBaseUrl> {
        let text = text.trim();
        let url = Url::parse(text).map_err(|_| InvalidBaseUrl("is not a URL"))?;
        let refuse = |why| Err(InvalidBaseUrl(why));
        match (url.scheme(), url.username().is_empty() && url.password().is_none(), url.query(), url.fragment()) {
            ("http" | "https", true, None, None) => Ok(Self { text: text.to_owned(), url }),
            ("http" | "https", false, ..) => refuse("holds a user or a password"),
            ("http" | "https", ..) => refuse("holds a `?` or a `#`"),
            _ => refuse("starts neither with https:// nor with http://"),
        }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The URL of a path below it; the path starts with `/`.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.text.trim_end_matches('/'))
    }

    /// What precedes a path below it, after the host; without a `/` at its end.
    pub fn path(&self) -> &str {
        self.url.path().trim_end_matches('/')
    }

    /// Whether what is sent there is encrypted.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether nobody on the way can read what is sent there: it is encrypted, or stays on this machine.
    pub fn is_private(&self) -> bool {
        is_private(&self.url)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// [`BaseUrl::is_private`], of any URL.
pub(super) fn is_private(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || url.scheme() == "http" && loopback
}
