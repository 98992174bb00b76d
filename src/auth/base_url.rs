//! Base URL of this service or of a provider, to which paths are appended.

use std::fmt;

use url::{Host, Url};

/// `http:` or `https:` URL without credentials, query and fragment. The original spelling is kept, because an issuer is
/// compared character by character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    text: String,
    url: Url,
}

/// Reason for which a text is not a base URL. It does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidBaseUrl(&'static str);

impl BaseUrl {
    /// Parses a base URL.
    ///
    /// # Errors
    /// Returns the reason if the text is not a URL of this form.
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

    /// Returns the URL in its original spelling.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the URL of a path below the base URL. The path starts with `/`.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.text.trim_end_matches('/'))
    }

    /// Returns the path of the base URL, without a `/` at its end.
    pub fn path(&self) -> &str {
        self.url.path().trim_end_matches('/')
    }

    /// Returns true if the scheme is https.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Returns true if a connection to the URL is encrypted or does not leave this machine.
    pub fn is_private(&self) -> bool {
        is_private(&self.url)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Returns true if a connection to the URL is encrypted or does not leave this machine.
pub(super) fn is_private(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || url.scheme() == "http" && loopback
}
