//! Limits the rows of `auth_events` that a client without an account can cause: one row for each refused login.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::client_limits::ClientRates;

/// Recorded events per client and minute.
const EVENTS: NonZeroU32 = NonZeroU32::MIN.saturating_add(59);
/// Recorded events of a client in one burst after an idle time.
const BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(119);

/// Limit on the refused logins that are recorded. Clones share one count.
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
    /// Counts an event of a client. Returns true if it may be recorded.
    pub(super) fn allows(&self, client: IpAddr) -> bool {
        let is_allowed = self.0.rates.wait(client).is_none();
        if !is_allowed && self.0.skipped.fetch_add(1, Ordering::Relaxed).is_multiple_of(1000) {
            tracing::warn!(
                %client,
                "refused logins of this client are no longer recorded in auth_events, because there are too many: \
                 see authsvc_auth_events_skipped_total"
            );
        }
        is_allowed
    }

    /// Returns the number of events that were not recorded since the process started.
    pub fn skipped(&self) -> u64 {
        self.0.skipped.load(Ordering::Relaxed)
    }
}
