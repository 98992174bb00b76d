//! Bounds the rows of `auth_events` that a client without an account can write: one for each refused login.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clients::ClientRates;

/// Events of one client in a minute.
const EVENTS: NonZeroU32 = NonZeroU32::MIN.saturating_add(59);
/// Events of one client that are recorded at once, after a time without any.
const BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(119);

/// Which refused logins are recorded. A clone counts with the original.
#[derive(Clone)]
pub struct EventBudget(Arc<Budget>);

struct Budget {
    rates: ClientRates,
    skipped: AtomicU64,
}

impl std::fmt::Debug for EventBudget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventBudget").field("skipped", &self.skipped()).finish()
    }
}

impl Default for EventBudget {
    fn default() -> Self {
        let rates = ClientRates::new(EVENTS, Duration::from_secs(60), BURST);
        Self(Arc::new(Budget { rates, skipped: AtomicU64::new(0) }))
    }
}

impl EventBudget {
    /// Counts an event of a client; whether it may be recorded.
    pub(super) fn allows(&self, client: IpAddr) -> bool {
        let is_allowed = self.0.rates.wait(client).is_none();
        if !is_allowed && self.0.skipped.fetch_add(1, Ordering::Relaxed).is_multiple_of(1000) {
            tracing::warn!(
                %client,
                "refused logins of a client are not recorded in auth_events any more, because it has too many: \
                 see authsvc_auth_events_skipped_total"
            );
        }
        is_allowed
    }

    /// Events that were not recorded, since the process began.
    pub fn skipped(&self) -> u64 {
        self.0.skipped.load(Ordering::Relaxed)
    }
}
