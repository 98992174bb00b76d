//! The reports of a running service. Probes cannot hurt the database: it has two connections for them and no more, is asked
//! for the basic report once a second at most and for the rest less often, however many ask. The database cannot hurt a probe:
//! every answer comes within two seconds, with what is known by then.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

use super::basic::{self, BasicReading};
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

/// How old a basic report may be.
const FRESH: Duration = Duration::from_secs(1);
/// How long a probe waits for all of it. The basic report's own deadline is shorter.
const PATIENCE: Duration = Duration::from_millis(1750);
/// Between two samples.
const MINUTE: Duration = Duration::from_secs(60);

/// Makes the reports, once for everybody.
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

/// The detailed report and what the metrics add.
pub struct HealthReading {
    /// The report.
    pub detailed: DetailedHealthReport,
    /// What only grows.
    pub counters: Counters,
    /// The program's connections.
    pub usage: PoolUsage,
}

impl HealthCollector {
    /// Of a database that need not be there yet.
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

    /// The pool of the service, once there is one.
    pub fn watch(&self, pool: Pool) {
        if self.pool.set(pool).is_err() {
            tracing::debug!("the pool was known already");
        }
    }

    /// What hashes passwords, once it is there.
    pub fn watch_hashing(&self, probe: Arc<dyn HashingProbe>) {
        if self.hashing.set(probe).is_err() {
            tracing::debug!("what hashes passwords was known already");
        }
    }

    /// What the public listener notes about proxies.
    pub fn watch_forwarding(&self, forwarding: Arc<UntrustedForwarding>) {
        if self.forwarding.set(forwarding).is_err() {
            tracing::debug!("forwarded requests were watched already");
        }
    }

    /// The basic report; `None`: not even its own deadline was kept.
    pub async fn report(self: &Arc<Self>) -> Option<HealthReport> {
        Some(self.basic(PATIENCE).await?.made.report.clone())
    }

    /// The detailed report, with what is known within the time that a probe has.
    pub async fn reading(self: &Arc<Self>) -> Option<HealthReading> {
        let watch = Stopwatch::start();
        let read = async {
            let basic = self.basic(PATIENCE).await?;
            let extended = self.extended(&basic.made, PATIENCE.saturating_sub(watch.elapsed())).await;
            Some((basic, extended))
        };
        let (read, hashing) = tokio::join!(read, self.hashing());
        let (basic, extended) = read?;
        // what was counted stays counted, however old: a counter that goes down is taken for a restart
        let counters = extended.as_ref().map(|extended| extended.counters.clone()).unwrap_or_default();
        // figures of a database that has gone since are none of now
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

    /// The last hour, a sample a minute, oldest first.
    pub fn samples(&self) -> Vec<HealthSample> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner).samples()
    }

    /// Takes a sample a minute, for ever.
    pub async fn sample(self: Arc<Self>) {
        loop {
            if let Some(reading) = self.reading().await {
                let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
                history.add(&reading.detailed, reading.usage.in_use);
            }
            tokio::time::sleep(MINUTE).await;
        }
    }

    /// Gives up both connections, as soon as they are free; waits for a moment only.
    pub async fn close(&self) {
        let left = async { tokio::join!(self.basic.close(), self.extended.close()) };
        if tokio::time::timeout(FRESH, left).await.is_err() {
            tracing::debug!("a health report was still being made");
        }
    }

    /// What hashing a password shows, asked every ten seconds at most. `None`: there is nothing that hashes.
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
