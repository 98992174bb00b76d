//! Line of one figure over the last hour, drawn by the server.
//!
//! The x axis is one hour. A gap in the samples is thus a gap in the line. The line of a process that is ten minutes
//! old fills a sixth of the width.

use chrono::{DateTime, TimeDelta, Utc};

use crate::health::HealthSample;

/// Width of the drawing, in its own units. The page stretches it.
pub(super) const WIDTH: f64 = 240.0;
pub(super) const HEIGHT: f64 = 32.0;
/// Margin above and below the line, so that its stroke is not cut off.
const MARGIN: f64 = 3.0;

/// Line of a figure, as SVG paths and labels.
pub(super) struct Sparkline {
    /// Description of the line in words: minimum, maximum, last value.
    pub(super) label: String,
    /// Range of the values, for example `last hour 0.6 ms – 14 ms`.
    pub(super) range: String,
    pub(super) line: String,
    /// Area between the line and the bottom.
    pub(super) area: String,
    /// Last point of the line; `None` if the last sample has no figure.
    pub(super) last: Option<String>,
}

/// Range of values that the height of the drawing covers.
pub(super) enum Scale {
    /// Scale from zero to the maximum of the hour.
    FromZero,
    /// Scale from zero to a fixed limit.
    UpTo(f64),
    /// Around the values of the hour, for large figures that change little.
    Around,
}

/// Figure to draw, with its format and scale.
pub(super) struct Series<'a> {
    pub(super) name: &'a str,
    /// Unit in the text of the range, empty if the name of the tile implies it.
    pub(super) unit: &'static str,
    pub(super) value: fn(&HealthSample) -> Option<f64>,
    pub(super) show: fn(f64) -> String,
    pub(super) scale: Scale,
}

impl Series<'_> {
    /// Draws the line. Returns `None` if no sample of the last hour has the figure.
    pub(super) fn draw(&self, now: DateTime<Utc>, samples: &[HealthSample]) -> Option<Sparkline> {
        let begin = now - TimeDelta::hours(1);
        let recent: Vec<&HealthSample> =
            samples.iter().filter(|sample| sample.at > begin && sample.at <= now).collect();
        let values: Vec<f64> = recent.iter().filter_map(|sample| (self.value)(sample)).collect();
        let last = *values.last()?;
        let (least, most) =
            values.iter().fold((last, last), |(least, most), value| (least.min(*value), most.max(*value)));
        let (floor, ceiling) = self.bounds(least, most);
        let segments = self.segments(&recent, begin, floor, ceiling);
        let ends_known = recent.last().is_some_and(|sample| (self.value)(sample).is_some());
        let end = segments.last().and_then(|segment| segment.last()).filter(|_| ends_known);
        let [least, most, last] = [least, most, last].map(self.show);
        Some(Sparkline {
            label: format!("{} in the last hour: min {least}, max {most}, last {last}", self.name),
            range: format!(
                "last hour {}{}",
                if least == most { least } else { format!("{least} – {most}") },
                self.unit
            ),
            line: segments.iter().map(|segment| line(segment)).collect(),
            area: segments.iter().map(|segment| area(segment)).collect(),
            last: end.map(|(x, y)| format!("M{x:.1} {y:.1}h0")),
        })
    }

    fn bounds(&self, least: f64, most: f64) -> (f64, f64) {
        let (floor, ceiling) = match self.scale {
            Scale::FromZero => (0.0, most),
            Scale::UpTo(limit) => (0.0, limit.max(most)),
            // a change of one per cent must not look like a doubling
            Scale::Around => {
                let (middle, half) = (f64::midpoint(least, most), (most - least) / 2.0);
                let half = half.max(middle.abs() / 100.0);
                (middle - half, middle + half)
            }
        };
        (floor, if ceiling > floor { ceiling } else { floor + 1.0 })
    }

    /// Returns the points of the line, split at gaps.
    fn segments(
        &self,
        recent: &[&HealthSample],
        begin: DateTime<Utc>,
        floor: f64,
        ceiling: f64,
    ) -> Vec<Vec<(f64, f64)>> {
        let point = |sample: &&&HealthSample| {
            let value = (self.value)(sample)?;
            let x = (sample.at - begin).num_milliseconds() as f64 / 3_600_000.0 * WIDTH;
            let y = MARGIN + (1.0 - (value - floor) / (ceiling - floor)) * (HEIGHT - 2.0 * MARGIN);
            Some((x, y))
        };
        let runs = recent.chunk_by(|one, other| (self.value)(one).is_some() == (self.value)(other).is_some());
        runs.map(|run| run.iter().filter_map(|sample| point(&sample)).collect::<Vec<_>>())
            .filter(|segment| !segment.is_empty())
            .collect()
    }
}

fn line(segment: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (at, (x, y)) in segment.iter().enumerate() {
        path.push_str(&format!("{}{x:.1} {y:.1}", if at == 0 { 'M' } else { 'L' }));
    }
    // a single point is drawn as a dot: a line of zero length with a round end
    if segment.len() == 1 { path + "h0" } else { path }
}

fn area(segment: &[(f64, f64)]) -> String {
    let (Some((first, _)), Some((last, _))) = (segment.first(), segment.last()) else { return String::new() };
    format!("{}L{last:.1} {HEIGHT}L{first:.1} {HEIGHT}z", line(segment).trim_end_matches("h0"))
}
