//! Boot step of `serve`: checks whether the database role has the privileges that the service needs.
//!
//! While the role cannot log accounts in, boot waits, as it does for a database that does not answer. A rollout with
//! such a role therefore replaces no working replica. Other missing privileges are logged and reported by the check
//! `rights`, and the service starts.

use std::time::Duration;

use super::boot_status::BootStatus;
use super::error::{Error, Subject};
use crate::clock::Stopwatch;
use crate::config::Config;
use crate::db::{self, DatabaseUrl};
use crate::health::{self, MissingRights};
use crate::http::BootStage;

/// Pause between two queries.
const PAUSE: Duration = Duration::from_secs(1);

/// Waits at most `AUTHSVC_DATABASE_WAIT` until the role can log accounts in.
///
/// # Errors
/// Returns an error if the role still lacks a privilege for logins when the time is over.
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

/// Missing privileges of the role, with a message. If the query fails, nothing counts as missing, and requests will
/// fail instead.
async fn missing(url: &DatabaseUrl) -> Option<(MissingRights, String)> {
    let asked = if url.wants_writes() { health::missing_rights(url).await } else { Ok(None) };
    let missing =
        asked.inspect_err(|error| tracing::debug!("the rights of the role are not known: {error}")).ok()??;
    let message = missing.message()?;
    Some((missing, message))
}
