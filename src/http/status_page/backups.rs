//! Timeline of backups: one bar per file, with the size of the file as its height, and gaps for missing backups.

use chrono::{DateTime, TimeDelta, Utc};

use super::format::{self, When};
use crate::health::{BackupFile, DetailedHealthReport};

/// Width of the drawing, in its own units. The page stretches it.
pub(super) const WIDTH: f64 = 1000.0;
pub(super) const HEIGHT: f64 = 100.0;
/// Number of files that the page lists at first.
const NEWEST: usize = 5;

/// Backup section of the page.
pub(super) struct BackupSection<'a> {
    pub(super) timeline: Option<Timeline>,
    pub(super) newest: Vec<FileRow<'a>>,
    pub(super) older: Vec<FileRow<'a>>,
}

/// Row of one backup file.
pub(super) struct FileRow<'a> {
    pub(super) name: &'a str,
    pub(super) created: When,
    pub(super) size: String,
    pub(super) proven: Option<When>,
}

/// Drawing of the backups, from the oldest file to now.
pub(super) struct Timeline {
    pub(super) label: String,
    pub(super) from: When,
    pub(super) most: String,
    pub(super) bars: Vec<Bar>,
}

/// Bar of one file in the drawing.
pub(super) struct Bar {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    /// CSS class: `proven` is drawn filled, `unproven` is drawn hollow.
    pub(super) class: &'static str,
}

impl<'a> BackupSection<'a> {
    pub(super) fn new(detailed: &'a DetailedHealthReport) -> Self {
        let recent = &detailed.backups.recent;
        let row = |file: &'a BackupFile| FileRow::new(file, detailed.timestamp);
        Self {
            timeline: Timeline::new(recent, detailed.timestamp),
            newest: recent.iter().take(NEWEST).map(row).collect(),
            older: recent.iter().skip(NEWEST).map(row).collect(),
        }
    }
}

impl<'a> FileRow<'a> {
    fn new(file: &'a BackupFile, now: DateTime<Utc>) -> Self {
        Self {
            name: &file.name,
            created: When::new(file.created_at, now),
            size: format::size(file.size_bytes),
            proven: file.verified_at.map(|at| When::new(at, now)),
        }
    }
}

impl Timeline {
    fn new(files: &[BackupFile], now: DateTime<Utc>) -> Option<Self> {
        let oldest = files.iter().map(|file| file.created_at).min()?;
        let newest = files.iter().map(|file| file.created_at).max()?;
        let least = files.iter().map(|file| file.size_bytes).min()?;
        let most = files.iter().map(|file| file.size_bytes).max()?;
        let span = (now - oldest).max(TimeDelta::hours(1));
        let width = (WIDTH / (files.len() as f64 * 2.0)).clamp(6.0, 24.0);
        let label = format!(
            "{} since {}: smallest {}, largest {}, newest {}",
            format::counted(files.len(), "backup", "backups"),
            When::new(oldest, now).exact,
            format::size(least),
            format::size(most),
            format::age(now - newest)
        );
        let bar = |file: &BackupFile| Bar::new(file, width, (file.created_at - oldest, span), most);
        Some(Self {
            label,
            from: When::new(oldest, now),
            most: format::size(most),
            bars: files.iter().map(bar).collect(),
        })
    }
}

impl Bar {
    fn new(file: &BackupFile, width: f64, (passed, span): (TimeDelta, TimeDelta), most: u64) -> Self {
        let place = passed.num_seconds() as f64 / span.num_seconds() as f64;
        // an empty file must be visible
        let height = (file.size_bytes as f64 / most.max(1) as f64 * (HEIGHT - 4.0)).max(4.0);
        Self {
            x: place.clamp(0.0, 1.0) * (WIDTH - width),
            y: HEIGHT - height,
            width,
            height,
            class: if file.verified_at.is_some() { "proven" } else { "unproven" },
        }
    }
}
