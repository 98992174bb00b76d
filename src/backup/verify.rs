//! Reads a backup from disk and compares it with what is known of it.
//!
//! The text is taken line by line and never executed: the first line, then everything up to the data mark unseen, then
//! blocks of rows, then the last line, then nothing.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::digest::{TableDigest, Tally};
use super::error::Error;
use super::format::{DATA, FIRST, FORMAT, Footer, Header, LAST};
use super::metadata::{self, Metadata};

/// A line longer than this is refused: memory stays bounded whatever the file.
const LONGEST_LINE: u64 = 64 << 20;

/// What a verification found.
#[derive(Debug, Serialize)]
pub struct Verdict {
    /// The file.
    pub file: String,
    /// Whether it is what its metadata says.
    pub valid: bool,
    /// Every reason why not.
    pub reasons: Vec<String>,
    /// What the metadata says, if it can be read.
    pub metadata: Option<Metadata>,
}

/// Checks a backup against the metadata beside it.
///
/// # Errors
/// The path names nothing that can be a backup.
pub fn verify(path: &Path) -> Result<Verdict, Error> {
    let found = std::fs::symlink_metadata(path).map_err(Error::file(path))?;
    if !found.is_file() {
        return Err(Error::file(path)(io::Error::new(io::ErrorKind::InvalidInput, "is not a regular file")));
    }
    let (metadata, reasons) = match metadata::read(path) {
        Ok(metadata) => {
            let mut reasons = differences(path, &metadata);
            if path.file_name().is_none_or(|name| name.to_string_lossy() != metadata.filename) {
                reasons.push(format!("its metadata is that of `{}`", metadata.filename.escape_default()));
            }
            (Some(metadata), reasons)
        }
        Err(reason) => (None, vec![reason]),
    };
    Ok(Verdict { file: path.display().to_string(), valid: reasons.is_empty(), reasons, metadata })
}

/// Every way in which a file is not what its metadata says.
pub(super) fn differences(path: &Path, metadata: &Metadata) -> Vec<String> {
    if metadata.format > FORMAT {
        return vec![format!("it has format {}, this program knows up to {FORMAT}", metadata.format)];
    }
    let content = match read(path, metadata.compressed) {
        Ok(content) => content,
        Err(error) => return vec![error.to_string()],
    };
    let mut reasons = Vec::new();
    let mut compare = |what: &str, found: &dyn std::fmt::Display, expected: &dyn std::fmt::Display| {
        let (found, expected) = (found.to_string(), expected.to_string());
        if found != expected {
            reasons.push(format!("{what} is {found}, its metadata says {expected}"));
        }
    };
    compare("its size", &content.size, &metadata.size);
    compare("its uncompressed size", &content.uncompressed_size, &metadata.uncompressed_size);
    compare("its sha256", &content.sha256, &metadata.sha256);
    compare("its engine", &content.header.backend, &metadata.backend);
    compare("its migration", &content.header.migration, &metadata.migration);
    for (what, tables) in [("its end", &content.footer.tables), ("its metadata", &metadata.tables)] {
        if *tables != content.tables {
            reasons.push(format!("the rows are not those that {what} tells of: {}", unequal(&content.tables, tables)));
        }
    }
    reasons
}

fn unequal(found: &[TableDigest], told: &[TableDigest]) -> String {
    let rows = |tables: &[TableDigest], name: &str| {
        tables.iter().find(|table| table.name == name).map_or("no".to_owned(), |table| table.rows.to_string())
    };
    let names = found.iter().chain(told).filter(|table| !(found.contains(table) && told.contains(table)));
    let mut texts: Vec<String> = names
        .map(|table| {
            format!("`{}` has {} rows, told {}", table.name, rows(found, &table.name), rows(told, &table.name))
        })
        .collect();
    texts.dedup();
    texts.join(", ")
}

/// What is in a file.
struct Content {
    size: u64,
    uncompressed_size: u64,
    sha256: String,
    header: Header,
    tables: Vec<TableDigest>,
    footer: Footer,
}

