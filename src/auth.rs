//! The application: accounts, their sessions, and what proves both. It knows no SQL: every question to the database is a use case of
//! [`crate::db`].
//!
//! An access token is a signed statement, valid for fifteen minutes, that is checked without asking anybody. A refresh token is a random
//! text, stored as its hash, that is exchanged for a new one at each use; using one twice ends its session, because one of the two
//! who had it is a thief, unless the first answer was lost. `/api` asks for the session of an access token in the statement that looks
//! the account up; other services accept the token until it expires. Invariants: whoever fails to log in learns nothing about whether the account exists, by answer or by
//! time; no password, token or key is in a type that can print it; time is an argument.
//! To add a use case: a file with `impl Auth`, its queries in `db/`, its route in `http/api/`.

mod access_token;
mod attempts;
mod avatar;
mod base_url;
mod common_passwords;
mod devices;
mod digest;
mod email;
mod error;
mod fair_queue;
mod fields;
mod guesses;
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
mod turns;
mod username;
pub mod vault;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use entity::user;
use entity::value::Provider;
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::db::{AccountView, NewSession, Pool, Principal};
use crate::health::HashingProbe;
use access_token::VerifiedTokens;
use attempts::Attempts;
use guesses::WrongGuesses;
use oauth::Providers;

pub use access_token::Bearer;
pub use base_url::{BaseUrl, InvalidBaseUrl};
pub use devices::DEVICE_DAYS;
pub use email::{LogMailer, Mailer, NoMailer};
pub use error::{Error, InvalidField};
pub use keys::{InvalidKey, Keys};
pub use me::{Profile, SessionView};
pub use passwords::Passwords;
pub use provider_tokens::ProviderTokens;
pub use reencrypt::ReencryptionReport;

/// So many access tokens are remembered as proven; of 50 bytes each.
const MOST_VERIFIED_TOKENS: usize = 20_000;
/// How long an access token is valid, in seconds.
const ACCESS_SECONDS: i64 = 15 * 60;

/// The application on one database.
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

/// What the application works with, besides a database.
pub struct AuthParts {
    /// Sign and check tokens.
    pub keys: Arc<Keys>,
    /// Hashes and checks passwords.
    pub passwords: Passwords,
    /// Delivers what is for an address' owner.
    pub mailer: Arc<dyn Mailer>,
    /// The address that clients know the service by.
    pub issuer: String,
    /// Those that one can log in through.
    pub providers: Providers,
    /// What becomes of their tokens.
    pub provider_tokens: ProviderTokens,
    /// The age at which a session ends, however often it is refreshed; from AUTHSVC_SESSION_MAX_AGE.
    pub session_max_age: TimeDelta,
}

/// What is counted of passwords.
#[derive(Debug, Clone, Copy, Default)]
pub struct PasswordFigures {
    /// Logins to accounts whose stored hash is not checked, since the process began.
    pub refused_hashes: u64,
    /// Passwords that wait to be hashed or checked.
    pub waiting: u64,
}

/// An account, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct User {
    /// Never used again, even after deletion.
    pub id: i64,
    /// As its owner wrote it.
    #[schema(format = "email")]
    pub email: String,
    /// Unique.
    pub username: String,
    /// Address of a picture.
    pub avatar: Option<String>,
    /// Where the account came from.
    #[schema(value_type = String, example = "email")]
    pub provider: Provider,
    /// Whether the address was shown to be theirs.
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

/// What a client gets that may act for an account.
#[derive(Serialize, ToSchema)]
pub struct Session {
    /// Whose.
    pub user: User,
    /// The account and the epoch in which the session began; clients do not get it.
    #[serde(skip)]
    #[schema(ignore)]
    pub principal: Principal,
    /// For `Authorization: Bearer`.
    #[serde(serialize_with = "exposed")]
    #[schema(value_type = String)]
    pub access_token: SecretString,
    /// For one `POST /auth/refresh`, within seven days.
    #[serde(serialize_with = "exposed")]
    #[schema(value_type = String)]
    pub refresh_token: SecretString,
    /// `Bearer`.
    #[schema(example = "Bearer")]
    pub token_type: &'static str,
    /// Seconds for which the access token is valid.
    #[schema(example = 900)]
    pub expires_in: i64,
}

fn exposed<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

impl Auth {
    /// On this database.
    pub fn new(pool: Pool, parts: AuthParts) -> Self {
        let AuthParts { keys, passwords, mailer, issuer, providers, provider_tokens, session_max_age } = parts;
        let proven = VerifiedTokens::new(MOST_VERIFIED_TOKENS);
        Self {
            pool,
            keys,
            passwords,
            mailer,
            issuer,
            providers,
            provider_tokens,
            verified_tokens: proven,
            attempts: Attempts::default(),
            wrong_guesses: WrongGuesses::new(),
            session_max_age,
        }
    }

    /// The threads that hash passwords.
    pub fn passwords(&self) -> &Passwords {
        &self.passwords
    }

    /// What is counted of passwords.
    pub fn password_figures(&self) -> PasswordFigures {
        PasswordFigures {
            refused_hashes: HashingProbe::refused_hashes(&self.passwords),
            waiting: self.passwords.waiting() as u64,
        }
    }

    /// The keys that access tokens are checked with.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// What a client gets once its session has begun.
    fn session(&self, entered: NewSession, refresh_token: SecretString, now: DateTime<Utc>) -> Result<Session, Error> {
        let access_token = self.access_token(&entered, now)?;
        let principal = Principal { user_id: entered.user.id, epoch: entered.epoch };
        let (user, token_type) = (entered.user.into(), "Bearer");
        Ok(Session { user, principal, access_token, refresh_token, token_type, expires_in: ACCESS_SECONDS })
    }
}
