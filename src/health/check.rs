//! Health check: a verdict on figures, with a message and a hint.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Verdict of a check. The worst verdict of all checks decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// No action is needed.
    Healthy,
    /// The service works, but an operator should act.
    Degraded,
    /// The service does not work or must not continue in this state.
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

/// Result of one check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// Name of the check, as in `docs/MONITORING.md`.
    pub name: String,
    /// Verdict of the check.
    pub status: HealthStatus,
    /// Finding of the check, with figures.
    pub message: String,
    /// Action for the operator. Empty if none is needed.
    pub hint: String,
}

impl HealthCheck {
    /// Creates a healthy check.
    pub(super) fn healthy(name: &str, message: impl Into<String>) -> Self {
        Self::new(name, HealthStatus::Healthy, message, "")
    }

    /// Creates a check with a verdict and a hint.
    pub(super) fn new(name: &str, status: HealthStatus, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { name: name.to_owned(), status, message: message.into(), hint: hint.into() }
    }

    /// Worst verdict of several checks. Healthy if there are none.
    pub(super) fn worst(checks: &[Self]) -> HealthStatus {
        checks.iter().map(|check| check.status).max().unwrap_or(HealthStatus::Healthy)
    }

    /// One line per check that is not healthy, with message and hint, for the field `errors`.
    pub(super) fn errors(checks: &[Self]) -> Vec<String> {
        let wrong = checks.iter().filter(|check| check.status > HealthStatus::Healthy);
        wrong.map(|check| format!("{}: {}; {}", check.name, check.message, check.hint)).collect()
    }
}
