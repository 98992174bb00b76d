//! Top of the page: the health status, its begin, and the findings with instructions.

use chrono::{DateTime, TimeDelta, Utc};

use super::format::{self, When};
use crate::health::{DetailedHealthReport, HealthCheck, HealthSample, HealthStatus};

/// Returns the health status as one word.
pub(super) fn word(status: HealthStatus) -> &'static str {
    match status {
        HealthStatus::Healthy => "Healthy",
        HealthStatus::Degraded => "Degraded",
        HealthStatus::Unhealthy => "Unhealthy",
    }
}

/// Check with a problem, and its instruction.
pub(super) struct Finding<'a> {
    pub(super) status: HealthStatus,
    pub(super) name: &'a str,
    pub(super) message: Vec<TextPiece<'a>>,
    /// Instruction; empty if the report has none.
    pub(super) hint: Vec<TextPiece<'a>>,
}

impl<'a> Finding<'a> {
    fn new(check: &'a HealthCheck) -> Self {
        let HealthCheck { name, status, message, hint } = check;
        Self { status: *status, name, message: pieces(message), hint: pieces(hint) }
    }
}

/// Piece of a message or hint, in which backticks enclose commands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TextPiece<'a> {
    Text(&'a str),
    Code(&'a str),
}

pub(super) fn pieces(text: &str) -> Vec<TextPiece<'_>> {
    // a backtick without a second one is an ordinary character
    let even = text.matches('`').count().is_multiple_of(2);
    if !even {
        return vec![TextPiece::Text(text)];
    }
    let parts = text.split('`').enumerate().filter(|(_, part)| !part.is_empty());
    parts.map(|(at, part)| if at % 2 == 0 { TextPiece::Text(part) } else { TextPiece::Code(part) }).collect()
}

/// Returns all checks that are not healthy, the worst first.
pub(super) fn findings(detailed: &DetailedHealthReport) -> Vec<Finding<'_>> {
    let mut all: Vec<Finding<'_>> =
        detailed.checks.iter().filter(|check| check.status > HealthStatus::Healthy).map(Finding::new).collect();
    all.sort_by_key(|finding| std::cmp::Reverse(finding.status));
    all
}

/// Returns a sentence with the number of findings.
pub(super) fn summary(detailed: &DetailedHealthReport, findings: &[Finding<'_>]) -> String {
    let count = |status| findings.iter().filter(|finding| finding.status == status).count();
    let checks = format::counted(detailed.checks.len(), "check", "checks");
    let (bad, poor) = (count(HealthStatus::Unhealthy), count(HealthStatus::Degraded));
    match (bad, poor) {
        (0, 0) if detailed.overall_status == HealthStatus::Healthy => format!("Nothing to do: {checks}, all in order."),
        (0, 0) => "The report gives no reason.".to_owned(),
        (bad, 0) => format!("{bad} of {checks} unhealthy."),
        (0, poor) => format!("{poor} of {checks} degraded."),
        (bad, poor) => format!("{bad} unhealthy and {poor} degraded of {checks}."),
    }
}

/// Returns the time since which the current status lasts, within the samples of the last hour; `None` without samples.
pub(super) fn since(now: DateTime<Utc>, status: HealthStatus, samples: &[HealthSample]) -> Option<Since> {
    let last = samples.last()?;
    if last.status != status {
        return Some(Since { before: "since some time after", when: When::new(last.at, now) });
    }
    let run = samples.iter().rev().take_while(|sample| sample.status == status).count();
    let first = samples.get(samples.len() - run)?;
    let before = if run < samples.len() { "since" } else { "at least since" };
    Some(Since { before, when: When::new(first.at, now) })
}

/// Begin of the current status, for example `since 2026-11-24 03:00 UTC`.
pub(super) struct Since {
    pub(super) before: &'static str,
    pub(super) when: When,
}

/// Strip of the states in the last hour. A worse state is drawn higher, so that the strip is readable without colour.
pub(super) struct Strip {
    pub(super) label: String,
    pub(super) cells: Vec<Cell>,
}

/// One sample of the strip, in thousandths of its width and hundredths of its height.
pub(super) struct Cell {
    pub(super) status: HealthStatus,
    pub(super) x: i64,
    pub(super) y: u32,
    pub(super) height: u32,
}

impl Strip {
    pub(super) fn new(now: DateTime<Utc>, samples: &[HealthSample]) -> Option<Self> {
        let begin = now - TimeDelta::hours(1);
        let shown: Vec<&HealthSample> = samples.iter().filter(|sample| sample.at > begin && sample.at <= now).collect();
        let last = shown.last()?;
        let count = |status: HealthStatus| {
            let number = shown.iter().filter(|sample| sample.status == status).count();
            (number > 0).then(|| format!("{number} {status}"))
        };
        let counts: Vec<String> = [HealthStatus::Healthy, HealthStatus::Degraded, HealthStatus::Unhealthy]
            .into_iter()
            .filter_map(count)
            .collect();
        let label = format!(
            "State in the last hour, {}: {}; last {}",
            format::counted(shown.len(), "sample", "samples"),
            counts.join(", "),
            last.status
        );
        Some(Self { label, cells: shown.iter().map(|sample| Cell::new(sample, begin)).collect() })
    }
}

impl Cell {
    fn new(sample: &HealthSample, begin: DateTime<Utc>) -> Self {
        let height = match sample.status {
            HealthStatus::Healthy => 30,
            HealthStatus::Degraded => 65,
            HealthStatus::Unhealthy => 100,
        };
        let x = ((sample.at - begin).num_seconds() * 1000 / 3600 - 16).max(0);
        Self { status: sample.status, x, y: 100 - height, height }
    }
}
