//! Tiles with the main figures. Figures with a history have the line of the last hour.

use super::figure::{Figure, Reasons};
use super::format;
use super::sparkline::{Scale, Series, Sparkline};
use crate::health::{DetailedHealthReport, HealthSample};

/// Tile of one figure.
pub(super) struct Tile {
    pub(super) name: &'static str,
    pub(super) value: Figure,
    pub(super) notes: Vec<String>,
    pub(super) history: TileHistory,
}

/// History of a figure in the last hour.
pub(super) enum TileHistory {
    /// The figure is not sampled.
    None,
    /// The figure is sampled, but there is no line, for the contained reason.
    Empty(&'static str),
    Line(Box<Sparkline>),
}

pub(super) fn tiles(detailed: &DetailedHealthReport, samples: &[HealthSample], reasons: &Reasons) -> Vec<Tile> {
    let draw = |series: Series<'_>| match series.draw(detailed.timestamp, samples) {
        Some(line) => TileHistory::Line(Box::new(line)),
        None if samples.is_empty() => TileHistory::Empty("no history yet"),
        None => TileHistory::Empty("no figure in the last hour"),
    };
    vec![
        latency(detailed, reasons, draw),
        pool(detailed, draw),
        sessions(detailed, reasons, draw),
        failed_logins(detailed, reasons, draw),
        size(detailed, reasons, draw),
        backup(detailed, reasons),
        migrations(detailed, reasons),
        queries(detailed, reasons),
    ]
}

fn latency(detailed: &DetailedHealthReport, reasons: &Reasons, draw: impl Fn(Series<'_>) -> TileHistory) -> Tile {
    let name = "Database latency";
    let value = detailed.basic_health.database.response_time_ms.map(format::milliseconds);
    let line = Series {
        name,
        unit: "",
        value: |sample| sample.response_time_ms,
        show: format::milliseconds,
        scale: Scale::FromZero,
    };
    Tile { name, value: reasons.figure("response_time_ms", value), notes: Vec::new(), history: draw(line) }
}

fn pool(detailed: &DetailedHealthReport, draw: impl Fn(Series<'_>) -> TileHistory) -> Tile {
    let database = &detailed.basic_health.database;
    let value = format!("{} of {}", database.open_connections, database.max_connections);
    let line = Series {
        name: "Pool, in use",
        unit: " in use",
        value: |sample| Some(sample.pool_in_use.into()),
        show: whole,
        scale: Scale::UpTo(database.max_connections.into()),
    };
    Tile { name: "Pool, open", value: Figure::Known(value), notes: Vec::new(), history: draw(line) }
}

fn sessions(detailed: &DetailedHealthReport, reasons: &Reasons, draw: impl Fn(Series<'_>) -> TileHistory) -> Tile {
    let name = "Sessions, active";
    let performance = &detailed.basic_health.performance;
    let value = performance.active_connections.map(format::count);
    let notes = performance.idle_connections.map(|idle| format!("{} idle", format::count(idle)));
    let line = Series {
        name,
        unit: "",
        value: |sample| sample.active_connections.map(real),
        show: whole,
        scale: Scale::FromZero,
    };
    let value = reasons.figure("active_connections", value);
    Tile { name, value, notes: notes.into_iter().collect(), history: draw(line) }
}

fn failed_logins(detailed: &DetailedHealthReport, reasons: &Reasons, draw: impl Fn(Series<'_>) -> TileHistory) -> Tile {
    let name = "Failed logins, 24 h";
    let value = detailed.security_health.failed_login_attempts.map(format::count);
    let line =
        Series { name, unit: "", value: |sample| sample.failed_logins.map(real), show: whole, scale: Scale::FromZero };
    Tile { name, value: reasons.figure("failed_login_attempts", value), notes: Vec::new(), history: draw(line) }
}

fn size(detailed: &DetailedHealthReport, reasons: &Reasons, draw: impl Fn(Series<'_>) -> TileHistory) -> Tile {
    let name = "Database size";
    let value = detailed.storage.database_bytes.map(format::size);
    let line = Series {
        name,
        unit: "",
        value: |sample| sample.database_bytes.map(real),
        show: |bytes| format::size(bytes as u64),
        scale: Scale::Around,
    };
    Tile { name, value: reasons.figure("database_bytes", value), notes: Vec::new(), history: draw(line) }
}

fn backup(detailed: &DetailedHealthReport, reasons: &Reasons) -> Tile {
    let backups = &detailed.backups;
    let proven = match backups.last_verified {
        Some(at) => format!("verified by a test restore {}", format::age(detailed.timestamp - at)),
        None => "never verified by a test restore".to_owned(),
    };
    let size = backups.last_size_bytes.map(format::size);
    let count = backups.count.map(|count| format::counted(count as usize, "file", "files"));
    let notes = vec![[size, count].into_iter().flatten().collect::<Vec<_>>().join(", "), proven];
    let tile = |value, notes| Tile { name: "Backup age", value, notes, history: TileHistory::None };
    match (backups.age_seconds, backups.count) {
        (None, Some(0)) => tile(Figure::Known("no backup".to_owned()), Vec::new()),
        (None, _) => tile(reasons.figure("last_backup", None), Vec::new()),
        (Some(age), _) => tile(Figure::Known(format::seconds(age as f64)), notes),
    }
}

fn migrations(detailed: &DetailedHealthReport, reasons: &Reasons) -> Tile {
    let migrations = &detailed.basic_health.migrations;
    let drift = match migrations.drift {
        Some(true) => Some("the schema has drifted".to_owned()),
        Some(false) => Some("no drift".to_owned()),
        None => None,
    };
    let value = migrations.pending.map(|pending| format::count(pending as u64));
    Tile {
        name: "Migrations, pending",
        value: reasons.figure("pending", value),
        notes: migrations.latest.iter().cloned().chain(drift).collect(),
        history: TileHistory::None,
    }
}

fn queries(detailed: &DetailedHealthReport, reasons: &Reasons) -> Tile {
    let performance = &detailed.basic_health.performance;
    let slow = performance.slow_queries.map(|slow| format!("{} slow on average", format::count(slow)));
    let mean = performance.avg_query_time_ms.map(|mean| format!("{} mean of all", format::milliseconds(mean)));
    Tile {
        name: "Queries, long-running",
        value: reasons.figure("long_running_queries", performance.long_running_queries.map(format::count)),
        notes: slow.into_iter().chain(mean).collect(),
        history: TileHistory::None,
    }
}

fn real(number: u64) -> f64 {
    number as f64
}

fn whole(number: f64) -> String {
    format::count(number as u64)
}
