//! Shows the progress of a cleanup: a line at a terminal, nothing elsewhere.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar};

use super::output::Output;
use crate::db::CleanupKind;
use crate::maintain::{CleanupEvent as Event, CleanupProgress as Progress};

/// The line.
pub(super) struct Sweep {
    bar: ProgressBar,
    done: Mutex<Done>,
}

/// Of the kind that is being removed.
struct Done {
    name: &'static str,
    rows: u64,
    batches: u64,
}

impl Done {
    fn of(name: &'static str) -> Self {
        Self { name, rows: 0, batches: 0 }
    }
}

/// What people call a kind of rows.
pub(super) fn name(kind: CleanupKind) -> &'static str {
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

impl Sweep {
    pub(super) fn new(output: Output) -> Self {
        let bar = if output.draws() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        Self { bar, done: Mutex::new(Done::of("")) }
    }
}

impl Drop for Sweep {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Sweep {
    fn event(&self, event: Event) {
        if self.bar.is_hidden() {
            return;
        }
        self.bar.enable_steady_tick(Duration::from_millis(100));
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Waiting => self.bar.set_message("waiting for another process to end its cleanup or backup"),
            Event::Backups => self.bar.set_message("backups"),
            Event::Began(kind) => {
                *done = Done::of(name(kind));
                self.bar.set_message(done.name);
            }
            Event::Removed(rows) => {
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
