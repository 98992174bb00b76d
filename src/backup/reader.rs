//! Reads a file line by line as items: tables, rows, sequences, the end. Nothing in the file is executed.
//!
//! Two grammars are known. In a backup of this program, every line after the schema must be one that this program
//! writes. In a plain `pg_dump` file, the COPY blocks of the schema `public` are read and the rest is skipped. `lexer`
//! finds the lines that begin a statement.
//!
//! The caller checks whether tables and columns are known. The longest line bounds the memory (`lines`). `recognise`
//! identifies other file formats.

use std::io::BufRead as _;

use super::format::{DATA, FIRST, FORMAT, Footer, Header, LAST, Sequence};
use super::grammar::{
    copy_block, dump_block, dump_setval, insert_block, is_insert, is_passed_over, setval, sqlite_sequence,
};
use super::lexer::Lexer;
use super::lines::LineReader;
use super::recognise::{self, DUMP};
use super::source::Text;
use super::unreadable::{Unreadable, wrong};

/// Byte order mark that some programs write before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Longest accepted schema of a backup, in bytes. Real schemas are far shorter.
const LONGEST_SCHEMA: u64 = 4 << 20;
/// Start of a line near the end of a plain dump.
const DUMP_END: &str = "-- PostgreSQL database dump complete";

/// Kind of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FileKind {
    /// A backup of this program, with its header.
    Backup(Header),
    /// A plain dump made by `pg_dump`.
    Dump,
}

/// Format of the rows in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Lines in COPY's text format.
    Copy,
    /// Lines of the form `(…)` with SQLite literals.
    Literals,
}

/// One item of a file.
#[derive(Debug)]
pub(super) enum FileItem<'a> {
    /// Start of a table's rows: table name, and column names in the order of the rows.
    Table(String, Vec<String>),
    /// A row of the current table.
    Row(&'a [u8]),
    /// The value at which a sequence continues.
    Sequence(Sequence),
    /// The end of the file, with the footer of a backup.
    End(Option<Footer>),
}

/// Reader of a backup or a plain dump.
pub(super) struct BackupReader {
    text: Text,
    lines: LineReader,
    kind: FileKind,
    block: Option<Form>,
    /// True while the rows of a dump's block are skipped.
    skipping: bool,
    /// Lexer for the statements of a dump.
    lexer: Lexer,
}

impl BackupReader {
    /// Opens a file and reads up to the first rows.
    ///
    /// # Errors
    /// Returns an error if the beginning of the file is in no known format.
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

    /// Number of text bytes that were read.
    pub(super) fn position(&self) -> u64 {
        self.lines.read
    }

    /// Number of the line that was read last, from 1.
    pub(super) fn line(&self) -> u64 {
        self.lines.number
    }

    /// Returns the text, which the checksum of the file covers.
    pub(super) fn into_text(self) -> Text {
        self.text
    }

    /// Reads the next item.
    ///
    /// # Errors
    /// Returns an error for a line that breaks the grammar, or if the file ends too early.
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

    /// Moves to the next row of the current block that is not skipped. Returns false at the end of the block.
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
                    return Err(wrong("it continues after its last line"));
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
                return Err(self.lines.refuse("is not a line that authsvc writes"));
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
                    return Err(self.lines.refuse("names another encoding; make the dump with --encoding=UTF8"));
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
            // a table of another schema, or a column list that spans several lines
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

    /// Skips the rows of the current table.
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
