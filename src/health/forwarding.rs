//! Detects requests with a forwarding header from a peer that is not a trusted proxy.
//!
//! A proxy missing in `AUTHSVC_TRUSTED_PROXIES` makes all clients behind it look like one. Failed logins of one
//! attacker then lock out all of them. A client that sends such a header itself looks the same. The finding therefore
//! only warns, and it ends an hour after the last request.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::check::{HealthCheck, HealthStatus};
use super::pluralized::pluralized;
use crate::clock::Stopwatch;

/// Duration of the finding after the last such request.
const LASTING: Duration = Duration::from_secs(60 * 60);

/// Record of such requests to this process.
#[derive(Default)]
pub struct UntrustedForwarding {
    seen: Mutex<Option<Seen>>,
}

struct Seen {
    peer: IpAddr,
    requests: u64,
    last: Stopwatch,
}

impl UntrustedForwarding {
    /// Records a request of a peer. The first one in an hour is logged.
    pub fn note(&self, peer: IpAddr) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let last = Stopwatch::start();
        match seen.as_mut().filter(|seen| seen.last.elapsed() < LASTING) {
            Some(seen) => *seen = Seen { peer, requests: seen.requests.saturating_add(1), last },
            None => {
                tracing::warn!(
                    %peer,
                    "a request has X-Forwarded-For or Forwarded, and its peer is not in AUTHSVC_TRUSTED_PROXIES: all clients behind a proxy \
                     count as one, and failed logins of one lock all of them; if the peer is your proxy, set AUTHSVC_TRUSTED_PROXIES={peer}"
                );
                *seen = Some(Seen { peer, requests: 1, last });
            }
        }
    }

    /// Health check on the recorded requests.
    pub(super) fn check(&self) -> HealthCheck {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(seen) = seen.as_ref().filter(|seen| seen.last.elapsed() < LASTING) else {
            return HealthCheck::healthy("client_addresses", "no request was forwarded by a peer that is not trusted");
        };
        let message = format!(
            "{} with X-Forwarded-For or Forwarded, the last one from {}, which is not in AUTHSVC_TRUSTED_PROXIES: clients behind it \
             count as one, and 50 failed logins lock all of them",
            pluralized(seen.requests, "request", "requests"),
            seen.peer
        );
        let hint = format!(
            "if {} is your proxy, set AUTHSVC_TRUSTED_PROXIES to it and restart; otherwise a client sent the header, and the finding \
             ends an hour after its last request",
            seen.peer
        );
        HealthCheck::new("client_addresses", HealthStatus::Degraded, message, hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forwarded_request_of_an_untrusted_peer_is_a_finding() {
        let watch = UntrustedForwarding::default();
        assert_eq!(watch.check().status, HealthStatus::Healthy);
        watch.note(IpAddr::from([192, 0, 2, 1]));
        watch.note(IpAddr::from([192, 0, 2, 2]));
        let check = watch.check();
        assert_eq!(check.status, HealthStatus::Degraded);
        assert!(check.message.starts_with("2 requests") && check.message.contains("192.0.2.2"), "{check:?}");
        assert!(check.hint.contains("AUTHSVC_TRUSTED_PROXIES"), "{check:?}");
    }
}
