//! Boot status of `serve`, for HTTP probes and for the supervisor that started the process.

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
    /// Watchdog interval of the supervisor. `None` if it has no watchdog.
    watchdog: Option<Duration>,
}

impl BootStatus {
    pub(super) fn new(notify: &SupervisorSettings) -> Result<Self, Error> {
        let supervisor = Arc::new(Supervisor::at(notify.socket.as_deref())?);
        Ok(Self { readiness: Arc::default(), supervisor, watchdog: notify.watchdog })
    }

    /// Readiness state that HTTP probes read.
    pub(super) fn readiness(&self) -> Arc<Readiness> {
        self.readiness.clone()
    }

    /// Enters a boot stage and reports it to the supervisor.
    pub(super) fn enter(&self, stage: BootStage) {
        self.supervisor.status(&stage.to_string());
        self.readiness.enter(stage);
    }

    /// Marks the service as ready while this pool gets answers. Also starts the watchdog notifications.
    pub(super) async fn ready(&self, pool: Pool) {
        self.readiness.ready(pool).await;
        self.supervisor.ready();
        if let Some(interval) = self.watchdog {
            let supervisor = self.supervisor.clone();
            tokio::spawn(async move { supervisor.beat(interval).await });
        }
    }

    /// Reports to the supervisor that the service is stopping.
    pub(super) fn stopping(&self) {
        self.supervisor.stopping();
    }
}
