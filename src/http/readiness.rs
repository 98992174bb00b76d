//! Readiness of the service, and the reason if it is not ready.
//!
//! After the boot, a probe checks the database on demand, at most once a second for any number of probes. A check has a
//! time limit, so a probe gets its answer in time even if the database does not answer.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

use crate::clock::Stopwatch;
use crate::db::Pool;

/// Maximum age of a check result.
const FRESH: Duration = Duration::from_secs(1);
/// Time limit of a check.
const DEADLINE: Duration = Duration::from_millis(1500);

/// Boot stage of the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum BootStage {
    /// The boot has not tried anything yet.
    Starting,
    /// The database does not answer.
    WaitingForDatabase {
        /// Error of the last attempt.
        reason: String,
    },
    /// The migrations are being applied.
    Migrating {
        /// Newest applied migration; `None` if none is applied.
        current: Option<String>,
        /// Newest migration of this program.
        target: String,
    },
    /// The development data is being inserted.
    Seeding,
    /// The service answers requests.
    Ready,
    /// The database was available before, and cannot be used now.
    DatabaseGone {
        /// Error of the last check.
        reason: String,
    },
    /// The service received a signal to stop.
    ShuttingDown,
}

impl fmt::Display for BootStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("starting"),
            Self::WaitingForDatabase { reason } => write!(f, "waiting for the database: {reason}"),
            Self::Migrating { current, target } => {
                write!(f, "migrating to {target}, at {}", current.as_deref().unwrap_or("the beginning"))
            }
            Self::Seeding => f.write_str("inserting development data"),
            Self::Ready => f.write_str("ready"),
            Self::DatabaseGone { reason } => write!(f, "the database is not available: {reason}"),
            Self::ShuttingDown => f.write_str("stopping"),
        }
    }
}

impl BootStage {
    /// Returns true if requests can be served.
    pub fn is_ready(&self) -> bool {
        *self == Self::Ready
    }
}

/// Boot stage of the service, and the pool for checks after the boot.
pub struct Readiness {
    stage: Mutex<BootStage>,
    probe: tokio::sync::Mutex<Probe>,
}

#[derive(Default)]
struct Probe {
    pool: Option<Pool>,
    last: Option<(Stopwatch, BootStage)>,
}

impl Default for Readiness {
    fn default() -> Self {
        Self { stage: Mutex::new(BootStage::Starting), probe: tokio::sync::Mutex::default() }
    }
}

impl Readiness {
    /// Sets the boot stage.
    pub fn enter(&self, stage: BootStage) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    /// Sets the stage to ready. Checks use this pool from now on.
    pub async fn ready(&self, pool: Pool) {
        self.probe.lock().await.pool = Some(pool);
        self.enter(BootStage::Ready);
    }

    /// Returns the current stage. If the service is ready, the database is checked.
    pub async fn check(&self) -> BootStage {
        let stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !stage.is_ready() {
            return stage;
        }
        let late = || BootStage::DatabaseGone { reason: "no answer within the time limit".to_owned() };
        tokio::time::timeout(DEADLINE + FRESH / 4, self.ask()).await.unwrap_or_else(|_| late())
    }

    /// Returns a result of the last second, or of a new check. Concurrent probes wait for one check.
    async fn ask(&self) -> BootStage {
        let mut probe = self.probe.lock().await;
        if let Some((age, stage)) = &probe.last
            && age.elapsed() < FRESH
        {
            return stage.clone();
        }
        let Some(pool) = &probe.pool else { return BootStage::Starting };
        let stage = match pool.check_writable_within(DEADLINE).await {
            Ok(()) => BootStage::Ready,
            Err(error) => BootStage::DatabaseGone { reason: error.to_string() },
        };
        probe.last = Some((Stopwatch::start(), stage.clone()));
        stage
    }
}
