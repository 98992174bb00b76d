//! Rotation of the key that encrypts tokens of providers.
//!
//! One pass reads the table in pages. It encrypts all tokens under another key, and all unencrypted tokens, with the
//! current key. A link whose tokens are replaced by a concurrent login is skipped. A link whose key is missing is
//! skipped, too, and a later pass with the key encrypts it.

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

/// Number of links per page.
const PAGE: u64 = 100;

/// Result of one pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReencryptionReport {
    /// Links whose tokens were encrypted with the current key.
    pub links: u64,
    /// Links whose tokens were replaced during the pass.
    pub superseded: u64,
    /// Links whose tokens cannot be decrypted.
    pub undecryptable: u64,
    /// Reasons for which tokens cannot be decrypted. The log contains each reason once.
    pub reasons: BTreeSet<String>,
}

impl Auth {
    /// Encrypts all tokens under other keys, and all unencrypted tokens, with the current key. Does nothing without a
    /// key.
    ///
    /// # Errors
    /// Returns an error if the database does not answer, or if the system has no randomness. Links that were already
    /// encrypted are kept.
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
                    tracing::warn!(hint = error.hint(), "cannot encrypt tokens of providers again: {error}");
                }
            }
        }
        Ok(())
    }
}

/// Returns the tokens of a link, encrypted with the current key.
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
