//! The only writer of stdout, and of what is said to people on stderr.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;
use serde_json::json;

use super::error::Error;

/// How answers are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    json: bool,
    colours: bool,
}

/// What a command's stdout is when nobody asked for JSON and it is no terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piped {
    Text,
    Json,
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        Self { json, colours: true }
    }

    pub(super) fn coloured(self, colours: bool) -> Self {
        Self { colours: self.colours && colours, ..self }
    }

    pub(super) fn is_json(self) -> bool {
        self.json
    }

    pub(super) fn stdout_colours(self) -> bool {
        self.colours && io::stdout().is_terminal()
    }

    pub(super) fn stderr_colours(self) -> bool {
        self.colours && io::stderr().is_terminal()
    }

    /// Draws an answer over the last one at a terminal, as much of it as there is room; else writes one after the other. Whether
    /// anybody still reads.
    pub(super) fn redraw<T: Serialize>(self, report: &T, text: impl FnOnce() -> String) -> Result<bool, Error> {
        let drawn = || {
            let room = rustix::termios::tcgetwinsize(io::stdout()).map_or((0, 0), |size| (size.ws_row, size.ws_col));
            format!("\u{1b}[H\u{1b}[2J{}\n", fitting(&text(), room.0.into(), room.1.into()))
        };
        self.write(&self.form(report, Piped::Json, drawn)?)
    }

    /// Writes a command's answer.
    pub(super) fn answer<T: Serialize>(
        self,
        report: &T,
        piped: Piped,
        text: impl FnOnce() -> String,
    ) -> Result<(), Error> {
        self.raw(&self.form(report, piped, text)?)
    }

    /// An answer as a document, or as text.
    fn form<T: Serialize>(self, report: &T, piped: Piped, text: impl FnOnce() -> String) -> Result<String, Error> {
        if self.json || (piped == Piped::Json && !io::stdout().is_terminal()) {
            let document = serde_json::to_string_pretty(report).map_err(io::Error::from)?;
            return Ok(format!("{document}\n"));
        }
        Ok(text())
    }

    /// Writes a text as it is. A reader that has gone away is no failure.
    pub(super) fn raw(self, text: &str) -> Result<(), Error> {
        self.write(text).map(|_| ())
    }

    /// Writes a text; whether anybody still reads.
    fn write(self, text: &str) -> Result<bool, Error> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            done => Ok(done.map(|()| true)?),
        }
    }

    /// Writes an error to stderr, and to stdout as a document where one was asked for.
    pub(super) fn error(self, error: &Error) {
        let hint = error.hint();
        let label = if self.stderr_colours() { "\u{1b}[1;31merror:\u{1b}[0m" } else { "error:" };
        let mut message = format!("{label} {error}\n");
        if let Some(hint) = &hint {
            message.push_str(&format!(" hint: {hint}\n"));
        }
        // there is nowhere left to tell that stderr is gone
        let _ = io::stderr().write_all(message.as_bytes());
        if self.json {
            let document =
                json!({"error": {"message": error.to_string(), "hint": hint, "exit_code": error.exit_code()}});
            let _ = self.raw(&format!("{document:#}\n"));
        }
    }

    /// Asks at a terminal; without one, `--yes` has to be there.
    pub(super) fn confirm(self, question: &str, yes: bool) -> Result<(), Error> {
        if yes {
            return Ok(());
        }
        if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
            return Err(Error::usage("this is destructive and there is no terminal to ask at", "add --yes to confirm"));
        }
        write!(io::stderr(), "{question} [y/N] ")?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        match answer.trim() {
            "y" | "Y" | "yes" => Ok(()),
            _ => Err(Error::usage("not confirmed; nothing was changed", "answer `y`, or add --yes")),
        }
    }
}

/// The first lines that a screen has room for, where the terminal breaks those that are wider; all where it tells no size.
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
