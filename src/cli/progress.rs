//! Shows progress. A migration's: a bar at a terminal, log lines elsewhere. A backup's: at a terminal only.

use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytesize::ByteSize;
use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressStyle};

use crate::backup;
use crate::clock::Stopwatch;
use crate::migrate::{Event, Progress};

/// The bar or the log.
pub(super) enum Shown {
    Bar(ProgressBar),
    Log(Logged),
}

impl Shown {
    pub(super) fn new() -> Self {
        if !io::stderr().is_terminal() {
            return Self::Log(Logged);
        }
        let style = ProgressStyle::with_template("{spinner} {pos}/{len} {msg}");
        Self::Bar(ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner())))
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

impl Progress for Shown {
    fn event(&self, event: Event<'_>) {
        match self {
            // the answer on stdout lists what was done
            Self::Log(_) if matches!(event, Event::Finished { .. }) => {}
            Self::Log(log) => log.event(event),
            Self::Bar(bar) => show(bar, &event),
        }
    }
}

fn show(bar: &ProgressBar, event: &Event<'_>) {
    bar.enable_steady_tick(Duration::from_millis(100));
    match event {
        Event::WaitingForLock => bar.set_message("waiting for another migrator"),
        Event::Started { name, position, total } => {
            bar.set_length(*total as u64);
            bar.set_position(*position as u64);
            bar.set_message((*name).to_owned());
        }
        Event::Retrying { name, .. } => bar.set_message(format!("{name}: a table is locked, trying again")),
        Event::Finished { .. } => {}
    }
}

/// Progress as log lines.
pub(super) struct Logged;

impl Progress for Logged {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::WaitingForLock => tracing::info!("waiting for another migrator"),
            Event::Started { name, position, total } => tracing::debug!("{position}/{total} {name} starts"),
            Event::Retrying { name, pause } => tracing::warn!(?pause, "{name}: a table is locked, trying again"),
            Event::Finished { name, duration } => tracing::info!(duration_ms = duration.as_millis(), "{name}"),
        }
    }
}

/// A backup's progress: rows, bytes, rate and time left. Nothing where stderr is not a terminal.
pub(super) struct BackupShown {
    bar: ProgressBar,
    watch: Stopwatch,
    done: Mutex<Done>,
}

#[derive(Default)]
struct Done {
    rows: u64,
    bytes: u64,
    estimate: u64,
}

impl BackupShown {
    pub(super) fn new() -> Self {
        let bar = if io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        Self { bar, watch: Stopwatch::start(), done: Mutex::default() }
    }
}

impl Drop for BackupShown {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl backup::Progress for BackupShown {
    fn event(&self, event: backup::Event<'_>) {
        if self.bar.is_hidden() {
            return;
        }
        self.bar.enable_steady_tick(Duration::from_millis(100));
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            backup::Event::Began { rows } => done.estimate = rows,
            backup::Event::Wrote { table, rows, bytes } => {
                done.rows += rows;
                done.bytes += bytes;
                self.bar.set_message(done.text(table, self.watch.elapsed()));
            }
            backup::Event::Validating => self.bar.set_message("reading it back"),
        }
    }
}

impl Done {
    fn text(&self, table: &str, elapsed: Duration) -> String {
        let seconds = elapsed.as_secs_f64().max(0.001);
        let rate = ByteSize((self.bytes as f64 / seconds) as u64).display().iec_short();
        let (rows, size) = (HumanCount(self.rows), ByteSize(self.bytes).display().iec_short());
        // the count is an estimate, and there may be more rows
        let left = self.estimate.saturating_sub(self.rows) as f64 * seconds / self.rows.max(1) as f64;
        let left = HumanDuration(Duration::from_secs_f64(left.min(1e9)));
        format!("{table}: {rows} of about {} rows, {size}, {rate}/s, about {left} left", HumanCount(self.estimate))
    }
}
