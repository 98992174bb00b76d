//! One section of a report: its figures, and the reasons why some are missing.

/// Figures of one section, and warnings about those that are missing.
#[derive(Debug, Default)]
pub(super) struct Section<T> {
    pub(super) figures: T,
    /// One warning for each group of missing figures, for the field `warnings` of the report.
    pub(super) warnings: Vec<String>,
}
