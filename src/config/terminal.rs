//! What a terminal can do and people want of it, by the variables that all programs read.

use super::Variables;

/// Whether a terminal gets colours and drawings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalSettings {
    /// Colours: not where `NO_COLOR` is set, `CLICOLOR` is 0, `TERM` is unset or `dumb`.
    pub colours: bool,
    /// Whether the cursor can be moved: not where `TERM` is `dumb`.
    pub cursor: bool,
}

impl TerminalSettings {
    /// From variables.
    pub fn of(variables: &Variables) -> Self {
        let (kind, cursor) = (variables.get("TERM"), variables.get("TERM") != Some("dumb"));
        let unwanted = variables.get("NO_COLOR").is_some() || variables.get("CLICOLOR") == Some("0");
        Self { colours: kind.is_some() && cursor && !unwanted, cursor }
    }

    /// Of this process. Where the environment cannot be read, nothing is coloured or drawn.
    pub fn of_process() -> Self {
        Variables::of_process().map_or(Self { colours: false, cursor: false }, |variables| Self::of(&variables))
    }
}
