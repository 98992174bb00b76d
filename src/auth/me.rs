//! `/api/me` and the change of a password: operations of an account owner.

use chrono::{DateTime, Utc};
use entity::{refresh_token, user};
use secrecy::SecretString;
use serde::Serialize;
use utoipa::ToSchema;

use super::bearer::Bearer;
use super::error::Error;
use super::fields::Fields;
use super::register::taken;
use super::{Auth, User};
use crate::db::{AccountChange, AccountChangeOutcome, AccountView, PasswordChangeOutcome, RequestContext, SessionEnd};

const GONE: Error = Error::AccessToken(
    "the session has ended, the account is deleted or inactive, or the database was restored since the login",
);

/// Changes to a profile. `None` keeps a value.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// New user name, if it changes.
    pub username: Option<String>,
    /// New URL of a picture; `Some(None)` removes the picture.
    pub avatar: Option<Option<String>>,
}

/// Live session of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SessionView {
    /// Id of the session, for `DELETE /api/me/sessions/{id}`.
    pub id: i64,
    /// Time of the last refresh, or of the login.
    pub last_used_at: DateTime<Utc>,
    /// Time at which the session ends unless it is refreshed.
    pub expires_at: DateTime<Utc>,
    /// IP address of the last refresh or login.
    pub ip: Option<String>,
    /// `User-Agent` header of the last refresh or login.
    pub user_agent: Option<String>,
    /// True for the session of this request.
    pub current: bool,
}

impl SessionView {
    fn of(token: refresh_token::Model, bearer: Bearer) -> Self {
        Self {
            id: token.family(),
            last_used_at: token.created_at,
            expires_at: token.expires_at,
            current: token.family() == bearer.session,
            ip: token.ip,
            user_agent: token.user_agent,
        }
    }
}

impl Auth {
    /// Returns the account of a bearer.
    ///
    /// # Errors
    /// Returns an error if the session has ended, if the account is deleted, or if the database does not answer.
    pub async fn me(&self, bearer: Bearer, now: DateTime<Utc>) -> Result<User, Error> {
        Ok(self.account_view(bearer, now).await?.into())
    }

    /// Returns the account of a bearer, without its password hash.
    pub(super) async fn account_view(&self, bearer: Bearer, now: DateTime<Utc>) -> Result<AccountView, Error> {
        self.pool.session_account_view(self.claim(bearer, now)).await?.ok_or(GONE)
    }

    pub(super) async fn account(&self, bearer: Bearer, now: DateTime<Utc>) -> Result<user::Model, Error> {
        self.pool.session_account(self.claim(bearer, now)).await?.ok_or(GONE)
    }

    /// Changes the profile of a bearer's account.
    ///
    /// # Errors
    /// Returns an error if a value is not valid or already taken, if the session has ended, or if the database does not
    /// answer.
    pub async fn change_profile(&self, bearer: Bearer, profile: Profile, now: DateTime<Utc>) -> Result<User, Error> {
        let mut fields = Fields::default();
        let change = AccountChange {
            username: profile.username.and_then(|name| fields.username(&name)),
            avatar_url: profile.avatar.map(|avatar| avatar.and_then(|address| fields.avatar(&address))),
        };
        fields.check()?;
        match self.pool.change_account(self.claim(bearer, now), change).await? {
            AccountChangeOutcome::Changed(account) => Ok(User::from(*account)),
            AccountChangeOutcome::Taken(fields) => Err(taken(fields)),
            AccountChangeOutcome::SessionEnded => Err(GONE),
        }
    }

    /// Returns the live sessions of a bearer's account, newest first.
    ///
    /// # Errors
    /// Returns an error if the session has ended, if the account is deleted, or if the database does not answer.
    pub async fn sessions(&self, bearer: Bearer, now: DateTime<Utc>) -> Result<Vec<SessionView>, Error> {
        self.account_view(bearer, now).await?;
        let tokens = self.pool.sessions_of(self.claim(bearer, now)).await?;
        Ok(tokens.into_iter().map(|token| SessionView::of(token, bearer)).collect())
    }

    /// Ends one session of a bearer's account.
    ///
    /// # Errors
    /// Returns an error if the account has no such session, if the bearer's session has ended, or if the database does
    /// not answer.
    pub async fn end_session(&self, bearer: Bearer, session: i64, context: &RequestContext) -> Result<(), Error> {
        self.account_view(bearer, context.now).await?;
        match self.pool.end_session(self.claim(bearer, context.now), session, context).await? {
            SessionEnd::Ended => Ok(()),
            SessionEnd::NoSuchSession => Err(Error::NoSession),
            SessionEnd::CallerEnded => Err(GONE),
        }
    }

    /// Changes the password, and ends every other session of the account.
    ///
    /// # Errors
    /// Returns an error if the current password is wrong or was wrong too often, or if the new password is not valid.
    /// Returns an error if the account has no password, if the session has ended, or if the database does not answer.
    pub async fn change_password(
        &self,
        bearer: Bearer,
        current: &SecretString,
        new: &SecretString,
        context: &RequestContext,
    ) -> Result<(), Error> {
        let user = self.account(bearer, context.now).await?;
        let mut fields = Fields::default();
        fields.password("new_password", new, [user.email.as_str(), &user.username]);
        fields.check()?;
        if user.password_hash.expose().is_empty() {
            return Err(Error::NoPassword { provider: user.provider.name() });
        }
        self.check_password(&user, &format!("session:{}", bearer.session), current, context).await?;
        let hash = self.passwords.hash(new, &context.client).await?;
        match self.pool.change_password(&user, &hash, self.claim(bearer, context.now), context).await? {
            PasswordChangeOutcome::Done => Ok(()),
            PasswordChangeOutcome::PasswordReplaced => Err(Error::CurrentPassword),
            PasswordChangeOutcome::SessionEnded => Err(GONE),
        }
    }
}
