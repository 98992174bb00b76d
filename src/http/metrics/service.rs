//! Figures of this process: connections, password hashes, and events that were not recorded.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use prometheus::Result;

use super::families::Families;
use crate::http::Api;
use crate::http::listener::ConnectionCounters;

/// Figures of the service. They are zero before it starts.
#[derive(Default)]
pub(super) struct ServiceFigures {
    public: Arc<ConnectionCounters>,
    admin: Arc<ConnectionCounters>,
    api: OnceLock<Api>,
}

impl ServiceFigures {
    pub(super) fn watch(&self, api: &Api) {
        // a process has one API
        let _ = self.api.set(api.clone());
    }

    /// Returns true if an API is set whose figures are shown.
    pub(super) fn is_watched(&self) -> bool {
        self.api.get().is_some()
    }

    pub(super) fn connections(&self, listener: &'static str) -> Arc<ConnectionCounters> {
        if listener == "admin" { self.admin.clone() } else { self.public.clone() }
    }

    pub(super) fn describe(&self, families: &Families) -> Result<()> {
        let listeners = [("public", &self.public), ("admin", &self.admin)];
        families.gauges(
            "authsvc_http_connections",
            "Connections of clients that are open, by listener. From this process.",
            ["listener"],
            listeners.map(|(name, counters)| ([name], counters.open.load(Ordering::Relaxed))),
        )?;
        let closed = listeners.into_iter().flat_map(|(name, counters)| {
            let figure = |count: u64| Some(count);
            [
                ([name, "displaced"], figure(counters.displaced.load(Ordering::Relaxed))),
                ([name, "refused"], figure(counters.refused.load(Ordering::Relaxed))),
            ]
        });
        families.counters(
            "authsvc_http_connections_closed_total",
            "Connections closed by a limit, by listener: displaced were idle and closed in favour of a newer \
             one, refused were new ones of a client at its limit. From this process.",
            ["listener", "reason"],
            closed,
        )?;
        let figures = self.api.get().map(Api::figures).unwrap_or_default();
        families.counters(
            "authsvc_auth_events_skipped_total",
            "Refused logins that were not recorded in auth_events, because their client had reached its event limit. From this \
             process.",
            [],
            [([""; 0], Some(figures.skipped_events))],
        )?;
        families.counters(
            "authsvc_password_hashes_refused_total",
            "Logins to accounts whose stored password hash exceeds a cost limit or cannot be parsed. From this process.",
            [],
            [([""; 0], Some(figures.refused_hashes))],
        )?;
        families.gauge(
            "authsvc_password_queue",
            "Passwords that wait to be hashed or checked. From this process.",
            figures.waiting_passwords,
        )
    }
}
