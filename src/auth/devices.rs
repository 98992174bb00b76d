//! Known devices: a device from which an account logged in has its own counter of failed attempts.
//!
//! A device is known by the random cookie of an earlier login, or by the address of its client. The database stores
//! keyed digests of cookie or address together with the account. The digest keys are derived from the signing keys of
//! tokens, so a digest of each accepted key is found.

use entity::known_device::DeviceKind;
use entity::user;
use hkdf::Hkdf;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use super::Auth;
use super::error::Error;
use super::lockout::network;
use crate::db::{Client, CookieValue, DeviceDigest, Principal, RequestContext};
use crate::random;

/// Lifetime of the cookie after the last login, in days.
pub const DEVICE_DAYS: u32 = crate::db::KNOWN_DAYS;
/// Length of a cookie value, in characters: 32 random bytes in hex.
const LENGTH: usize = 64;
const CONTEXT: &[u8] = b"authsvc known device 1\n";

/// Key for the digests of devices.
pub(super) struct DeviceKey(Hkdf<Sha256>);

impl DeviceKey {
    /// Derives the key from a secret of at least 32 random bytes that all replicas share.
    pub(super) fn derived_from(secret: &[u8]) -> Self {
        Self(Hkdf::new(None, secret))
    }

    fn digest(&self, kind: DeviceKind, user_id: i64, value: &str) -> Option<DeviceDigest> {
        let kind_name: &[u8] = match kind {
            DeviceKind::Cookie => b"cookie",
            DeviceKind::Address => b"address",
        };
        let mut digest = [0_u8; LENGTH / 2];
        let id = user_id.to_be_bytes();
        self.0.expand_multi_info(&[CONTEXT, kind_name, &id, value.as_bytes()], &mut digest).ok()?;
        Some(DeviceDigest { kind, digest: hex(&digest) })
    }

    /// Returns the digest of a cookie; `None` if this service did not issue the value.
    fn by_cookie(&self, user_id: i64, cookie: &SecretString) -> Option<DeviceDigest> {
        let value = cookie.expose_secret();
        let is_ours = value.len() == LENGTH && value.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_ours { self.digest(DeviceKind::Cookie, user_id, value) } else { None }
    }

    fn by_address(&self, user_id: i64, client: &Client) -> Option<DeviceDigest> {
        self.digest(DeviceKind::Address, user_id, &network(client.ip()?).to_string())
    }
}

impl Auth {
    /// Finds the known device of a request, by its cookie or by the address of its client.
    ///
    /// An address without an account is looked up as well, so that both cases take the same time.
    pub(super) async fn known_device(
        &self,
        account: Option<&user::Model>,
        context: &RequestContext,
    ) -> Option<DeviceDigest> {
        let id = account.map_or(0, |user| user.id);
        let keys = self.keys.device_keys();
        let cookies = keys.iter().filter_map(|key| key.by_cookie(id, context.client.device()?));
        let addresses = keys.iter().filter_map(|key| key.by_address(id, &context.client));
        let devices: Vec<DeviceDigest> = cookies.chain(addresses).collect();
        let known = self.pool.known_device(&devices, context.now).await;
        known.unwrap_or_else(|error| {
            tracing::warn!("cannot read known devices, so this login counts for an unknown device: {error}");
            None
        })
    }

    /// Records a login of an account from a device. Returns the cookie that the device must keep.
    ///
    /// A known cookie is kept, and a new one replaces an unknown cookie. A failure is logged, and the login succeeds
    /// without a cookie.
    pub async fn remember_device(&self, principal: Principal, context: &RequestContext) -> Option<SecretString> {
        match self.remember_and_issue_cookie(principal, context).await {
            Ok(cookie) => cookie,
            Err(error) => {
                tracing::warn!(user_id = principal.user_id, "cannot remember a device: {error}");
                None
            }
        }
    }

    async fn remember_and_issue_cookie(
        &self,
        principal: Principal,
        context: &RequestContext,
    ) -> Result<Option<SecretString>, Error> {
        let user_id = principal.user_id;
        let Some(key) = self.keys.device_keys().first() else { return Ok(None) };
        let has: Vec<DeviceDigest> = match context.client.device() {
            Some(cookie) => self.keys.device_keys().iter().filter_map(|key| key.by_cookie(user_id, cookie)).collect(),
            None => Vec::new(),
        };
        let is_known = !has.is_empty() && self.pool.known_device(&has, context.now).await?.is_some();
        // an unknown value is not adopted, because another site may have planted it in the browser
        let (cookie, value) = match context.client.device().filter(|_| is_known) {
            Some(cookie) => (cookie.clone(), CookieValue::Kept),
            None => (new_cookie()?, CookieValue::New),
        };
        let devices: Vec<DeviceDigest> =
            [key.by_cookie(user_id, &cookie), key.by_address(user_id, &context.client)].into_iter().flatten().collect();
        self.pool.remember_devices(principal, &devices, value, context.now).await?;
        Ok(Some(cookie))
    }
}

fn new_cookie() -> Result<SecretString, Error> {
    Ok(SecretString::from(hex(&random::bytes::<{ LENGTH / 2 }>().map_err(Error::internal)?)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
