//! Before `serve` is ready: whether its role may do what it needs.
//!
//! A role that cannot log accounts in is waited for, as a database is that gives no answer: a roll-out with such a role then
//! replaces no replica that works. What else is missing is logged and reported by the check `rights`, and the service starts.

use std::time::Duration;

use super::boot_status::BootStatus;
use super::error::{Error, Subject};
use crate::clock::Stopwatch;
use crate::config::Config;
use crate::db::{self, DatabaseUrl};
use crate::health::{self, MissingRights};
use crate::http::BootStage;

/// Between two questions.
const PAUSE: Duration = Duration::from_secs(1);

/// Waits until the role can log accounts in, for `AUTHSVC_DATABASE_WAIT` at most.
///
/// # Errors
/// It could not until then.
pub(super) async fn wait(config: &Config, boot_status: &BootStatus) -> Result<(), Error> {
    let watch = Stopwatch::start();
    loop {
        let Some((missing, message)) = missing(&config.database_url).await else { return Ok(()) };
        let hint = missing.hint(&config.database_url.role().unwrap_or_default());
        if !missing.ends_logins() {
            tracing::error!(hint, "{message}");
            return Ok(());
        }
        if watch.elapsed() + PAUSE > config.database_wait {
            let source = db::Error::missing_rights(message);
            return Err(Error::Database { subject: Subject::of(config), source });
        }
        tracing::warn!(hint, "waiting for rights: {message}");
        boot_status.enter(BootStage::WaitingForDatabase { reason: message });
        tokio::time::sleep(PAUSE).await;
    }
}

/// What the role lacks. Where that cannot be asked, nothing is said to be missing: requests find out.
async fn missing(url: &DatabaseUrl) -> Option<(MissingRights, String)> {
    let asked = if url.wants_writes() { health::missing_rights(url).await } else { Ok(None) };
    let missing =
        asked.inspect_err(|error| tracing::debug!("the rights of the role are not known: {error}")).ok()??;
    let message = missing.message()?;
    Some((missing, message))
}
