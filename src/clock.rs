//! System clock. Other modules receive a time as an argument, or use a [`Stopwatch`].
#![expect(clippy::disallowed_methods, reason = "this is the one place that reads the time")]

use std::time::{Duration, Instant};

use chrono::{DateTime, SubsecRound, Utc};

/// Returns the current time, truncated to microseconds, which both engines can store.
pub fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}

/// Elapsed time on a monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts a stopwatch at zero.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Returns the time since the start.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// Returns the time since the start, in whole milliseconds.
    pub fn milliseconds(&self) -> u64 {
        u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
