//! Formats of figures for people: thousands separators, units, UTC and ages.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

const MINUTE: f64 = 60.0;
const HOUR: f64 = 60.0 * MINUTE;
const DAY: f64 = 24.0 * HOUR;

/// Point in time, in three formats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct When {
    /// Format for the `datetime` attribute.
    pub(super) iso: String,
    /// Format for people, for example `2026-11-24 03:00 UTC`.
    pub(super) exact: String,
    /// Age, for example `3 h ago`.
    pub(super) age: String,
}

impl When {
    pub(super) fn new(at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        Self {
            iso: at.to_rfc3339_opts(SecondsFormat::Secs, true),
            exact: at.format("%Y-%m-%d %H:%M UTC").to_string(),
            age: age(now - at),
        }
    }
}

/// Formats a number, for example `1,204,332`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a number with its noun, for example `1 finding` or `2,000 findings`.
pub(super) fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", count(number as u64), if number == 1 { one } else { many })
}

/// Formats a size like the reports, for example `475 MB`.
pub(super) fn size(bytes: u64) -> String {
    crate::health::size_text(bytes)
}

/// Formats a percentage, for example `99.2 %`.
pub(super) fn percent(ratio: f64) -> String {
    format!("{ratio:.1} %")
}

/// Formats milliseconds, for example `0.42 ms`, `4.2 ms`, `142 ms`, `1.4 s`, `3 min 20 s`.
pub(super) fn milliseconds(time: f64) -> String {
    match time {
        ..1.0 => format!("{time:.2} ms"),
        1.0..100.0 => format!("{time:.1} ms"),
        100.0..1000.0 => format!("{time:.0} ms"),
        _ => seconds(time / 1000.0),
    }
}

/// Formats seconds, for example `1.4 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`.
pub(super) fn seconds(time: f64) -> String {
    let two = |big: f64, small: f64, names: [&str; 2]| {
        let (whole, rest) = ((time / big).floor(), (time % big / small).floor());
        if rest > 0.0 { format!("{whole} {} {rest} {}", names[0], names[1]) } else { format!("{whole} {}", names[0]) }
    };
    match time {
        ..MINUTE => format!("{time:.1} s"),
        MINUTE..HOUR => two(MINUTE, 1.0, ["min", "s"]),
        HOUR..DAY => two(HOUR, MINUTE, ["h", "min"]),
        _ => two(DAY, HOUR, ["d", "h"]),
    }
}

/// Formats seconds in one unit, for example `8 s`, `5 min`, `26 h`, `3 d`. Hours are used up to two days, as is usual
/// for backups.
pub(super) fn rough(time: f64) -> String {
    match time.abs() {
        t if t < MINUTE => format!("{t:.0} s"),
        t if t < HOUR => format!("{:.0} min", (t / MINUTE).floor()),
        t if t < 2.0 * DAY => format!("{:.0} h", (t / HOUR).floor()),
        t => format!("{:.0} d", (t / DAY).floor()),
    }
}

/// Formats an age, for example `3 h ago`, `in 5 min`, `just now`.
pub(super) fn age(passed: TimeDelta) -> String {
    let seconds = passed.num_seconds();
    match seconds {
        -1..=1 => "just now".to_owned(),
        2.. => format!("{} ago", rough(seconds as f64)),
        _ => format!("in {}", rough(seconds as f64)),
    }
}