fn read(path: &Path, compressed: bool) -> io::Result<Content> {
    let file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Err(wrong("it is empty"));
    }
    let mut raw = BufReader::with_capacity(1 << 18, Hashing { inner: file, sha: Sha256::new(), size: 0 });
    let mut lines = Lines { read: 0, buffer: Vec::new() };
    if compressed && !raw.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        return Err(wrong("it is not gzip"));
    }
    let (header, tables, footer) = if compressed {
        parse(&mut lines, &mut BufReader::with_capacity(1 << 18, MultiGzDecoder::new(&mut raw)))?
    } else {
        parse(&mut lines, &mut raw)?
    };
    io::copy(&mut raw, &mut io::sink())?;
    let Hashing { sha, size, .. } = raw.into_inner();
    let sha256 = metadata::hex(&sha.finalize());
    Ok(Content { size, uncompressed_size: lines.read, sha256, header, tables, footer })
}

fn parse(lines: &mut Lines, text: &mut dyn BufRead) -> io::Result<(Header, Vec<TableDigest>, Footer)> {
    let first = lines.next(text)?.ok_or_else(|| wrong("it is empty"))?;
    let header = first.strip_prefix(FIRST.as_bytes()).ok_or_else(|| wrong("its first line is not that of a backup"))?;
    let header: Header = serde_json::from_slice(header).map_err(|error| wrong(&format!("its first line: {error}")))?;
    if header.format > FORMAT {
        return Err(wrong(&format!("it has format {}, this program knows up to {FORMAT}", header.format)));
    }
    while lines.next(text)?.ok_or_else(|| wrong("it ends before its rows"))? != DATA.as_bytes() {}
    let mut tallies: Vec<(String, Tally)> = Vec::new();
    loop {
        let line = lines.next(text)?.ok_or_else(|| wrong("it ends before its last line"))?;
        if let Some(footer) = line.strip_prefix(LAST.as_bytes()) {
            let footer: Footer =
                serde_json::from_slice(footer).map_err(|error| wrong(&format!("its last line: {error}")))?;
            if lines.next(text)?.is_some() {
                return Err(wrong("it goes on after its last line"));
            }
            let found = |table: &TableDigest| {
                let tally = tallies.iter().find(|(name, _)| *name == table.name).map(|(_, tally)| *tally);
                tally.unwrap_or_default().digest(&table.name)
            };
            return Ok((header, footer.tables.iter().map(found).collect(), footer));
        }
        if let Some((table, copy)) = opens(line) {
            let at = tallies.iter().position(|(name, _)| *name == table).unwrap_or_else(|| {
                tallies.push((table, Tally::default()));
                tallies.len() - 1
            });
            rows(lines, text, copy, &mut tallies[at].1)?;
        }
    }
}

/// The table of a line that opens a block, and whether it is a COPY.
fn opens(line: &[u8]) -> Option<(String, bool)> {
    let line = std::str::from_utf8(line).ok()?;
    let copy = line.strip_prefix("COPY ").filter(|rest| rest.ends_with(" FROM stdin;"));
    let insert = line.strip_prefix("INSERT INTO ").filter(|rest| rest.ends_with(" VALUES"));
    let name = copy.or(insert)?.split(' ').next()?;
    Some((name.to_owned(), copy.is_some()))
}

fn rows(lines: &mut Lines, text: &mut dyn BufRead, copy: bool, tally: &mut Tally) -> io::Result<()> {
    loop {
        let line = lines.next(text)?.ok_or_else(|| wrong("it ends inside a block of rows"))?;
        match (copy, line) {
            (true, b"\\.") => return Ok(()),
            (true, row) => tally.add(row),
            (false, [row @ .., b',']) => tally.add(row),
            (false, [row @ .., b';']) => {
                tally.add(row);
                return Ok(());
            }
            (false, _) => return Err(wrong("a row has no end")),
        }
    }
}

fn wrong(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// Lines of bounded length, counted.
struct Lines {
    read: u64,
    buffer: Vec<u8>,
}

impl Lines {
    /// The next line, without its line feed.
    fn next(&mut self, text: &mut dyn BufRead) -> io::Result<Option<&[u8]>> {
        self.buffer.clear();
        let length = text.take(LONGEST_LINE).read_until(b'\n', &mut self.buffer)?;
        self.read += length as u64;
        match self.buffer.pop() {
            None => Ok(None),
            Some(b'\n') => Ok(Some(&self.buffer)),
            Some(_) if length as u64 == LONGEST_LINE => Err(wrong("it has a line of over 64 MiB")),
            Some(_) => Err(wrong("it is cut off in the middle of a line")),
        }
    }
}

/// Hashes and counts what is read through it.
struct Hashing {
    inner: File,
    sha: Sha256,
    size: u64,
}

impl Read for Hashing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.sha.update(&buffer[..length]);
        self.size += length as u64;
        Ok(length)
    }
}
