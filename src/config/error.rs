//! Error of a variable that cannot be used.

use crate::db::InvalidUrl;

/// A variable that cannot be used, with the reason and a hint. It never contains a secret's value.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database URL is refused.
    #[error("{variable}: {source}")]
    Url {
        /// Name of the variable.
        variable: &'static str,
        /// Reason for the refusal.
        source: InvalidUrl,
    },
    /// Another variable is refused.
    #[error("{variable}: {message}")]
    Invalid {
        /// Name of the variable.
        variable: String,
        /// Reason for the refusal.
        message: String,
        /// Hint for the operator.
        hint: String,
    },
}

impl Error {
    pub(super) fn invalid(variable: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Invalid { variable: variable.into(), message: message.into(), hint: hint.into() }
    }

    /// Hint for the operator: how to solve the problem.
    pub fn hint(&self) -> &str {
        match self {
            Self::Url { source, .. } => source.hint(),
            Self::Invalid { hint, .. } => hint,
        }
    }
}
