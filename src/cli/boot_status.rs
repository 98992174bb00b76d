//! Where `serve` is, for everybody who wants to know: probes by HTTP, and the supervisor that started it.

use std::sync::Arc;
use std::time::Duration;

use super::error::Error;
use crate::config::SupervisorSettings;
use crate::db::Pool;
use crate::http::{BootStage, Readiness};
use crate::notify::Supervisor;

pub(super) struct BootStatus {
    readiness: Arc<Readiness>,
    supervisor: Arc<Supervisor>,
    /// How often the supervisor wants to hear of a service that runs.
    watchdog: Option<Duration>,
}

impl BootStatus {
    pub(super) fn new(notify: &SupervisorSettings) -> Result<Self, Error> {
        let supervisor = Arc::new(Supervisor::at(notify.socket.as_deref())?);
        Ok(Self { readiness: Arc::default(), supervisor, watchdog: notify.watchdog })
    }

    /// What probes ask.
    pub(super) fn readiness(&self) -> Arc<Readiness> {
        self.readiness.clone()
    }

    /// Moves on during boot.
    pub(super) fn enter(&self, stage: BootStage) {
        self.supervisor.status(&stage.to_string());
        self.readiness.enter(stage);
    }

    /// Requests are served, as long as this pool gets answers. A watchdog begins to watch now, and so its beat begins.
    pub(super) async fn ready(&self, pool: Pool) {
        self.readiness.ready(pool).await;
        self.supervisor.ready();
        if let Some(interval) = self.watchdog {
            let supervisor = self.supervisor.clone();
            tokio::spawn(async move { supervisor.beat(interval).await });
        }
    }

    /// The service ends.
    pub(super) fn stopping(&self) {
        self.supervisor.stopping();
    }
}
