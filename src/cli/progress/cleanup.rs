//! Progress of a cleanup: a line at a terminal, nothing elsewhere.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar};

use crate::cli::output::Output;
use crate::db::CleanupKind;
use crate::maintain::{CleanupEvent, CleanupProgress};

/// Progress line of a cleanup.
pub(in crate::cli) struct CleanupProgressBar {
    bar: ProgressBar,
    done: Mutex<KindDone>,
}

/// Progress of the kind of rows that is being removed.
struct KindDone {
    name: &'static str,
    rows: u64,
    batches: u64,
}

impl KindDone {
    fn of(name: &'static str) -> Self {
        Self { name, rows: 0, batches: 0 }
    }
}

/// Display name of a kind of rows.
pub(in crate::cli) fn kind_name(kind: CleanupKind) -> &'static str {
    match kind {
        CleanupKind::ExpiredTokens => "refresh tokens, expired",
        CleanupKind::RevokedTokens => "refresh tokens, revoked",
        CleanupKind::OauthTokens => "OAuth tokens erased",
        CleanupKind::AuthEvents => "events",
        CleanupKind::MaintenanceRuns => "records of runs",
        CleanupKind::LoginThrottles => "counts of failed logins",
        CleanupKind::OauthStates => "used OAuth states",
        CleanupKind::KnownDevices => "known devices",
    }
}

impl CleanupProgressBar {
    pub(in crate::cli) fn new(output: Output) -> Self {
        let bar = if output.draws() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        Self { bar, done: Mutex::new(KindDone::of("")) }
    }
}

impl Drop for CleanupProgressBar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl CleanupProgress for CleanupProgressBar {
    fn event(&self, event: CleanupEvent) {
        if self.bar.is_hidden() {
            return;
        }
        self.bar.enable_steady_tick(Duration::from_millis(100));
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            CleanupEvent::Waiting => self.bar.set_message("waiting for another process to end its cleanup or backup"),
            CleanupEvent::Backups => self.bar.set_message("backups"),
            CleanupEvent::Began(kind) => {
                *done = KindDone::of(kind_name(kind));
                self.bar.set_message(done.name);
            }
            CleanupEvent::Removed(rows) => {
                done.rows += rows;
                done.batches += 1;
                self.bar.set_message(format!(
                    "{}: {} rows, {} batches",
                    done.name,
                    HumanCount(done.rows),
                    done.batches
                ));
            }
        }
    }
}
