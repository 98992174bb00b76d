//! Cookie that makes a device known to the accounts that logged in from it.
//!
//! Scripts cannot read the cookie, requests from other sites do not include it, and browsers send it only to `/auth`.
//! It grants no access. It only gives the failed attempts of this device their own counter.

use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::AppendHeaders;
use secrecy::{ExposeSecret, SecretString};

use super::flow_cookie;
use super::settings::ApiSettings;
use crate::auth::{Auth, DEVICE_DAYS};
use crate::db::{Principal, RequestContext};

/// `Set-Cookie` header, or no header.
pub(super) type SetCookies = AppendHeaders<Vec<(HeaderName, HeaderValue)>>;

/// Returns the cookie value of a request.
pub(super) fn read(settings: &ApiSettings, headers: &HeaderMap) -> Option<SecretString> {
    flow_cookie::read(name(settings), headers)
}

/// Remembers that an account logged in from a device. Returns the cookie header for the device.
pub(super) async fn remember(
    auth: &Auth,
    principal: Principal,
    context: &RequestContext,
    settings: &ApiSettings,
) -> SetCookies {
    let value = auth.remember_device(principal, context).await;
    let header = value.and_then(|value| set(settings, &value));
    AppendHeaders(header.map(|header| (SET_COOKIE, header)).into_iter().collect())
}

/// Returns the cookie name. Browsers accept a cookie with the prefix `__Secure-` only from https.
fn name(settings: &ApiSettings) -> &'static str {
    if settings.is_https { "__Secure-authsvc_device" } else { "authsvc_device" }
}

fn set(settings: &ApiSettings, value: &SecretString) -> Option<HeaderValue> {
    let (name, path, value) = (name(settings), &settings.base_path, value.expose_secret());
    let secure = if settings.is_https { "; Secure" } else { "" };
    let seconds = u64::from(DEVICE_DAYS) * 24 * 60 * 60;
    let text = format!("{name}={value}; Max-Age={seconds}; HttpOnly; SameSite=Lax; Path={path}/auth{secure}");
    let mut header = HeaderValue::from_str(&text).ok()?;
    header.set_sensitive(true);
    Some(header)
}
