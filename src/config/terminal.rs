//! Abilities of the terminal and wishes of its user, from variables that most programs read.

use super::Variables;

/// Abilities of the terminal that output may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalSettings {
    /// True if colours are used. False if `NO_COLOR` is set, `CLICOLOR` is 0, or `TERM` is unset or `dumb`.
    pub colours: bool,
    /// True if the cursor can be moved. False if `TERM` is `dumb`.
    pub cursor: bool,
}

impl TerminalSettings {
    /// Reads the settings from variables.
    pub fn of(variables: &Variables) -> Self {
        let (kind, cursor) = (variables.get("TERM"), variables.get("TERM") != Some("dumb"));
        let unwanted = variables.get("NO_COLOR").is_some() || variables.get("CLICOLOR") == Some("0");
        Self { colours: kind.is_some() && cursor && !unwanted, cursor }
    }

    /// Reads the settings of this process. If the environment cannot be read, both are false.
    pub fn of_process() -> Self {
        Variables::of_process().map_or(Self { colours: false, cursor: false }, |variables| Self::of(&variables))
    }
}
