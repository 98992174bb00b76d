//! `POST /auth/login`, and the password check of a logged-in account.
//!
//! An attempt is counted before its password is checked, and taken out of the count if the password is right.
//! Concurrent attempts therefore get no additional checks (`auth/lockout.rs`). An address without an account is locked
//! by the same rules and takes the same time. No answer reveals which accounts exist.

use entity::user;
use entity::value::Email;
use secrecy::SecretString;

use super::error::Error;
use super::lockout::{HeldAttempt, TriedAddress};
use super::wrong_guesses::GuessDigest;
use super::{Auth, Session, refresh_token};
use crate::db::{AttemptCounters, FailedLogin, FoundAccount, Lane, RequestContext};

/// Maximum number of checks in one login. A check is repeated if the stored hash was replaced during it.
const CHECKS: usize = 3;

/// Login whose attempt is counted.
struct CountedLogin<'a> {
    tried: &'a TriedAddress,
    password: &'a SecretString,
    guess: Option<GuessDigest>,
    held: HeldAttempt,
}

impl Auth {
    /// Checks the password of an account, and begins a session.
    ///
    /// # Errors
    /// Returns an error if the password is wrong, if a limit of attempts is reached, or if the database does not
    /// answer.
    pub async fn log_in(
        &self,
        email: &str,
        password: &SecretString,
        context: &RequestContext,
    ) -> Result<Session, Error> {
        let mut turn = self.passwords.turn(&context.client).await?;
        let tried = TriedAddress::new(email, &context.client);
        let found = self.find(&tried).await?;
        let user = found.as_ref().map(|found| &found.user);
        let device = self.known_device(user, context).await;
        let mut counters = tried.counters(user, device.as_ref());
        let locked = failure(&tried, user, "locked");
        self.check_locks(&counters, user, &locked, context).await?;
        let _places = self.wait_for_places(&counters, &mut turn).await?;
        let guess = self.wrong_guesses.digest(&tried.guess(user), password);
        // the client made this guess before and learns nothing new
        counters.client = counters.client.filter(|_| !self.wrong_guesses.contains(guess.as_ref()));
        let held = self.reserve(&mut turn, &counters, &locked, context).await?;
        let login = CountedLogin { tried: &tried, password, guess, held };
        self.log_in_with(login, found, context).await
    }

    /// Checks the password and begins a session. If the stored hash was replaced during the check, the account is read
    /// and checked again.
    async fn log_in_with(
        &self,
        mut login: CountedLogin<'_>,
        mut found: Option<FoundAccount>,
        context: &RequestContext,
    ) -> Result<Session, Error> {
        let mut reason = "the account changed during each check";
        for _ in 0..CHECKS {
            let user = found.as_ref().map(|found| &found.user);
            let verdict = self.passwords.verify(login.password, user, &context.client).await?;
            let Some(account) = found.clone().filter(|found| verdict.matches && found.user.active) else {
                reason = match user {
                    None => "no such account",
                    Some(_) if verdict.matches => "inactive account",
                    Some(_) => "wrong password",
                };
                break;
            };
            let (token, stored) = refresh_token::issue(context.now, self.session_max_age)?;
            let attempt = login.held.reservation();
            let begun = self.pool.log_in(account, verdict.rehashed, attempt.as_deref(), &stored, context).await?;
            if let Some(entered) = begun {
                login.held.decided();
                return self.session(entered, token, context.now);
            }
            found = self.find(login.tried).await?;
        }
        self.refuse(login, found.as_ref().map(|found| &found.user), reason, context).await?;
        Err(Error::Credentials)
    }

    /// Records a wrong password. A password that the client tried before does not count for the client again.
    async fn refuse(
        &self,
        mut login: CountedLogin<'_>,
        user: Option<&user::Model>,
        reason: &str,
        context: &RequestContext,
    ) -> Result<(), Error> {
        let is_new = self.wrong_guesses.insert(login.guess, context.now);
        if let Some(reservation) = login.held.reservation().filter(|_| !is_new) {
            self.pool.give_client_back(reservation, context.now).await?;
        }
        self.record_failure(&failure(login.tried, user, reason), login.held, context).await
    }

    async fn find(&self, tried: &TriedAddress) -> Result<Option<FoundAccount>, Error> {
        match &tried.email {
            Some(email) => Ok(self.pool.account_by_email(email).await?),
            None => Ok(None),
        }
    }

    /// Checks the password of an account that the caller has already proven otherwise, for example by a session.
    ///
    /// The proof has its own counter. Failures of other clients neither lock it nor count for it.
    pub(super) async fn check_password(
        &self,
        user: &user::Model,
        proof: &str,
        password: &SecretString,
        context: &RequestContext,
    ) -> Result<(), Error> {
        let mut turn = self.passwords.turn(&context.client).await?;
        let tried = TriedAddress::new(user.email.as_str(), &context.client);
        let lane = Lane::Own { user_id: user.id, subject: proof.to_owned() };
        let counters = AttemptCounters { lane, client: None };
        let failure = failure(&tried, Some(user), "wrong password beside another proof");
        self.check_locks(&counters, Some(user), &failure, context).await?;
        let _places = self.wait_for_places(&counters, &mut turn).await?;
        let mut held = self.reserve(&mut turn, &counters, &failure, context).await?;
        let verdict = self.passwords.verify(password, Some(user), &context.client).await?;
        if !verdict.matches {
            self.record_failure(&failure, held, context).await?;
            return Err(Error::CurrentPassword);
        }
        if let Some(reservation) = held.reservation() {
            self.pool.attempt_succeeded(reservation, context.now).await?;
        }
        held.decided();
        Ok(())
    }
}

fn failure<'a>(tried: &'a TriedAddress, user: Option<&user::Model>, reason: &'a str) -> FailedLogin<'a> {
    FailedLogin { user_id: user.map(|user| user.id), email: tried.email.as_ref().map(Email::as_str), reason }
}
