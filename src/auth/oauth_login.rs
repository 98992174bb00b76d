//! `/auth/oauth/…`: logging in through a provider.
//!
//! Who comes back from a provider enters the account that is linked to theirs. If there is none, only an address counts that the provider
//! vouches for: the account that has it is linked. Another person may have registered that address first, so the first link ends every
//! session and erases the password, and whatever else opens an account whose address is unverified (`db/account_claims.rs`). If no account has the
//! address, one is made.

use chrono::{DateTime, Utc};
use entity::user;
use entity::value::Provider;

use super::error::Error;
use super::oauth::{self, CallbackParams, OauthErrorKind, ProviderProfile, RedirectMode, StartedLogin};
use super::{Auth, Session, refresh_token, username};
use crate::db::{
    FoundAccount, LinkedAccount, NewLinkedAccount, ProviderIdentity, RefusedProviderLogin, RegistrationOutcome,
    RequestContext,
};

/// How often somebody else may have been faster, or have the name.
const ATTEMPTS: usize = 8;

impl Auth {
    /// Begins a login; what comes of it goes to the browser.
    ///
    /// # Errors
    /// The provider is not set up, or cannot be asked for its endpoints.
    pub async fn begin_oauth(
        &self,
        provider: Provider,
        to: RedirectMode,
        now: DateTime<Utc>,
    ) -> Result<StartedLogin, Error> {
        Ok(self.providers.begin(provider, to, now).await?)
    }

    /// Begins a session for whoever comes back from a provider, and an account if they have none.
    ///
    /// # Errors
    /// They did not prove who they are; their account cannot be used, or must not be linked; or the database gave no answer.
    pub async fn finish_oauth(
        &self,
        provider: Provider,
        answer: CallbackParams,
        context: &RequestContext,
    ) -> Result<Session, Error> {
        let mut refused = RefusedProviderLogin::default();
        let finished = match self.verified_profile(provider, answer, context.now).await {
            Ok(profile) => {
                refused.email = profile.email.as_ref().map(|email| email.as_str().to_owned());
                self.log_in_or_register(&profile, &mut refused, context).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = &finished
            && is_refusal(error)
        {
            refused.reason = format!("{}: {error}", provider.name());
            self.pool.record_refused_provider_login(&refused, context).await?;
        }
        finished
    }

    /// Who somebody is at the provider. The state is used up before the provider is asked, so that of two who come back with it one
    /// gets through.
    async fn verified_profile(
        &self,
        provider: Provider,
        answer: CallbackParams,
        now: DateTime<Utc>,
    ) -> Result<ProviderProfile, Error> {
        let checked = self.providers.check(provider, answer, now)?;
        if !self.pool.mark_state_used(&checked.state_hash(), checked.state_expires_at()).await? {
            return Err(oauth::Error::StateUsed.into());
        }
        Ok(self.providers.exchange(checked, now).await?)
    }

    async fn log_in_or_register(
        &self,
        profile: &ProviderProfile,
        refused: &mut RefusedProviderLogin,
        context: &RequestContext,
    ) -> Result<Session, Error> {
        let identity = ProviderIdentity {
            provider: profile.provider,
            provider_id: profile.provider_id.clone(),
            picture: profile.avatar_url.clone(),
            tokens: self.provider_tokens.stored(profile)?,
        };
        let (token, stored) = refresh_token::issue(context.now, self.session_max_age)?;
        for attempt in 0..ATTEMPTS {
            let entered = match self.account_of(profile, refused).await? {
                Some(account) => self.pool.log_in_linked(account, &identity, &stored, context).await?,
                None => {
                    let account = new_account(profile, attempt)?;
                    match self.pool.register_linked(account, &identity, &stored, context).await? {
                        RegistrationOutcome::Registered(session) => Some(*session),
                        RegistrationOutcome::Taken(_) => None,
                    }
                }
            };
            if let Some(entered) = entered {
                return self.session(entered, token, context.now);
            }
        }
        Err(Error::internal("account, link or name were changed each time while somebody logged in"))
    }

    /// The account that somebody may enter; `None`: one can be made for them.
    async fn account_of(
        &self,
        profile: &ProviderProfile,
        refused: &mut RefusedProviderLogin,
    ) -> Result<Option<LinkedAccount>, Error> {
        let found = self.pool.account_at_provider(profile.provider, &profile.provider_id).await?;
        let account = match found {
            Some(account) => account,
            None => match self.pool.owner_of_email(profile.verified_email()?).await? {
                Some(FoundAccount { user, epoch }) => LinkedAccount { user, link: None, epoch },
                None => return Ok(None),
            },
        };
        refused.user_id = Some(account.user.id);
        if is_usable(&account.user) { Ok(Some(account)) } else { Err(Error::Inactive) }
    }
}

fn is_usable(user: &user::Model) -> bool {
    user.active && user.deleted_at.is_none()
}

fn new_account(profile: &ProviderProfile, attempt: usize) -> Result<NewLinkedAccount, Error> {
    let email = profile.verified_email()?.clone();
    let name = username::of(profile.name.as_deref(), &email);
    let username = if attempt == 0 { name } else { username::distinct(&name)? };
    Ok(NewLinkedAccount { email, username, avatar_url: profile.avatar_url.clone() })
}

/// Whether somebody was refused, and not merely the service unable.
fn is_refusal(error: &Error) -> bool {
    match error {
        Error::Inactive => true,
        Error::Oauth(error) => {
            matches!(error.kind(), OauthErrorKind::Browser | OauthErrorKind::Refused | OauthErrorKind::Provider)
        }
        _ => false,
    }
}
