//! Opens a file that may be anything, and reads its text: gzip or plain, as its first bytes tell.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};

use super::error::Error;
use super::reader::{Unreadable, wrong};

const BUFFER: usize = 1 << 18;

/// An opened file: a regular one, and no link to one.
pub(super) struct Source {
    file: File,
}

impl Source {
    /// Opens it.
    ///
    /// # Errors
    /// The path names nothing that can be a backup.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let found = std::fs::symlink_metadata(path).map_err(Error::file(path))?;
        if !found.is_file() {
            return Err(Error::NotAFile { path: path.to_owned() });
        }
        let file = File::open(path).map_err(Error::file(path))?;
        Ok(Self { file })
    }

    /// Its text, from the beginning.
    ///
    /// # Errors
    /// It is empty, or cannot be read.
    pub(super) fn text(&self) -> Result<Text, Unreadable> {
        let mut file = self.file.try_clone()?;
        file.rewind()?;
        Text::new(Box::new(file))
    }
}

/// The text of a file.
pub(super) enum Text {
    Plain(BufReader<Hashing>),
    Gzip(Box<BufReader<MultiGzDecoder<BufReader<Hashing>>>>),
}

impl Text {
    /// Unpacks what has to be unpacked.
    pub(super) fn new(inner: Box<dyn Read + Send>) -> Result<Self, Unreadable> {
        let mut raw = BufReader::with_capacity(BUFFER, Hashing { inner, sha: Sha256::new(), size: 0 });
        let gzip = match raw.fill_buf()? {
            [] => return Err(wrong("it is empty")),
            [0x1f, 0x8b, ..] => true,
            [b'P', b'K', 3, 4, ..] => return Err(wrong("it is a zip archive")),
            [b'P', b'G', b'D', b'M', b'P', ..] => {
                return Err(wrong("it is a dump in pg_dump's custom format; make a plain one, with -Fp"));
            }
            [b'-', ..] => false,
            _ => return Err(wrong("it is neither gzip nor plain SQL of authsvc or pg_dump")),
        };
        Ok(if gzip {
            Self::Gzip(Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(raw))))
        } else {
            Self::Plain(raw)
        })
    }

    /// Whether the file is compressed.
    pub(super) fn is_gzip(&self) -> bool {
        matches!(self, Self::Gzip(_))
    }

    /// Reads what is left; SHA-256 in hex and size of all that was read.
    pub(super) fn finish(self) -> io::Result<(String, u64)> {
        let mut raw = match self {
            Self::Plain(raw) => raw,
            Self::Gzip(text) => text.into_inner().into_inner(),
        };
        io::copy(&mut raw, &mut io::sink())?;
        let Hashing { sha, size, .. } = raw.into_inner();
        Ok((super::metadata::hex(&sha.finalize()), size))
    }
}

impl Read for Text {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(text) => text.read(buffer),
            Self::Gzip(text) => text.read(buffer),
        }
    }
}

impl BufRead for Text {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self {
            Self::Plain(text) => text.fill_buf(),
            Self::Gzip(text) => text.fill_buf(),
        }
    }

    fn consume(&mut self, amount: usize) {
        match self {
            Self::Plain(text) => text.consume(amount),
            Self::Gzip(text) => text.consume(amount),
        }
    }
}

/// Hashes and counts what is read through it.
pub(super) struct Hashing {
    inner: Box<dyn Read + Send>,
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
