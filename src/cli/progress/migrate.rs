//! Progress of a migration: a bar at a terminal, log lines elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::output::Output;
use crate::migrate::{MigrationEvent, MigrationProgress};

/// Progress as a bar or as log lines.
pub(in crate::cli) enum MigrationProgressDisplay {
    Bar(ProgressBar),
    Log(MigrationProgressLog),
}

impl MigrationProgressDisplay {
    pub(in crate::cli) fn new(output: Output) -> Self {
        if !output.draws() {
            return Self::Log(MigrationProgressLog);
        }
        let style = ProgressStyle::with_template("{spinner} {pos}/{len} {msg}");
        Self::Bar(ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner())))
    }
}

impl Drop for MigrationProgressDisplay {
    fn drop(&mut self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

impl MigrationProgress for MigrationProgressDisplay {
    fn event(&self, event: MigrationEvent<'_>) {
        match self {
            // the report on stdout lists finished migrations
            Self::Log(_) if matches!(event, MigrationEvent::Finished { .. }) => {}
            Self::Log(log) => log.event(event),
            Self::Bar(bar) => show(bar, &event),
        }
    }
}

fn show(bar: &ProgressBar, event: &MigrationEvent<'_>) {
    bar.enable_steady_tick(Duration::from_millis(100));
    match event {
        MigrationEvent::WaitingForLock => bar.set_message("waiting for another migrator"),
        MigrationEvent::Started { name, position, total } => {
            bar.set_length(*total as u64);
            bar.set_position(*position as u64);
            bar.set_message((*name).to_owned());
        }
        MigrationEvent::Retrying { name, .. } => bar.set_message(format!("{name}: a table is locked, trying again")),
        MigrationEvent::Finished { .. } => {}
    }
}

/// Progress as log lines.
pub(in crate::cli) struct MigrationProgressLog;

impl MigrationProgress for MigrationProgressLog {
    fn event(&self, event: MigrationEvent<'_>) {
        match event {
            MigrationEvent::WaitingForLock => tracing::info!("waiting for another migrator"),
            MigrationEvent::Started { name, position, total } => tracing::debug!("{position}/{total} {name} starts"),
            MigrationEvent::Retrying { name, pause } => {
                tracing::warn!(?pause, "{name}: a table is locked, trying again")
            }
            MigrationEvent::Finished { name, duration } => tracing::info!(duration_ms = duration.as_millis(), "{name}"),
        }
    }
}
