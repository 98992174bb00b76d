//! Figures that may be missing. A `None` of the report is never shown as zero. Its dash links to the reason.

use crate::health::DetailedHealthReport;

/// Figure of the report, or the reason for which it is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Figure<T = String> {
    Known(T),
    Unknown {
        /// Link to the reason on the page.
        href: String,
        /// Reason for which the figure is missing.
        why: String,
    },
}

/// Warning of a report about missing or estimated figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MissingReason {
    /// Id of the warning's line on the page.
    pub(super) id: String,
    /// Names of the figures, empty if the warning names none.
    pub(super) what: String,
    /// Reason for which the figures are missing or estimated.
    pub(super) why: String,
}

/// Warnings of both reports, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reasons(Vec<MissingReason>);

impl Reasons {
    pub(super) fn new(detailed: &DetailedHealthReport) -> Self {
        let mut reasons: Vec<MissingReason> = Vec::new();
        for warning in detailed.basic_health.warnings.iter().chain(&detailed.warnings) {
            let (what, why) = warning.split_once(": ").unwrap_or(("", warning));
            if !reasons.iter().any(|known| known.what == what && known.why == why) {
                let id = format!("why-{}", reasons.len() + 1);
                reasons.push(MissingReason { id, what: what.to_owned(), why: why.to_owned() });
            }
        }
        Self(reasons)
    }

    pub(super) fn all(&self) -> &[MissingReason] {
        &self.0
    }

    /// Returns for an empty list that it is known to be empty, or the reason for which it was not read.
    pub(super) fn nothing(&self, name: &str) -> Figure<()> {
        let is_told = self.0.iter().any(|reason| reason.names(name) || reason.is_about_all());
        self.figure(name, (!is_told).then_some(()))
    }

    /// Returns the figure, or the reason for which it is missing.
    ///
    /// `name` is its name in the report, or several words that must all be in the reason, such as `rows users`.
    pub(super) fn figure<T>(&self, name: &str, value: Option<T>) -> Figure<T> {
        if let Some(value) = value {
            return Figure::Known(value);
        }
        let named = self.0.iter().find(|reason| reason.names(name));
        let about_all = || self.0.iter().find(|reason| reason.is_about_all());
        match (named, about_all()) {
            (Some(reason), _) => Figure::Unknown { href: reason.href(), why: reason.why.clone() },
            (None, Some(all)) => Figure::Unknown { href: all.href(), why: format!("{}: {}", all.what, all.why) },
            (None, None) => {
                Figure::Unknown { href: "#not-known".to_owned(), why: "the report gives no reason".to_owned() }
            }
        }
    }
}

impl MissingReason {
    fn names(&self, name: &str) -> bool {
        let words: Vec<&str> = self.what.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        name.split(' ').all(|word| words.contains(&word))
    }

    fn is_about_all(&self) -> bool {
        self.what.starts_with("every figure")
    }

    fn href(&self) -> String {
        format!("#{}", self.id)
    }
}

/// Returns the reason if all figures are missing for one reason. The page then shows the reason in place of a table of
/// dashes.
pub(super) fn common<'a, T: 'a>(figures: impl IntoIterator<Item = &'a Figure<T>>) -> Option<&'a str> {
    let mut common = None;
    for figure in figures {
        let Figure::Unknown { why, .. } = figure else { return None };
        if *common.get_or_insert(why) != why {
            return None;
        }
    }
    common.map(String::as_str)
}
