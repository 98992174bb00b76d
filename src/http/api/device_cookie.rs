//! The cookie by which a device is known to the accounts that logged in from it. Scripts cannot read it, requests of other sites do not
//! carry it, and it is sent to `/auth` only. It opens nothing: it only gives failed attempts of this device a counter of their own.

use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::AppendHeaders;
use secrecy::{ExposeSecret, SecretString};

use super::{ApiSettings, flow_cookie};
use crate::auth::{Auth, DEVICE_DAYS};
use crate::db::{Principal, RequestContext};

/// `Set-Cookie`, or nothing.
pub(super) type SetCookies = AppendHeaders<Vec<(HeaderName, HeaderValue)>>;

/// What a client sent.
pub(super) fn read(settings: &ApiSettings, headers: &HeaderMap) -> Option<SecretString> {
    flow_cookie::read(name(settings), headers)
}

/// Remembers that an account logged in from the device of a client, and tells the device by what it is known.
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

/// Browsers accept a cookie of this prefix only from https.
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
