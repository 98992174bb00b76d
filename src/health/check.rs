//! What a figure means: a verdict, a sentence, and what to do.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A verdict. The worst of all counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// Nothing to do.
    Healthy,
    /// It works, and somebody should look at it.
    Degraded,
    /// It does not work, or must not go on so.
    Unhealthy,
}

impl fmt::Display for HealthStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        })
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// Its name in `docs/MONITORING.md`.
    pub name: String,
    /// The verdict.
    pub status: HealthStatus,
    /// What was found, with figures.
    pub message: String,
    /// What to do; empty where there is nothing to do.
    pub hint: String,
}

impl HealthCheck {
    /// Nothing to do.
    pub(super) fn healthy(name: &str, message: impl Into<String>) -> Self {
        Self::new(name, HealthStatus::Healthy, message, "")
    }

    /// A finding.
    pub(super) fn new(name: &str, status: HealthStatus, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { name: name.to_owned(), status, message: message.into(), hint: hint.into() }
    }

    /// The worst of several; healthy if there are none.
    pub(super) fn worst(checks: &[Self]) -> HealthStatus {
        checks.iter().map(|check| check.status).max().unwrap_or(HealthStatus::Healthy)
    }

    /// What is wrong and what to do, for `errors`.
    pub(super) fn errors(checks: &[Self]) -> Vec<String> {
        let wrong = checks.iter().filter(|check| check.status > HealthStatus::Healthy);
        wrong.map(|check| format!("{}: {}; {}", check.name, check.message, check.hint)).collect()
    }
}
