//! Accounts, sessions, and the tokens and passwords that prove them. All SQL is in [`crate::db`].
//!
//! An access token is signed and valid for fifteen minutes. Other services check it without a request until it expires.
//! `/api` also checks its session, in the statement that reads the account. A refresh token is random, stored as its
//! hash, and replaced at each use. A second use ends its session, because one of the two users is a thief, unless the
//! first answer was lost.
//!
//! A failed login does not reveal whether the account exists, neither by its answer nor by its duration. No type that
//! holds a password, token or key can print it. Time is always an argument. To add a use case, add a file with `impl
//! Auth`, its queries in `db/`, and its route in `http/api/`.

mod access_token;
mod attempt_queues;
mod attempt_turns;
mod avatar;
mod base_url;
mod bearer;
mod common_passwords;
mod devices;
mod digest;
mod email;
mod error;
mod fair_queue;
mod fields;
mod hash_kinds;
mod keys;
mod lockout;
mod login;
mod logout;
mod me;
pub mod oauth;
mod oauth_login;
mod passwords;
mod provider_tokens;
mod reencrypt;
mod refresh;
mod refresh_token;
mod register;
mod sealed;
mod username;
pub mod vault;
mod wrong_guesses;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use entity::user;
use entity::value::Provider;
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::db::{AccountView, NewSession, Pool, Principal};
use crate::health::HashingProbe;
use attempt_queues::Attempts;
use bearer::VerifiedTokens;
use oauth::Providers;
use wrong_guesses::WrongGuesses;

pub use base_url::{BaseUrl, InvalidBaseUrl};
pub use bearer::Bearer;
pub use devices::DEVICE_DAYS;
pub use email::{LogMailer, Mailer, NoMailer};
pub use error::{Error, InvalidField};
pub use keys::{InvalidKey, Keys};
pub use me::{Profile, SessionView};
pub use passwords::Passwords;
pub use provider_tokens::ProviderTokens;
pub use reencrypt::ReencryptionReport;

/// Capacity of the cache of verified access tokens. Each entry has about 50 bytes.
const MOST_VERIFIED_TOKENS: usize = 20_000;
/// Lifetime of an access token, in seconds.
const ACCESS_SECONDS: i64 = 15 * 60;

/// Use cases of accounts and sessions on one database.
pub struct Auth {
    pool: Pool,
    keys: Arc<Keys>,
    passwords: Passwords,
    mailer: Arc<dyn Mailer>,
    issuer: String,
    providers: Providers,
    provider_tokens: ProviderTokens,
    verified_tokens: VerifiedTokens,
    attempts: Attempts,
    wrong_guesses: WrongGuesses,
    session_max_age: TimeDelta,
}

/// Dependencies of [`Auth`] besides the database.
pub struct AuthParts {
    /// Keys that sign and verify access tokens.
    pub keys: Arc<Keys>,
    /// Threads that hash and check passwords.
    pub passwords: Passwords,
    /// Sender of messages to the owner of an e-mail address.
    pub mailer: Arc<dyn Mailer>,
    /// Base URL of the service, the `iss` claim of access tokens.
    pub issuer: String,
    /// OAuth providers through which users log in.
    pub providers: Providers,
    /// Policy for storing the tokens of providers.
    pub provider_tokens: ProviderTokens,
    /// Age at which a session ends, however often it is refreshed; from AUTHSVC_SESSION_MAX_AGE.
    pub session_max_age: TimeDelta,
}

/// Counters of password checks.
#[derive(Debug, Clone, Copy, Default)]
pub struct PasswordFigures {
    /// Logins to accounts whose stored hash is not checked, since the start of the process.
    pub refused_hashes: u64,
    /// Passwords in the queue for hashing or checking.
    pub waiting: u64,
}

/// Account, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct User {
    /// Id of the account. It is never reused, even after deletion.
    pub id: i64,
    /// E-mail address in its owner's spelling.
    #[schema(format = "email")]
    pub email: String,
    /// Unique user name of the account.
    pub username: String,
    /// URL of a picture.
    pub avatar: Option<String>,
    /// Origin of the account: `email`, or the name of a provider.
    #[schema(value_type = String, example = "email")]
    pub provider: Provider,
    /// True if the account owner proved control of the e-mail address.
    pub email_verified: bool,
}

impl From<user::Model> for User {
    fn from(user: user::Model) -> Self {
        Self {
            id: user.id,
            email: user.email.as_str().to_owned(),
            username: user.username,
            avatar: user.avatar_url,
            provider: user.provider,
            email_verified: user.email_verified,
        }
    }
}

impl From<AccountView> for User {
    fn from(account: AccountView) -> Self {
        Self {
            id: account.id,
            email: account.email.as_str().to_owned(),
            username: account.username,
            avatar: account.avatar_url,
            provider: account.provider,
            email_verified: account.email_verified,
        }
    }
}

/// Tokens of a session, and its account.
#[derive(Serialize, ToSchema)]
pub struct Session {
    /// Account of the session.
    pub user: User,
    /// Account and epoch in which the session began. Clients do not receive it.
    #[serde(skip)]
    #[schema(ignore)]
    pub principal: Principal,
    /// Token for `Authorization: Bearer`.
    #[serde(serialize_with = "exposed")]
    #[schema(value_type = String)]
    pub access_token: SecretString,
    /// Token for one `POST /auth/refresh`, within seven days.
    #[serde(serialize_with = "exposed")]
    #[schema(value_type = String)]
    pub refresh_token: SecretString,
    /// Type of the access token, always `Bearer`.
    #[schema(example = "Bearer")]
    pub token_type: &'static str,
    /// Lifetime of the access token, in seconds.
    #[schema(example = 900)]
    pub expires_in: i64,
}

fn exposed<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

impl Auth {
    /// Creates the use cases for one database.
    pub fn new(pool: Pool, parts: AuthParts) -> Self {
        let AuthParts { keys, passwords, mailer, issuer, providers, provider_tokens, session_max_age } = parts;
        Self {
            pool,
            keys,
            passwords,
            mailer,
            issuer,
            providers,
            provider_tokens,
            verified_tokens: VerifiedTokens::new(MOST_VERIFIED_TOKENS),
            attempts: Attempts::default(),
            wrong_guesses: WrongGuesses::new(),
            session_max_age,
        }
    }

    /// Returns the threads that hash passwords.
    pub fn passwords(&self) -> &Passwords {
        &self.passwords
    }

    /// Returns the current counters of password checks.
    pub fn password_figures(&self) -> PasswordFigures {
        PasswordFigures {
            refused_hashes: HashingProbe::refused_hashes(&self.passwords),
            waiting: self.passwords.waiting() as u64,
        }
    }

    /// Returns the keys that verify access tokens.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Builds the answer to a client whose session has begun, with a new access token.
    fn session(&self, entered: NewSession, refresh_token: SecretString, now: DateTime<Utc>) -> Result<Session, Error> {
        let access_token = self.access_token(&entered, now)?;
        let principal = Principal { user_id: entered.user.id, epoch: entered.epoch };
        let (user, token_type) = (entered.user.into(), "Bearer");
        Ok(Session { user, principal, access_token, refresh_token, token_type, expires_in: ACCESS_SECONDS })
    }
}
