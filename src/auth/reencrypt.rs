//! Rotation of the key that encrypts the providers' tokens: whatever is stored under another key, or in clear, is encrypted with the
//! current one.
//!
//! One pass over the table, in pages. A link whose tokens a login replaces meanwhile is left as that login has it, and so is one
//! whose key we do not have: the next pass finds it, once the key is there.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use entity::oauth_provider::Model;
use entity::value::ProviderToken;
use secrecy::SecretString;

use super::Auth;
use super::error::Error;
use super::provider_tokens::sealed;
use super::vault::{self, TokenColumn, TokenLocation, Vault};
use crate::db::StoredTokens;

/// Links that are read at once.
const PAGE: u64 = 100;

/// What a pass came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReencryptionReport {
    /// Links whose tokens are under the current key now.
    pub links: u64,
    /// Links whose tokens were replaced meanwhile.
    pub superseded: u64,
    /// Links whose tokens do not open.
    pub undecryptable: u64,
    /// Why not; each reason is in the log, once.
    pub reasons: BTreeSet<String>,
}

impl Auth {
    /// Encrypts every token that is not under the current key with it; nothing without a key.
    ///
    /// # Errors
    /// The database gave no answer, or there is no randomness. What was done until then stays.
    pub async fn reencrypt_tokens(&self, now: DateTime<Utc>) -> Result<ReencryptionReport, Error> {
        let mut done = ReencryptionReport::default();
        let Some(vault) = self.provider_tokens.vault() else { return Ok(done) };
        let mut last = 0;
        loop {
            let page = self.pool.tokens_under_other_keys(vault.current_key_id(), last, PAGE).await?;
            let Some(end) = page.last() else { return Ok(done) };
            last = end.id;
            for link in &page {
                self.reencrypt(vault, link, now, &mut done).await?;
            }
        }
    }

    async fn reencrypt(
        &self,
        vault: &Vault,
        link: &Model,
        now: DateTime<Utc>,
        done: &mut ReencryptionReport,
    ) -> Result<(), Error> {
        match reencrypted(vault, link) {
            Ok(tokens) if self.pool.replace_tokens(link, &tokens, now).await? => done.links += 1,
            Ok(_) => done.superseded += 1,
            Err(error @ vault::Error::Seal(_)) => return Err(error.into()),
            Err(error) => {
                done.undecryptable += 1;
                if done.reasons.insert(error.to_string()) {
                    tracing::warn!(hint = error.hint(), "tokens of providers are left as they are: {error}");
                }
            }
        }
        Ok(())
    }
}

/// The tokens of a link under the current key.
fn reencrypted(vault: &Vault, link: &Model) -> Result<StoredTokens, vault::Error> {
    let open = |token: &Option<ProviderToken>, column| {
        let place = TokenLocation { provider: link.provider, provider_id: &link.provider_id, column };
        let open = |token: &ProviderToken| match &link.key_id {
            Some(key_id) => vault.open(token, key_id, place),
            None => Ok(SecretString::from(token.expose())),
        };
        token.as_ref().map(open).transpose()
    };
    let access = open(&link.access_token, TokenColumn::AccessToken)?;
    let refresh = open(&link.refresh_token, TokenColumn::RefreshToken)?;
    let tokens = sealed(vault, (link.provider, &link.provider_id), access.as_ref(), refresh.as_ref())?;
    Ok(StoredTokens { expires_at: link.expires_at, ..tokens })
}
