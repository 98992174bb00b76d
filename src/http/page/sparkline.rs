//! The last hour of one figure as a line, drawn by the server. The x axis is the hour, so that a gap in the samples is a gap in
//! the line, and a process that began ten minutes ago fills a sixth of it.

use chrono::{DateTime, TimeDelta, Utc};

use crate::health::HealthSample;

/// Of the drawing, in its own units; the page stretches it.
pub(super) const WIDTH: f64 = 240.0;
pub(super) const HEIGHT: f64 = 32.0;
/// Left free above and below, so that the line's width is not cut off.
const MARGIN: f64 = 3.0;

/// A drawn line.
pub(super) struct Sparkline {
    /// What it shows, in words: least, most, last.
    pub(super) label: String,
    /// `last hour 0.6 ms – 14 ms`.
    pub(super) range: String,
    pub(super) line: String,
    /// From the line down to the floor.
    pub(super) area: String,
    /// The last point; none where the last sample has no figure.
    pub(super) last: Option<String>,
}

/// Where the lowest value is drawn, and the highest.
pub(super) enum Scale {
    /// From zero to the highest of the hour.
    FromZero,
    /// From zero to the most there can be.
    UpTo(f64),
    /// Around the values of the hour: for what is big and changes by little.
    Around,
}

/// What to draw.
pub(super) struct Series<'a> {
    pub(super) name: &'a str,
    /// What the range counts, where the tile's name does not say.
    pub(super) unit: &'static str,
    pub(super) value: fn(&HealthSample) -> Option<f64>,
    pub(super) show: fn(f64) -> String,
    pub(super) scale: Scale,
}

impl Series<'_> {
    /// Nothing where no sample of the last hour has a figure.
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
            // a hundredth is not made to look like a doubling
            Scale::Around => {
                let (middle, half) = (f64::midpoint(least, most), (most - least) / 2.0);
                let half = half.max(middle.abs() / 100.0);
                (middle - half, middle + half)
            }
        };
        (floor, if ceiling > floor { ceiling } else { floor + 1.0 })
    }

    /// Points without a gap between them.
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
    // a single point is drawn as a dot: a line of no length with a round end
    if segment.len() == 1 { path + "h0" } else { path }
}

fn area(segment: &[(f64, f64)]) -> String {
    let (Some((first, _)), Some((last, _))) = (segment.first(), segment.last()) else { return String::new() };
    format!("{}L{last:.1} {HEIGHT}L{first:.1} {HEIGHT}z", line(segment).trim_end_matches("h0"))
}
