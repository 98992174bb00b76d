//! `/auth/oauth/…`: login through a provider.
//!
//! A returning user enters the account that is linked to the account at the provider. Without a link, only an address
//! that the provider has verified counts. The account with this address is linked, or a new account is created.
//!
//! Another person may have registered the address first. The first link therefore ends every session and erases the
//! password. If the address was unverified, it also removes everything else that opens the account
//! (`db/account_claims.rs`).

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

/// Maximum number of attempts, in case of concurrent changes or a taken user name.
const ATTEMPTS: usize = 8;

impl Auth {
    /// Begins a login. The result is for the browser.
    ///
    /// # Errors
    /// Returns an error if the provider is not configured, or if its endpoints cannot be discovered.
    pub async fn begin_oauth(
        &self,
        provider: Provider,
        to: RedirectMode,
        now: DateTime<Utc>,
    ) -> Result<StartedLogin, Error> {
        Ok(self.providers.begin(provider, to, now).await?)
    }

    /// Begins a session for a user who returned from a provider. A user without an account gets a new one.
    ///
    /// # Errors
    /// Returns an error if the login at the provider is not valid, or if the account is inactive or must not be linked.
    /// Returns an error if the database does not answer.
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

    /// Returns the profile of the user at the provider.
    ///
    /// The state is marked as used before the request to the provider. Of two browsers with one state, only the first
    /// continues.
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
        Err(Error::internal("the account, the link or the name changed during each attempt to log in"))
    }

    /// Returns the account of a user at a provider; `None` if a new one can be created.
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

/// Returns true if the login was refused, and false if the service failed.
fn is_refusal(error: &Error) -> bool {
    match error {
        Error::Inactive => true,
        Error::Oauth(error) => {
            matches!(error.kind(), OauthErrorKind::Browser | OauthErrorKind::Refused | OauthErrorKind::Provider)
        }
        _ => false,
    }
}
