//! Metric families of one scrape. A figure that is `None` has no sample, and a family without samples is absent.

use std::fmt::Debug;

use chrono::{DateTime, Utc};
use prometheus::core::Collector;
use prometheus::{GaugeVec, IntCounterVec, Opts, Registry, Result, TextEncoder};

/// Type of a figure that a sample can show.
pub(super) trait MetricFigure {
    /// Returns the value of the sample; `None` if the figure is not available.
    fn value(self) -> Option<f64>;
}

impl MetricFigure for f64 {
    fn value(self) -> Option<f64> {
        self.is_finite().then_some(self)
    }
}

impl MetricFigure for bool {
    fn value(self) -> Option<f64> {
        Some(f64::from(u8::from(self)))
    }
}

impl MetricFigure for u32 {
    fn value(self) -> Option<f64> {
        Some(f64::from(self))
    }
}

impl MetricFigure for u64 {
    fn value(self) -> Option<f64> {
        Some(self as f64)
    }
}

impl MetricFigure for usize {
    fn value(self) -> Option<f64> {
        Some(self as f64)
    }
}

impl MetricFigure for i64 {
    fn value(self) -> Option<f64> {
        Some(self as f64)
    }
}

/// Time as seconds since 1970.
impl MetricFigure for DateTime<Utc> {
    fn value(self) -> Option<f64> {
        Some(self.timestamp_micros() as f64 / 1e6)
    }
}

impl<F: MetricFigure> MetricFigure for Option<F> {
    fn value(self) -> Option<f64> {
        self.and_then(MetricFigure::value)
    }
}

/// Converts a percentage into a ratio from 0 to 1, rounded so that 15.38 % is not 0.15380000000000002.
pub(super) fn ratio(percentage: Option<f64>) -> Option<f64> {
    percentage.map(|percentage| (percentage * 1e4).round() / 1e6)
}

/// Converts milliseconds into seconds, rounded to nanoseconds.
pub(super) fn seconds(milliseconds: Option<f64>) -> Option<f64> {
    milliseconds.map(|milliseconds| (milliseconds * 1e6).round() / 1e9)
}

/// Metric families of one scrape.
#[derive(Default)]
pub(super) struct Families(Registry);

impl Families {
    /// Adds a gauge without labels.
    pub(super) fn gauge(&self, name: &str, help: &str, figure: impl MetricFigure) -> Result<()> {
        self.gauges(name, help, [], [([""; 0], figure)])
    }

    /// Adds a gauge with labels. Each sample has the values of its labels.
    pub(super) fn gauges<const N: usize, V: AsRef<str> + Debug, F: MetricFigure>(
        &self,
        name: &str,
        help: &str,
        labels: [&str; N],
        samples: impl IntoIterator<Item = ([V; N], F)>,
    ) -> Result<()> {
        let family = GaugeVec::new(Opts::new(name, help), &labels)?;
        for (values, figure) in samples {
            if let Some(value) = figure.value() {
                family.get_metric_with_label_values(&values)?.set(value);
            }
        }
        self.add(family)
    }

    /// Adds a counter. Each sample has the values of its labels.
    pub(super) fn counters<const N: usize, V: AsRef<str> + Debug>(
        &self,
        name: &str,
        help: &str,
        labels: [&str; N],
        samples: impl IntoIterator<Item = ([V; N], Option<u64>)>,
    ) -> Result<()> {
        let family = IntCounterVec::new(Opts::new(name, help), &labels)?;
        for (values, figure) in samples {
            if let Some(value) = figure {
                family.get_metric_with_label_values(&values)?.inc_by(value);
            }
        }
        self.add(family)
    }

    /// Adds an existing metric family.
    pub(super) fn add(&self, family: impl Collector + 'static) -> Result<()> {
        self.0.register(Box::new(family))
    }

    /// Returns all families in the text format of Prometheus, sorted by name.
    pub(super) fn encode(&self) -> Result<String> {
        TextEncoder::new().encode_to_string(&self.0.gather())
    }
}
