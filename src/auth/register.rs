//! `POST /auth/register`: registration with a password.

use secrecy::SecretString;

use super::error::{Error, InvalidField};
use super::fields::Fields;
use super::{Auth, Session, refresh_token};
use crate::db::{NewAccount, RegistrationOutcome, RequestContext, TakenFields, Takeover, USES_UNTIL_HELD};
use crate::random;

impl Auth {
    /// Creates an account with a password, begins its first session, and sends a verification token to the address.
    ///
    /// An unverified registration of the address loses it if it is older than a day and was not used again.
    ///
    /// # Errors
    /// Returns an error if a field is not valid or already taken, or if the database does not answer. No account is
    /// created then.
    pub async fn register(
        &self,
        email: &str,
        username: &str,
        password: &SecretString,
        context: &RequestContext,
    ) -> Result<Session, Error> {
        let mut fields = Fields::default();
        let (parsed, name) = (fields.email(email), fields.username(username));
        fields.password("password", password, [email, username]);
        fields.check()?;
        let (Some(email), Some(username)) = (parsed, name) else { return Err(Error::Invalid(Vec::new())) };
        let _turn = self.passwords.turn(&context.client).await?;
        let password_hash = self.passwords.hash(password, &context.client).await?;
        let (token, stored) = refresh_token::issue(context.now, self.session_max_age)?;
        let account = NewAccount { email, username, password_hash, takeover: self.takeover()? };
        match self.pool.register(account, &stored, context).await? {
            RegistrationOutcome::Registered(session) => {
                self.send_verification(&session.user, context.now).await;
                self.session(*session, token, context.now)
            }
            RegistrationOutcome::Taken(fields) => Err(taken(fields)),
        }
    }

    /// Returns the rule by which an unverified registration loses its address.
    ///
    /// Without a mailer no account can be verified. One further use then suffices to keep the address.
    fn takeover(&self) -> Result<Takeover, Error> {
        let uses = if self.mailer.delivers() { USES_UNTIL_HELD } else { USES_UNTIL_HELD - 1 };
        Ok(Takeover { suffix: random::id().map_err(Error::internal)?, uses })
    }
}

pub(super) fn taken(taken: TakenFields) -> Error {
    let fields = [("email", taken.email), ("username", taken.username)];
    let fields = fields.into_iter().filter(|(_, taken)| *taken);
    Error::Taken(fields.map(|(field, _)| InvalidField { field, message: "is already taken".to_owned() }).collect())
}
