//! Reads a file line by line, as items: tables, rows, sequences, the end. Nothing in it is ever executed.
//!
//! Two grammars are known: this program's own, of which every line after the schema has to be one that this program
//! writes, and that of a plain `pg_dump` file, of which the COPY blocks of the schema `public` are read and the rest is passed over.
//! Whether a table or column is known is the caller's to check. Memory is bounded by [`LONGEST_LINE`].

use std::io::{self, BufRead};

use super::format::{DATA, FIRST, FORMAT, Footer, Header, LAST, Sequence};
use super::source::Text;

/// A line longer than this is refused: memory stays bounded whatever the file.
const LONGEST_LINE: u64 = 64 << 20;
/// The schema of a backup is far shorter than this.
const LONGEST_SCHEMA: u64 = 4 << 20;
/// PostgreSQL knows no longer names.
const LONGEST_NAME: usize = 63;
/// And no table with more than 1600 columns.
const LONGEST_NAMES: usize = 1700 * (LONGEST_NAME + 4);
/// What the second line of a plain dump says, and one of its last.
const DUMP: &str = "-- PostgreSQL database dump";
const DUMP_END: &str = "-- PostgreSQL database dump complete";

/// What a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A backup of this program.
    Backup(Header),
    /// A plain dump of `pg_dump`.
    Dump,
}

/// How the rows of a block are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Lines of COPY's text format.
    Copy,
    /// `(…)` with SQLite's literals.
    Literals,
}

/// A piece of a file.
#[derive(Debug)]
pub(super) enum Item<'a> {
    /// Rows of this table follow, with these columns in this order.
    Table(String, Vec<String>),
    /// A row of the table that was named last.
    Row(&'a [u8]),
    /// A value that a sequence goes on from.
    Sequence(Sequence),
    /// Nothing follows.
    End(Option<Footer>),
}

/// Why a file is none that can be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    /// It was made by a newer program.
    #[error("{0}")]
    Newer(String),
    /// Damaged, foreign, or not this grammar.
    #[error("{0}")]
    Wrong(String),
    /// The system failed, or the compressed stream is damaged.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// The reader.
pub(super) struct Reader {
    text: Text,
    lines: Lines,
    kind: Kind,
    block: Option<Form>,
    /// A block of a dump that is of no interest.
    skipping: bool,
}

impl Reader {
    /// Reads up to the rows.
    ///
    /// # Errors
    /// The file begins as none that is known.
    pub(super) fn open(mut text: Text) -> Result<Self, Unreadable> {
        let mut lines = Lines::default();
        let first = lines.next(&mut text)?.ok_or_else(|| wrong("it is empty"))?;
        let kind = if let Some(header) = first.strip_prefix(FIRST.as_bytes()) {
            Kind::Backup(header_of(header)?)
        } else if first == b"--" && lines.next(&mut text)? == Some(DUMP.as_bytes()) {
            Kind::Dump
        } else {
            return Err(wrong("it begins neither as a backup of authsvc nor as a plain dump of pg_dump"));
        };
        if matches!(kind, Kind::Backup(_)) {
            while lines.next(&mut text)?.ok_or_else(|| wrong("it ends before its rows"))? != DATA.as_bytes() {
                if lines.read > LONGEST_SCHEMA {
                    return Err(wrong("its schema is longer than any that authsvc makes"));
                }
            }
        }
        Ok(Self { text, lines, kind, block: None, skipping: false })
    }

    pub(super) fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Bytes of text that were read.
    pub(super) fn position(&self) -> u64 {
        self.lines.read
    }

    /// The line that was read last, from 1.
    pub(super) fn line(&self) -> u64 {
        self.lines.number
    }

    /// What was read through, for its checksum.
    pub(super) fn into_text(self) -> Text {
        self.text
    }

