//! Reads and counts lines of bounded length. The first line sets the line end: LF, or CR LF from Windows or from
//! `docker exec -t`. Neither this program nor `pg_dump` writes a CR before an LF, so a CR at each line end is not data.

use std::io::{self, BufRead as _};

use super::source::Text;
use super::unreadable::{Unreadable, wrong};

/// Longest accepted line, in bytes. It bounds the memory for any file.
const LONGEST_LINE: u64 = 64 << 20;

/// Line reader of a backup or dump.
#[derive(Default)]
pub(super) struct LineReader {
    /// Bytes read so far.
    pub(super) read: u64,
    /// Number of the line that was read last, from 1.
    pub(super) number: u64,
    /// Line that was read last, without its line end.
    pub(super) buffer: Vec<u8>,
    ends: Ends,
    /// Number of lines that end with CR LF although the first line does not.
    carriage_returns: u64,
}

/// Line end of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Ends {
    /// No line was read yet.
    #[default]
    Unknown,
    Lf,
    CrLf,
}

impl LineReader {
    /// Reads the next line, without its line end.
    pub(super) fn next(&mut self, text: &mut Text) -> Result<Option<&[u8]>, Unreadable> {
        self.buffer.clear();
        let length = io::Read::take(&mut *text, LONGEST_LINE).read_until(b'\n', &mut self.buffer)?;
        self.read += length as u64;
        self.number += 1;
        match self.buffer.pop() {
            None => return Ok(None),
            Some(b'\n') => {}
            Some(_) if length as u64 == LONGEST_LINE => return Err(wrong("it has a line of over 64 MiB")),
            Some(_) => return Err(wrong("it is cut off in the middle of a line")),
        }
        if self.ends == Ends::Unknown {
            self.ends = if self.buffer.ends_with(b"\r") { Ends::CrLf } else { Ends::Lf };
        }
        self.carriage_returns += u64::from(self.ends == Ends::Lf && self.buffer.ends_with(b"\r"));
        if self.ends == Ends::CrLf && self.buffer.pop() != Some(b'\r') {
            return Err(Unreadable::Wrong(format!(
                "line {} ends with LF, the first one with CR LF: a transport changed some of its lines; {TRANSPORT}",
                self.number
            )));
        }
        Ok(Some(&self.buffer))
    }

    pub(super) fn next_text(&mut self, text: &mut Text) -> Result<Option<&str>, Unreadable> {
        let number = self.number + 1;
        let line = self.next(text)?.map(std::str::from_utf8).transpose();
        line.map_err(|_| Unreadable::Wrong(format!("line {number} is not UTF-8")))
    }

    /// Error for a dump without its last line. It mentions line ends that a transport changed.
    pub(super) fn without_end(&self) -> Unreadable {
        let changed = match self.carriage_returns {
            0 => String::new(),
            count => format!(", and {count} of its lines end with CR LF: a transport changed them; {TRANSPORT}"),
        };
        Unreadable::Wrong(format!("it ends before pg_dump said that it is complete{changed}"))
    }

    /// Refuses a row of a dump that holds a CR, because `pg_dump` writes it as `\r`.
    pub(super) fn refuse_carriage_return(&self) -> Result<(), Unreadable> {
        match memchr::memchr(b'\r', &self.buffer) {
            None => Ok(()),
            Some(_) => Err(Unreadable::Wrong(format!(
                "line {} holds a carriage return, which pg_dump writes as `\\r`: a transport changed it; {TRANSPORT}",
                self.number
            ))),
        }
    }

    /// Error about the line that was read last. It quotes the start of the line with control characters escaped.
    pub(super) fn refuse(&self, why: &str) -> Unreadable {
        let text = String::from_utf8_lossy(&self.buffer[..self.buffer.len().min(60)]).into_owned();
        Unreadable::Wrong(format!("line {} {why}: `{}`", self.number, text.escape_debug()))
    }
}

/// Advice for making a file that no transport changes.
pub(super) const TRANSPORT: &str =
    "make it again without a terminal in between: `pg_dump -f FILE`, `docker exec` without `-t`";
