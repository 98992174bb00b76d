//! The only reader of the time. Everything else is handed a time or a [`Stopwatch`].
#![expect(clippy::disallowed_methods, reason = "this is the one place that reads the time")]

use std::time::{Duration, Instant};

use chrono::{DateTime, SubsecRound, Utc};

/// The time now, to the microsecond: what both engines store.
pub fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}

/// Time that has passed, by a clock that never goes back.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts at zero.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// Whole milliseconds since the start.
    pub fn milliseconds(&self) -> u64 {
        u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