    /// The next item.
    ///
    /// # Errors
    /// A line that is not of the grammar, or the end where none may be.
    pub(super) fn next(&mut self) -> Result<Item<'_>, Unreadable> {
        let block = self.block;
        match block {
            Some(Form::Copy) if self.next_row()? => Ok(Item::Row(&self.lines.buffer)),
            Some(Form::Literals) => self.literals(),
            // between blocks
            _ if self.kind == Kind::Dump => self.dump_item(),
            _ => self.backup_item(),
        }
    }

    /// Goes on to the next row of the block that is of interest; whether there is one before the block ends.
    fn next_row(&mut self) -> Result<bool, Unreadable> {
        loop {
            let line = self.lines.next(&mut self.text)?.ok_or_else(|| wrong("it ends inside a block of rows"))?;
            if line == b"\\." {
                self.block = None;
                self.skipping = false;
                return Ok(false);
            }
            if !self.skipping {
                return Ok(true);
            }
        }
    }

    fn literals(&mut self) -> Result<Item<'_>, Unreadable> {
        self.lines.next(&mut self.text)?.ok_or_else(|| wrong("it ends inside a block of rows"))?;
        match self.lines.buffer.split_last() {
            Some((b',', row)) => Ok(Item::Row(row)),
            Some((b';', row)) => {
                self.block = None;
                Ok(Item::Row(row))
            }
            _ => Err(self.lines.refuse("is a row without an end")),
        }
    }

    fn backup_item(&mut self) -> Result<Item<'_>, Unreadable> {
        let postgres = matches!(&self.kind, Kind::Backup(header) if header.backend == "postgres");
        loop {
            let line = self.lines.next_text(&mut self.text)?.ok_or_else(|| wrong("it ends before its last line"))?;
            if let Some(footer) = line.strip_prefix(LAST) {
                let footer = serde_json::from_str(footer).map_err(|error| wrong(&format!("its last line: {error}")))?;
                if self.lines.next(&mut self.text)?.is_some() {
                    return Err(wrong("it goes on after its last line"));
                }
                return Ok(Item::End(Some(footer)));
            }
            let block = if postgres { copy_block(line) } else { insert_block(line) };
            if let Some((table, columns)) = block {
                let form = if postgres { Form::Copy } else { Form::Literals };
                self.block = Some(form);
                return Ok(Item::Table(table, columns));
            }
            if let Some(sequence) = if postgres { setval(line, "setval('") } else { sqlite_sequence(line) } {
                return Ok(Item::Sequence(sequence));
            }
            if !is_passed_over(line, postgres) {
                return Err(self.lines.refuse("is none that authsvc writes"));
            }
        }
    }

    fn dump_item(&mut self) -> Result<Item<'_>, Unreadable> {
        loop {
            let Some(line) = self.lines.next(&mut self.text)? else {
                return Err(wrong("it ends before pg_dump said that it is complete"));
            };
            if line == DUMP_END.as_bytes() {
                return self.dump_end();
            }
            let Ok(line) = std::str::from_utf8(line) else { continue };
            if line.starts_with("SET client_encoding = ") && line != "SET client_encoding = 'UTF8';" {
                return Err(self.lines.refuse("tells of another encoding; make the dump with --encoding=UTF8"));
            }
            if line.starts_with("INSERT INTO public.") {
                return Err(self
                    .lines
                    .refuse("is an INSERT: only dumps with COPY can be read; make it without --inserts"));
            }
            if let Some((table, columns)) = dump_block(line) {
                self.block = Some(Form::Copy);
                return Ok(Item::Table(table, columns));
            }
            if line.starts_with("COPY ") && line.ends_with(" FROM stdin;") {
                self.block = Some(Form::Copy);
                self.skipping = true;
                self.next_row()?;
                continue;
            }
            if let Some(sequence) = setval(line, "pg_catalog.setval('public.") {
                return Ok(Item::Sequence(sequence));
            }
        }
    }

    fn dump_end(&mut self) -> Result<Item<'_>, Unreadable> {
        while let Some(line) = self.lines.next(&mut self.text)? {
            let nothing = line.is_empty() || line == b"--" || line.starts_with(b"\\unrestrict ");
            if !nothing {
                return Err(self.lines.refuse("follows after the end of the dump"));
            }
        }
        Ok(Item::End(None))
    }

    /// Passes over the rows of the table that was named last.
    pub(super) fn skip_table(&mut self) {
        self.skipping = true;
    }
}

fn header_of(text: &[u8]) -> Result<Header, Unreadable> {
    let header: Header = serde_json::from_slice(text).map_err(|error| wrong(&format!("its first line: {error}")))?;
    if header.format > FORMAT {
        let message = format!("it has format {}, this program knows up to {FORMAT}", header.format);
        return Err(Unreadable::Newer(message));
    }
    Ok(header)
}

