//! Who somebody is.

mod base_url;
mod digest;
pub mod oauth;
mod sealed;
pub mod vault;

pub use base_url::{BaseUrl, InvalidBaseUrl};
