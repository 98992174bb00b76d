//! Progress of making, reading and restoring a backup: a bar at a terminal, nothing elsewhere.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytesize::ByteSize;
use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressStyle};

use crate::backup::{BackupEvent, BackupPhase, BackupProgress};
use crate::cli::output::Output;
use crate::clock::Stopwatch;

/// Progress bar of a backup.
pub(in crate::cli) struct BackupProgressBar {
    bar: ProgressBar,
    done: Mutex<RowsDone>,
}

/// Rows that are already in the file, for the estimate.
struct RowsDone {
    watch: Stopwatch,
    rows: u64,
    bytes: u64,
    estimate: u64,
}

impl BackupProgressBar {
    pub(in crate::cli) fn new(output: Output) -> Self {
        let bar = if output.draws() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        Self { bar, done: Mutex::new(RowsDone::new(0)) }
    }

    /// Removes the bar from the screen, before a question or a result.
    pub(in crate::cli) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    /// Starts a bar if the total number of bytes is known, otherwise a spinner.
    fn begin(&self, words: &'static str, total: Option<u64>) {
        let template = match total {
            Some(_) => "{spinner} {msg} {wide_bar} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left",
            None => "{spinner} {msg}",
        };
        self.bar.reset();
        self.bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner()));
        self.bar.set_length(total.unwrap_or(0));
        self.bar.set_message(words);
        self.bar.enable_steady_tick(Duration::from_millis(100));
    }
}

impl Drop for BackupProgressBar {
    fn drop(&mut self) {
        self.clear();
    }
}

impl BackupProgress for BackupProgressBar {
    fn event(&self, event: BackupEvent<'_>) {
        if let BackupEvent::Phase(phase) = event {
            tracing::debug!(?phase, "begins");
        }
        if self.bar.is_hidden() {
            return;
        }
        match event {
            BackupEvent::Began { rows } => {
                *self.done.lock().unwrap_or_else(PoisonError::into_inner) = RowsDone::new(rows);
                self.begin("reading the database", None);
            }
            BackupEvent::Wrote { table, rows, bytes } => {
                let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
                done.rows += rows;
                done.bytes += bytes;
                self.bar.set_message(done.text(table));
            }
            BackupEvent::Phase(BackupPhase::Verifying(total)) => self.begin("reading the file", total),
            BackupEvent::Phase(BackupPhase::SafetyBackup) => self.begin("backing up the live content", None),
            BackupEvent::Phase(BackupPhase::Building) => self.begin("making the schema", None),
            BackupEvent::Phase(BackupPhase::Loading(total)) => self.begin("loading rows", Some(total)),
            BackupEvent::Phase(BackupPhase::Indexing) => self.begin("building indexes, reading the rows back", None),
            BackupEvent::Phase(BackupPhase::Migrating) => self.begin("migrating", None),
            BackupEvent::Phase(BackupPhase::Swapping) => self.begin("swapping in the new tables", None),
            BackupEvent::Advanced(bytes) => self.bar.inc(bytes),
        }
    }
}

impl RowsDone {
    fn new(estimate: u64) -> Self {
        Self { watch: Stopwatch::start(), rows: 0, bytes: 0, estimate }
    }

    fn text(&self, table: &str) -> String {
        let seconds = self.watch.elapsed().as_secs_f64().max(0.001);
        let rate = ByteSize((self.bytes as f64 / seconds) as u64).display().iec_short();
        let (rows, size) = (HumanCount(self.rows), ByteSize(self.bytes).display().iec_short());
        // the estimate may be lower than the number of rows
        let left = self.estimate.saturating_sub(self.rows) as f64 * seconds / self.rows.max(1) as f64;
        let left = HumanDuration(Duration::from_secs_f64(left.min(1e9)));
        format!("{table}: {rows} of about {} rows, {size}, {rate}/s, about {left} left", HumanCount(self.estimate))
    }
}
