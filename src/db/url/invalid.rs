//! Error of a refused URL.

/// Error of a refused URL: the reason and a hint. It never contains user name or password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidUrl {
    message: String,
    hint: String,
    variable: Option<&'static str>,
}

impl InvalidUrl {
    pub(super) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into(), variable: None }
    }

    pub(super) fn of_variable(self, variable: &'static str) -> Self {
        Self { variable: Some(variable), ..self }
    }

    /// Returns the environment variable that is wrong, if it is not that of the URL.
    pub fn variable(&self) -> Option<&'static str> {
        self.variable
    }

    /// Returns the hint for the operator.
    pub fn hint(&self) -> &str {
        &self.hint
    }
}
