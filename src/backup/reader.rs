//! Reads a file line by line, as items: tables, rows, sequences, the end. Nothing in it is ever executed.
//!
//! Two grammars are known: this program's own, of which every line after the schema has to be one that this program
//! writes, and that of a plain `pg_dump` file, of which the COPY blocks of the schema `public` are read and the rest is passed over:
//! `lexer` tells which of its lines begin a statement. Whether a table or column is known is the caller's to check. Memory is
//! bounded by the longest line (`lines`). Other files are named by `recognise`.

use std::io::{self, BufRead as _};

use super::format::{DATA, FIRST, FORMAT, Footer, Header, LAST, Sequence};
use super::grammar::{
    copy_block, dump_block, dump_setval, insert_block, is_insert, is_passed_over, setval, sqlite_sequence,
};
use super::lexer::Lexer;
use super::lines::LineReader;
use super::recognise;
use super::source::Text;

/// What some programs write before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// The schema of a backup is far shorter than this.
const LONGEST_SCHEMA: u64 = 4 << 20;
/// What the second line of a plain dump says, and one of its last.
pub(super) const DUMP: &str = "-- PostgreSQL database dump";
const DUMP_END: &str = "-- PostgreSQL database dump complete";

/// What a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FileKind {
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
pub(super) enum FileItem<'a> {
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
pub(super) struct BackupReader {
    text: Text,
    lines: LineReader,
    kind: FileKind,
    block: Option<Form>,
    /// A block of a dump that is of no interest.
    skipping: bool,
    /// Of a dump.
    lexer: Lexer,
}

impl BackupReader {
    /// Reads up to the rows.
    ///
    /// # Errors
    /// The file begins as none that is known.
    pub(super) fn open(mut text: Text) -> Result<Self, Unreadable> {
        let mut lines = LineReader::default();
        if text.fill_buf()?.starts_with(BYTE_ORDER_MARK) {
            text.consume(BYTE_ORDER_MARK.len());
            lines.read = BYTE_ORDER_MARK.len() as u64;
        }
        if let Some(refusal) = recognise::refusal(text.fill_buf()?) {
            return Err(Unreadable::Wrong(refusal));
        }
        let first = lines.next(&mut text)?.ok_or_else(|| wrong("it is empty"))?;
        let kind = if let Some(header) = first.strip_prefix(FIRST.as_bytes()) {
            FileKind::Backup(header_of(header)?)
        } else if first == b"--" && lines.next(&mut text)? == Some(DUMP.as_bytes()) {
            FileKind::Dump
        } else {
            return Err(lines.refuse("begins neither a backup of authsvc nor a plain dump of pg_dump"));
        };
        if matches!(kind, FileKind::Backup(_)) {
            while lines.next(&mut text)?.ok_or_else(|| wrong("it ends before its rows"))? != DATA.as_bytes() {
                if lines.read > LONGEST_SCHEMA {
                    return Err(wrong("its schema is longer than any that authsvc makes"));
                }
            }
        }
        Ok(Self { text, lines, kind, block: None, skipping: false, lexer: Lexer::default() })
    }

    pub(super) fn file_kind(&self) -> &FileKind {
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
    pub(super) fn next(&mut self) -> Result<FileItem<'_>, Unreadable> {
        let block = self.block;
        match block {
            Some(Form::Copy) if self.next_row()? => Ok(FileItem::Row(&self.lines.buffer)),
            Some(Form::Literals) => self.literals(),
            // between blocks
            _ if self.kind == FileKind::Dump => self.dump_item(),
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
                if self.kind == FileKind::Dump {
                    self.lines.refuse_carriage_return()?;
                }
                return Ok(true);
            }
        }
    }

    fn literals(&mut self) -> Result<FileItem<'_>, Unreadable> {
        self.lines.next(&mut self.text)?.ok_or_else(|| wrong("it ends inside a block of rows"))?;
        match self.lines.buffer.split_last() {
            Some((b',', row)) => Ok(FileItem::Row(row)),
            Some((b';', row)) => {
                self.block = None;
                Ok(FileItem::Row(row))
            }
            _ => Err(self.lines.refuse("is a row without an end")),
        }
    }

    fn backup_item(&mut self) -> Result<FileItem<'_>, Unreadable> {
        let postgres = matches!(&self.kind, FileKind::Backup(header) if header.backend == "postgres");
        loop {
            let line = self.lines.next_text(&mut self.text)?.ok_or_else(|| wrong("it ends before its last line"))?;
            if let Some(footer) = line.strip_prefix(LAST) {
                let footer = serde_json::from_str(footer).map_err(|error| wrong(&format!("its last line: {error}")))?;
                if self.lines.next(&mut self.text)?.is_some() {
                    return Err(wrong("it goes on after its last line"));
                }
                return Ok(FileItem::End(Some(footer)));
            }
            let block = if postgres { copy_block(line) } else { insert_block(line) };
            if let Some((table, columns)) = block {
                let form = if postgres { Form::Copy } else { Form::Literals };
                self.block = Some(form);
                return Ok(FileItem::Table(table, columns));
            }
            if let Some(sequence) = if postgres { setval(line) } else { sqlite_sequence(line) } {
                return Ok(FileItem::Sequence(sequence));
            }
            if !is_passed_over(line, postgres) {
                return Err(self.lines.refuse("is none that authsvc writes"));
            }
        }
    }

    fn dump_item(&mut self) -> Result<FileItem<'_>, Unreadable> {
        loop {
            let Some(line) = self.lines.next(&mut self.text)? else {
                return Err(self.lines.without_end());
            };
            let between = self.lexer.is_between();
            if between && line == DUMP_END.as_bytes() {
                return self.dump_end();
            }
            let ended_copy = self.lexer.line(line);
            let statement = std::str::from_utf8(line).ok().filter(|_| between);
            if let Some(line) = statement {
                if line.starts_with("SET client_encoding = ") && line != "SET client_encoding = 'UTF8';" {
                    return Err(self.lines.refuse("tells of another encoding; make the dump with --encoding=UTF8"));
                }
                if line == "SET standard_conforming_strings = off;" {
                    self.lexer.escape_by_backslash();
                }
                if is_insert(line) {
                    return Err(self
                        .lines
                        .refuse("is an INSERT: only dumps with COPY can be read; make it without --inserts"));
                }
                if let Some((table, columns)) = dump_block(line) {
                    self.block = Some(Form::Copy);
                    return Ok(FileItem::Table(table, columns));
                }
                if let Some(sequence) = dump_setval(line) {
                    return Ok(FileItem::Sequence(sequence));
                }
            }
            // of another schema, or with a column whose name takes lines
            if ended_copy && self.lines.buffer.ends_with(b" FROM stdin;") {
                self.block = Some(Form::Copy);
                self.skipping = true;
                self.next_row()?;
            }
        }
    }

    fn dump_end(&mut self) -> Result<FileItem<'_>, Unreadable> {
        while let Some(line) = self.lines.next(&mut self.text)? {
            let nothing = line.is_empty() || line == b"--" || line.starts_with(b"\\unrestrict ");
            if !nothing {
                return Err(self.lines.refuse("follows after the end of the dump"));
            }
        }
        Ok(FileItem::End(None))
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

pub(super) fn wrong(message: &str) -> Unreadable {
    Unreadable::Wrong(message.to_owned())
}
