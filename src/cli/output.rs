//! The only writer of stdout and of messages on stderr. All output passes [`printable`]. No text from elsewhere can
//! therefore move the cursor, hide a line or fake one.

use std::io::{self, IsTerminal, Write};

use clap::error::ContextValue;
use serde::Serialize;
use serde_json::json;

use super::error::Error;
use super::usage_error::UsageError;
use crate::config::TerminalSettings;
use crate::printable::{self, Styles};

/// Output settings of a command.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    json: bool,
    terminal: TerminalSettings,
}

/// Output stream of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OutputStream {
    Stdout,
    Stderr,
}

impl OutputStream {
    fn is_terminal(self) -> bool {
        match self {
            Self::Stdout => io::stdout().is_terminal(),
            Self::Stderr => io::stderr().is_terminal(),
        }
    }
}

/// Format of a report if stdout is not a terminal and `--json` is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piped {
    Text,
    Json,
}

impl Output {
    pub(super) fn new(json: bool, terminal: TerminalSettings) -> Self {
        Self { json, terminal }
    }

    pub(super) fn is_json(self) -> bool {
        self.json
    }

    pub(super) fn stdout_colours(self) -> bool {
        self.styles(OutputStream::Stdout) == Styles::Kept
    }

    /// Colours of a stream: kept at a terminal that supports them, unless the user disabled them.
    pub(super) fn styles(self, stream: OutputStream) -> Styles {
        let has_colours = self.terminal.colours && stream.is_terminal();
        if has_colours { Styles::Kept } else { Styles::Escaped }
    }

    /// Returns true if progress is drawn, which needs a terminal with a movable cursor.
    pub(super) fn draws(self) -> bool {
        self.terminal.cursor && io::stderr().is_terminal()
    }

    /// Draws a report over the last one at a terminal, as far as it fits. Elsewhere reports follow each other. Returns
    /// false if the reader has closed stdout.
    pub(super) fn redraw<T: Serialize>(self, report: &T, text: impl FnOnce() -> String) -> Result<bool, Error> {
        if !self.terminal.cursor {
            return self.write(&self.form(report, Piped::Json, text)?);
        }
        let drawn = || {
            let room = rustix::termios::tcgetwinsize(io::stdout()).map_or((0, 0), |size| (size.ws_row, size.ws_col));
            fitting(&text(), room.0.into(), room.1.into()) + "\n"
        };
        let drawing = self.form(report, Piped::Json, drawn)?;
        let is_drawn = !self.json && io::stdout().is_terminal();
        self.write(&if is_drawn { format!("\u{1b}[H\u{1b}[2J{drawing}") } else { drawing })
    }

    /// Writes a command's report.
    pub(super) fn answer<T: Serialize>(
        self,
        report: &T,
        piped: Piped,
        text: impl FnOnce() -> String,
    ) -> Result<(), Error> {
        self.raw(&self.form(report, piped, text)?)
    }

    /// Formats a report as JSON or as text.
    fn form<T: Serialize>(self, report: &T, piped: Piped, text: impl FnOnce() -> String) -> Result<String, Error> {
        if self.json || (piped == Piped::Json && !io::stdout().is_terminal()) {
            let document = serde_json::to_string_pretty(report).map_err(io::Error::from)?;
            return Ok(printable::json(&document) + "\n");
        }
        Ok(printable::block(&text(), self.styles(OutputStream::Stdout)))
    }

    /// Writes a text unchanged. A closed stdout is not an error.
    pub(super) fn raw(self, text: &str) -> Result<(), Error> {
        self.write(text).map(|_| ())
    }

    /// Writes a text. Returns false if the reader has closed stdout.
    fn write(self, text: &str) -> Result<bool, Error> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            done => done.map(|()| true).map_err(Error::Stdout),
        }
    }

    /// Writes an error to stderr and, with `--json`, as a JSON document to stdout.
    pub(super) fn error(self, error: &Error) {
        let hint = error.hint();
        let label = match self.styles(OutputStream::Stderr) {
            Styles::Kept => "\u{1b}[1;31merror:\u{1b}[0m",
            Styles::Escaped => "error:",
        };
        // only messages that the program itself formats have several lines
        let text = error.to_string();
        let text = if error.has_lines() { printable::block(&text, Styles::Escaped) } else { printable::line(&text) };
        let mut message = format!("{label} {text}\n");
        if let Some(hint) = &hint {
            message.push_str(&format!(" hint: {}\n", printable::line(hint)));
        }
        // a failure of stderr cannot be reported anywhere
        let _ = io::stderr().write_all(message.as_bytes());
        if self.json && !matches!(error, Error::Stdout(_)) {
            let document =
                json!({"error": {"message": error.to_string(), "hint": hint, "exit_code": error.exit_code()}});
            let _ = self.raw(&(printable::json(&format!("{document:#}")) + "\n"));
        }
    }

    /// Writes the command line parser's text: help to stdout, an error to stderr. Returns the exit code.
    pub(super) fn usage(self, said: clap::Error) -> u8 {
        let said = in_lines_of_its_own(said);
        let stream = if said.use_stderr() { OutputStream::Stderr } else { OutputStream::Stdout };
        let styles = self.styles(stream);
        let text = match styles {
            Styles::Kept => said.render().ansi().to_string(),
            Styles::Escaped => said.render().to_string(),
        };
        let text = printable::block(&text, styles);
        let code = u8::try_from(said.exit_code()).unwrap_or(2);
        if stream == OutputStream::Stderr {
            let _ = io::stderr().write_all(text.as_bytes());
            return code;
        }
        match self.raw(&text) {
            Ok(()) => code,
            Err(error) => {
                self.error(&error);
                error.exit_code()
            }
        }
    }

    /// Asks for confirmation at a terminal. Without a terminal, `--yes` is required.
    pub(super) fn confirm(self, question: &str, yes: bool) -> Result<(), Error> {
        if yes {
            return Ok(());
        }
        if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
            return Err(UsageError::NoTerminal.into());
        }
        write!(io::stderr(), "{} [y/N] ", printable::line(question))?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        match answer.trim() {
            "y" | "Y" | "yes" => Ok(()),
            _ => Err(UsageError::NotConfirmed.into()),
        }
    }
}

/// Escapes line breaks in command line values that the parser's error quotes.
fn in_lines_of_its_own(mut said: clap::Error) -> clap::Error {
    let clean = |value: &ContextValue| match value {
        ContextValue::String(text) => Some(ContextValue::String(printable::line(text))),
        ContextValue::Strings(texts) => {
            Some(ContextValue::Strings(texts.iter().map(|text| printable::line(text)).collect()))
        }
        _ => None,
    };
    let cleaned: Vec<_> = said.context().filter_map(|(kind, value)| Some((kind, clean(value)?))).collect();
    for (kind, value) in cleaned {
        said.insert(kind, value);
    }
    said
}

/// First lines of a text that fit on the screen, counting wrapped lines. All lines if the screen size is unknown.
fn fitting(text: &str, rows: usize, columns: usize) -> String {
    if rows == 0 || columns == 0 {
        return text.trim_end().to_owned();
    }
    let mut left = rows - 1;
    let fits = |line: &&str| {
        let height = console::measure_text_width(line).div_ceil(columns).max(1);
        let is_room = height <= left;
        left = left.saturating_sub(height);
        is_room
    };
    text.lines().take_while(fits).collect::<Vec<_>>().join("\n")
}