/// Table and columns of the line that opens a block: `COPY t (a, b) FROM stdin;`
fn copy_block(line: &str) -> Option<(String, Vec<String>)> {
    table_and_columns(line.strip_prefix("COPY ")?.strip_suffix(" FROM stdin;")?, is_name)
}

/// The same for `COPY public.t (a, "B") FROM stdin;`: a column of somebody else's may have any name.
fn dump_block(line: &str) -> Option<(String, Vec<String>)> {
    table_and_columns(line.strip_prefix("COPY public.")?.strip_suffix(" FROM stdin;")?, |_| true)
}

/// The same for `INSERT INTO t (a, b) VALUES`
fn insert_block(line: &str) -> Option<(String, Vec<String>)> {
    table_and_columns(line.strip_prefix("INSERT INTO ")?.strip_suffix(" VALUES")?, is_name)
}

fn table_and_columns(text: &str, is_column: fn(&str) -> bool) -> Option<(String, Vec<String>)> {
    let (table, columns) = text.strip_suffix(')')?.split_once(" (")?;
    if !is_name(table) || text.len() > LONGEST_NAMES || !columns.split(", ").all(is_column) {
        return None;
    }
    Some((table.to_owned(), columns.split(", ").map(str::to_owned).collect()))
}

fn is_name(text: &str) -> bool {
    (1..=LONGEST_NAME).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// `SELECT setval('users_id_seq', 13, true);`
fn setval(line: &str, call: &str) -> Option<Sequence> {
    let mut parts = line.strip_prefix("SELECT ")?.strip_prefix(call)?.strip_suffix(");")?.splitn(3, ", ");
    let name = parts.next()?.strip_suffix('\'').filter(|name| is_name(name))?.to_owned();
    let value = parts.next()?.parse().ok()?;
    let used = parts.next()?.parse().ok()?;
    Some(Sequence { name, value, used })
}

/// `INSERT INTO sqlite_sequence (name, seq) VALUES ('users', 13);`
fn sqlite_sequence(line: &str) -> Option<Sequence> {
    let values = line.strip_prefix("INSERT INTO sqlite_sequence (name, seq) VALUES ('")?.strip_suffix(");")?;
    let (name, value) = values.split_once("', ")?;
    Some(Sequence { name: name.to_owned(), value: value.parse().ok()?, used: true }).filter(|_| is_name(name))
}

/// Lines that mean something to `psql` and `sqlite3` only.
fn is_passed_over(line: &str, postgres: bool) -> bool {
    let between =
        |start: &str, end: &str| line.strip_prefix(start).and_then(|rest| rest.strip_suffix(end)).is_some_and(is_name);
    line == "COMMIT;"
        || (postgres && between("ALTER TABLE ", " ENABLE TRIGGER USER;"))
        || (!postgres && between("DELETE FROM sqlite_sequence WHERE name = '", "';"))
}

pub(super) fn wrong(message: &str) -> Unreadable {
    Unreadable::Wrong(message.to_owned())
}

/// Lines of bounded length, counted.
#[derive(Default)]
struct Lines {
    read: u64,
    number: u64,
    buffer: Vec<u8>,
}

impl Lines {
    /// The next line, without its line feed.
    fn next(&mut self, text: &mut Text) -> Result<Option<&[u8]>, Unreadable> {
        self.buffer.clear();
        let length = io::Read::take(&mut *text, LONGEST_LINE).read_until(b'\n', &mut self.buffer)?;
        self.read += length as u64;
        self.number += 1;
        match self.buffer.pop() {
            None => Ok(None),
            Some(b'\n') => Ok(Some(&self.buffer)),
            Some(_) if length as u64 == LONGEST_LINE => Err(wrong("it has a line of over 64 MiB")),
            Some(_) => Err(wrong("it is cut off in the middle of a line")),
        }
    }

    fn next_text(&mut self, text: &mut Text) -> Result<Option<&str>, Unreadable> {
        let number = self.number + 1;
        let line = self.next(text)?.map(std::str::from_utf8).transpose();
        line.map_err(|_| Unreadable::Wrong(format!("line {number} is not UTF-8")))
    }

    /// The line that was read last is refused; its beginning is quoted, without signs that a terminal could obey.
    fn refuse(&self, why: &str) -> Unreadable {
        let text = String::from_utf8_lossy(&self.buffer[..self.buffer.len().min(60)]).into_owned();
        Unreadable::Wrong(format!("line {} {why}: `{}`", self.number, text.escape_debug()))
    }
}
