//! Makes the health reports of a running service. Probes cannot overload the database. They use at most two
//! connections, and the basic report is queried at most once a second, however many probes arrive. The extended figures
//! are queried less often. A slow database cannot block a probe: every response comes within two seconds, with the
//! figures known by then.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

use super::basic;
use super::basic_figures::BasicReading;
use super::counters::Counters;
use super::detailed::{self, OwnState};
use super::extended::{ExtendedFigures, ExtendedScope, QuickCheck};
use super::forwarding::UntrustedForwarding;
use super::hashing::{self, HashingProbe, HashingState};
use super::history::{HealthSample, SampleHistory};
use super::report::{DetailedHealthReport, HealthReport};
use super::report_connection::ReportConnection;
use super::settings::HealthSettings;
use super::single_flight::SingleFlight;
use crate::clock::Stopwatch;
use crate::db::{Pool, PoolUsage};

/// Largest age of a basic report that is served again.
const FRESH: Duration = Duration::from_secs(1);
/// Time limit of a probe for the whole report. The deadline of the basic report is shorter.
const PATIENCE: Duration = Duration::from_millis(1750);
/// Interval between two samples.
const MINUTE: Duration = Duration::from_secs(60);

/// Makes the health reports and shares them among all callers.
pub struct HealthCollector {
    settings: HealthSettings,
    pool: OnceLock<Pool>,
    hashing: OnceLock<Arc<dyn HashingProbe>>,
    hashed: tokio::sync::Mutex<Option<(Stopwatch, HashingState)>>,
    forwarding: OnceLock<Arc<UntrustedForwarding>>,
    basic: SingleFlight<Dated<BasicReading>>,
    extended: SingleFlight<ExtendedFigures>,
    history: Mutex<SampleHistory>,
}

struct Dated<T> {
    since: Stopwatch,
    made: T,
}

/// Detailed report, with the values that only the metrics need.
pub struct HealthReading {
    /// Detailed report with all sections.
    pub detailed: DetailedHealthReport,
    /// Counters that never decrease.
    pub counters: Counters,
    /// Usage of the program's connection pool.
    pub usage: PoolUsage,
}

impl HealthCollector {
    /// Creates a collector. The database need not exist yet.
    pub fn new(settings: HealthSettings) -> Arc<Self> {
        Arc::new(Self {
            settings,
            pool: OnceLock::new(),
            hashing: OnceLock::new(),
            hashed: tokio::sync::Mutex::default(),
            forwarding: OnceLock::new(),
            basic: SingleFlight::default(),
            extended: SingleFlight::default(),
            history: Mutex::default(),
        })
    }

    /// Sets the service's connection pool, once it is open.
    pub fn watch(&self, pool: Pool) {
        if self.pool.set(pool).is_err() {
            tracing::debug!("the pool was already set");
        }
    }

    /// Sets the probe of password hashing, once hashing is available.
    pub fn watch_hashing(&self, probe: Arc<dyn HashingProbe>) {
        if self.hashing.set(probe).is_err() {
            tracing::debug!("the hashing probe was already set");
        }
    }

    /// Sets the record of forwarded requests from untrusted peers.
    pub fn watch_forwarding(&self, forwarding: Arc<UntrustedForwarding>) {
        if self.forwarding.set(forwarding).is_err() {
            tracing::debug!("the record of forwarded requests was already set");
        }
    }

    /// Returns the basic report. `None` if even its deadline was missed.
    pub async fn report(self: &Arc<Self>) -> Option<HealthReport> {
        Some(self.basic(PATIENCE).await?.made.report.clone())
    }

    /// Returns the detailed report with the figures known within the time limit of a probe.
    pub async fn reading(self: &Arc<Self>) -> Option<HealthReading> {
        let watch = Stopwatch::start();
        let read = async {
            let basic = self.basic(PATIENCE).await?;
            let extended = self.extended(&basic.made, PATIENCE.saturating_sub(watch.elapsed())).await;
            Some((basic, extended))
        };
        let (read, hashing) = tokio::join!(read, self.hashing());
        let (basic, extended) = read?;
        // counters are kept however old they are, because a decrease would look like a restart
        let counters = extended.as_ref().map(|extended| extended.counters.clone()).unwrap_or_default();
        // figures from another state of the schema are discarded
        let extended = extended.filter(|extended| extended.schema_state == basic.made.schema_state());
        let none = ExtendedFigures { warnings: vec![LATE.to_owned()], ..ExtendedFigures::default() };
        let extended = extended.as_deref().unwrap_or(&none);
        Some(HealthReading {
            detailed: detailed::assemble(
                &basic.made,
                extended,
                &self.settings,
                OwnState { hashing, forwarding: self.forwarding.get().map(Arc::as_ref) },
            ),
            counters,
            usage: basic.made.usage,
        })
    }

    /// Samples of the last hour, one a minute, oldest first.
    pub fn samples(&self) -> Vec<HealthSample> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner).samples()
    }

    /// Records a sample every minute, without end.
    pub async fn sample(self: Arc<Self>) {
        loop {
            if let Some(reading) = self.reading().await {
                let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
                history.add(&reading.detailed, reading.usage.in_use);
            }
            tokio::time::sleep(MINUTE).await;
        }
    }

    /// Closes both connections as soon as they are free, within one second.
    pub async fn close(&self) {
        let left = async { tokio::join!(self.basic.close(), self.extended.close()) };
        if tokio::time::timeout(FRESH, left).await.is_err() {
            tracing::debug!("a health report was still in progress");
        }
    }

    /// State of password hashing, probed at most every ten seconds. `None` if this process does not hash passwords.
    async fn hashing(&self) -> Option<HashingState> {
        let probe = self.hashing.get()?;
        let mut last = self.hashed.lock().await;
        if let Some((since, state)) = *last
            && since.elapsed() < hashing::FRESH
        {
            return Some(HashingState { refused_hashes: probe.refused_hashes(), ..state });
        }
        let state = probe.hash_once(hashing::PATIENCE).await;
        *last = Some((Stopwatch::start(), state));
        Some(state)
    }

    async fn basic(self: &Arc<Self>, patience: Duration) -> Option<Arc<Dated<BasicReading>>> {
        let this = self.clone();
        let begin = |mut connection: OwnedMutexGuard<ReportConnection>| {
            tokio::spawn(async move {
                let asked = basic::fetch(&this.settings, &mut connection).await;
                let (usage, extended) = (this.pool.get().map(Pool::usage), this.extended.latest());
                let made = basic::build(&this.settings, &asked, usage, extended.as_deref());
                this.basic.publish(Dated { since: Stopwatch::start(), made }, connection);
            });
        };
        self.basic.get(|basic| basic.since.elapsed() < FRESH, patience, begin).await
    }

    async fn extended(self: &Arc<Self>, basic: &BasicReading, patience: Duration) -> Option<Arc<ExtendedFigures>> {
        let (this, reach, time) = (self.clone(), basic.schema_state(), basic.database_time);
        let begin = move |mut connection: OwnedMutexGuard<ReportConnection>| {
            tokio::spawn(async move {
                let before = this.extended.latest();
                let scope = ExtendedScope {
                    schema_state: reach,
                    database_time: time,
                    before: before.as_deref(),
                    quick_check: QuickCheck::No,
                };
                let made = ExtendedFigures::fetch(&this.settings, &mut connection, scope).await;
                this.extended.publish(made, connection);
            });
        };
        self.extended.get(|extended| extended.is_fresh() && extended.schema_state == reach, patience, begin).await
    }
}

const LATE: &str = "every figure of the detailed report: still being read, ask again";
