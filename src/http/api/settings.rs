//! Settings of the API.

use std::num::NonZeroU32;
use std::time::Duration;

use axum::http::HeaderValue;
use ipnet::IpNet;

/// Limits and addresses of the API.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// True if clients reach the service by https.
    pub is_https: bool,
    /// Path prefix of this service in the URLs of clients, without a `/` at its end.
    pub base_path: String,
    /// Origins of pages that may call the API from a browser.
    pub origins: Vec<HeaderValue>,
    /// Networks of proxies that are trusted to report the address of a client.
    pub trusted_proxies: Vec<IpNet>,
    /// Time limit of a request.
    pub timeout: Duration,
    /// Rate limit of one client.
    pub rate: Option<Rate>,
    /// Rate limit of one client for requests that check a password.
    pub password_rate: Option<Rate>,
}

/// Number of requests per period. Twice the number may arrive at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Number of requests per period.
    pub count: NonZeroU32,
    /// Period for this number of requests.
    pub period: Duration,
}
