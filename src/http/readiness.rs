//! Whether requests can be served, and if not, why.
//!
//! Once booted, the database is asked on demand, at most once a second whatever the number of probes, and never for
//! longer than the deadline: a probe gets an answer in time even when the database gives none.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

use crate::clock::Stopwatch;
use crate::db::Pool;

/// How old an answer of the database may be.
const FRESH: Duration = Duration::from_secs(1);
/// How long one question may take.
const DEADLINE: Duration = Duration::from_millis(1500);

/// Where the service is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum BootStage {
    /// Nothing was tried yet.
    Starting,
    /// The database does not answer.
    WaitingForDatabase {
        /// What it said last.
        reason: String,
    },
    /// The schema is brought up to date.
    Migrating {
        /// The newest applied migration.
        current: Option<String>,
        /// The newest migration of this program.
        target: String,
    },
    /// Development data is filled in.
    Seeding,
    /// Requests are served.
    Ready,
    /// The database was there and is gone.
    DatabaseGone {
        /// What it said last.
        reason: String,
    },
    /// SIGTERM came.
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
            Self::Seeding => f.write_str("filling in development data"),
            Self::Ready => f.write_str("ready"),
            Self::DatabaseGone { reason } => write!(f, "the database is gone: {reason}"),
            Self::ShuttingDown => f.write_str("stopping"),
        }
    }
}

impl BootStage {
    /// Whether requests can be served.
    pub fn is_ready(&self) -> bool {
        *self == Self::Ready
    }
}

/// The stage, and the pool to ask once there is one.
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
    /// Moves on.
    pub fn enter(&self, stage: BootStage) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    /// Ready, as long as this pool gets answers.
    pub async fn ready(&self, pool: Pool) {
        self.probe.lock().await.pool = Some(pool);
        self.enter(BootStage::Ready);
    }

    /// The stage now; asks the database when ready.
    pub async fn check(&self) -> BootStage {
        let stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !stage.is_ready() {
            return stage;
        }
        let late = || BootStage::DatabaseGone { reason: "no answer in time".to_owned() };
        tokio::time::timeout(DEADLINE + FRESH / 4, self.ask()).await.unwrap_or_else(|_| late())
    }

    /// The answer of the last second, or a new one; who asks meanwhile waits for that.
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
