//! A figure, or why there is none: a report's `None` is never shown as zero, and its dash leads to the reason.

use crate::health::DetailedHealthReport;

/// A figure that is there or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Figure<T = String> {
    Known(T),
    Unknown {
        /// Where the page tells the reason.
        href: String,
        /// The reason.
        why: String,
    },
}

/// One of the reports' warnings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MissingReason {
    /// Of its line on the page.
    pub(super) id: String,
    /// Which figures; empty where the warning does not say.
    pub(super) what: String,
    /// Why they are missing or estimates.
    pub(super) why: String,
}

/// Both reports' warnings, each once.
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

    /// Of an empty list: whether it is known that there is nothing, or why it was not read.
    pub(super) fn nothing(&self, name: &str) -> Figure<()> {
        let is_told = self.0.iter().any(|reason| reason.names(name) || reason.is_about_all());
        self.figure(name, (!is_told).then_some(()))
    }

    /// The figure, or the reason that names it. `name` is the report's name of it, or several words that all are in the
    /// reason, such as `rows users`.
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
                Figure::Unknown { href: "#not-known".to_owned(), why: "the report does not say why".to_owned() }
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

/// The reason, where all figures are missing for the same one: it is told once instead of a table of dashes.
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
