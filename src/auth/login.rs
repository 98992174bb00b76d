//! `POST /auth/login`.
//!
//! Five failures in a row lock an account, fifty a client: for half a minute, and twice as long after each further one, a quarter of an hour at
//! most. An attempt is counted before its password is checked, and given back if it was right, so that many at once get no more checks. An address that nobody has is locked just so, and takes the same time, so that nobody learns which accounts there are.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use entity::user;
use entity::value::Email;
use secrecy::SecretString;
use tokio::sync::OwnedSemaphorePermit;

use super::digest::sha256_hex;
use super::error::Error;
use super::{Auth, Session, refresh_token};
use crate::db::{Client, Failure, FoundAccount, Lockout, Lockouts, Reservation};

const LOCKOUTS: Lockouts = Lockouts { address: lockout(5), client: lockout(50) };

/// How often one login checks a password whose hash is replaced meanwhile: by its owner, or by a login that stores a stronger one.
const CHECKS: usize = 3;

/// Attempts for one account that are under way at once in this process. Those of two replicas together are fewer than lock it.
const ATTEMPTS_OF_ACCOUNT: usize = 2;
/// Likewise for one client.
const ATTEMPTS_OF_CLIENT: usize = 16;

const fn lockout(threshold: i32) -> Lockout {
    Lockout { threshold, first: TimeDelta::seconds(30), longest: TimeDelta::minutes(15) }
}

/// Who tries to log in, as what they are counted under.
struct Attempt {
    email: Option<Email>,
    address: String,
    client: Option<String>,
}

impl Attempt {
    fn of(email: &str, client: &Client) -> Self {
        Self {
            email: Email::parse(email).ok(),
            address: format!("email:{}", sha256_hex(email.trim().to_lowercase().as_bytes())),
            client: client.ip().map(|ip| format!("ip:{}", network(ip))),
        }
    }

    fn subjects(&self) -> Vec<String> {
        [Some(self.address.clone()), self.client.clone()].into_iter().flatten().collect()
    }
}

/// The client that an address stands for: whoever has an IPv6 address has all of its first 64 bits.
pub fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => IpAddr::from((ip.to_bits() & !u128::from(u64::MAX)).to_be_bytes()),
    }
}

impl Auth {
    /// Begins a session for whoever knows the password.
    ///
    /// # Errors
    /// They do not, or have failed too often; or the database gave no answer.
    pub async fn log_in(
        &self,
        email: &str,
        password: &SecretString,
        client: &Client,
        now: DateTime<Utc>,
    ) -> Result<Session, Error> {
        let attempt = Attempt::of(email, client);
        let found = self.find(&attempt).await?;
        let user = found.as_ref().map(|found| &found.user);
        let blocked = self.pool.blocked_until(&attempt.subjects(), now).await?;
        let locked = user.and_then(|user| user.locked_until).filter(|until| *until > now);
        if let Some(until) = blocked.max(locked) {
            self.pool.log_in_refused(&failure(&attempt, user, "locked"), client, now).await?;
            return Err(Error::throttled(until, now));
        }
        let _places = self.take_place(&attempt).await?;
        let reservation = self.reserve(&failure(&attempt, user, "locked"), client, now).await?;
        let begun = self.log_in_with(password, &attempt, found, &reservation, client, now).await;
        if begun.as_ref().is_err_and(is_undecided) {
            self.pool.give_attempt_back(&reservation, now).await?;
        }
        begun
    }

    /// Waits for earlier attempts of the account and of the client.
    async fn take_place(&self, attempt: &Attempt) -> Result<[Option<OwnedSemaphorePermit>; 2], Error> {
        let account = self.attempts.enter(&attempt.address, ATTEMPTS_OF_ACCOUNT).await?;
        let Some(client) = &attempt.client else { return Ok([Some(account), None]) };
        Ok([Some(account), Some(self.attempts.enter(client, ATTEMPTS_OF_CLIENT).await?)])
    }

    /// Counts an attempt before its password is checked.
    async fn reserve(&self, attempt: &Failure<'_>, client: &Client, now: DateTime<Utc>) -> Result<Reservation, Error> {
        match self.pool.reserve_attempt(attempt, LOCKOUTS, now).await? {
            Ok(reservation) => Ok(reservation),
            Err(until) => {
                self.pool.log_in_refused(attempt, client, now).await?;
                Err(Error::throttled(until, now))
            }
        }
    }

    /// Checks the password and begins a session. An account whose hash was replaced during the check is looked up and checked again.
    async fn log_in_with(
        &self,
        password: &SecretString,
        attempt: &Attempt,
        mut found: Option<FoundAccount>,
        reservation: &Reservation,
        client: &Client,
        now: DateTime<Utc>,
    ) -> Result<Session, Error> {
        let mut reason = "the account changed during each check";
        for _ in 0..CHECKS {
            let user = found.as_ref().map(|found| &found.user);
            let verdict = self.passwords.verify(password, user, client).await?;
            let Some(account) = found.clone().filter(|found| verdict.matches && found.user.active) else {
                reason = match user {
                    None => "no such account",
                    Some(_) if verdict.matches => "inactive account",
                    Some(_) => "wrong password",
                };
                break;
            };
            let (token, stored) = refresh_token::issue(now, self.session_max_age)?;
            if let Some(entered) =
                self.pool.log_in(account, verdict.rehashed, reservation, &stored, client, now).await?
            {
                return self.session(entered, token, now);
            }
            found = self.find(attempt).await?;
        }
        let failure = failure(attempt, found.as_ref().map(|found| &found.user), reason);
        self.pool.attempt_failed(&failure, reservation, client, now).await?;
        Err(Error::Credentials)
    }

    async fn find(&self, attempt: &Attempt) -> Result<Option<FoundAccount>, Error> {
        match &attempt.email {
            Some(email) => Ok(self.pool.account_by_email(email).await?),
            None => Ok(None),
        }
    }
}

impl Auth {
    /// Checks the password of a logged-in account, under the same limits as a login.
    pub(super) async fn check_password(
        &self,
        user: &user::Model,
        password: &SecretString,
        client: &Client,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let attempt = Attempt::of(user.email.as_str(), client);
        if let Some(until) = user.locked_until.filter(|until| *until > now) {
            return Err(Error::throttled(until, now));
        }
        let _places = self.take_place(&attempt).await?;
        let failure = failure(&attempt, Some(user), "wrong password at its change");
        let reservation = self.reserve(&failure, client, now).await?;
        let checked = self.passwords.verify(password, Some(user), client).await;
        if !matches!(&checked, Ok(verdict) if !verdict.matches) {
            self.pool.give_attempt_back(&reservation, now).await?;
            return checked.map(|_| ());
        }
        self.pool.attempt_failed(&failure, &reservation, client, now).await?;
        Err(Error::CurrentPassword)
    }
}

/// Whether an error says nothing about the password.
fn is_undecided(error: &Error) -> bool {
    !matches!(error, Error::Credentials)
}

fn failure<'a>(attempt: &'a Attempt, user: Option<&user::Model>, reason: &'a str) -> Failure<'a> {
    Failure {
        user_id: user.map(|user| user.id),
        email: attempt.email.as_ref().map(Email::as_str),
        address: &attempt.address,
        client: attempt.client.as_deref(),
        reason,
    }
}
