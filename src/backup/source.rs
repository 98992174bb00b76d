//! Opens a file that may be anything, and reads its text: gzip or plain, as its first bytes tell.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};

use super::error::Error;
use super::reader::{Unreadable, wrong};
use crate::disk::{self, LinkPolicy};

/// Bytes that are handed over at once.
const CHUNK: usize = 1 << 18;
/// Chunks that wait.
const QUEUE: usize = 4;

/// An opened file: a regular one, and no link to one.
pub(super) struct BackupSource {
    file: File,
}

impl BackupSource {
    /// Opens it.
    ///
    /// # Errors
    /// The path names nothing that can be a backup.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let file = disk::open(path, LinkPolicy::Refused).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidInput => {
                let kind = error.to_string().trim_start_matches(disk::NOT_REGULAR).to_owned();
                Error::NotAFile { path: path.to_owned(), kind }
            }
            _ => Error::file(path)(error),
        })?;
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

/// The text of a file, unpacked by a thread of its own while it is looked at here. A few chunks wait.
pub(super) struct Text {
    is_gzip: bool,
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    at: usize,
    thread: JoinHandle<io::Result<(String, u64)>>,
}

impl Text {
    /// Begins to read, and to unpack what is packed.
    pub(super) fn new(inner: Box<dyn Read + Send>) -> Result<Self, Unreadable> {
        let mut raw = BufReader::with_capacity(CHUNK, Hashing { inner, sha: Sha256::new(), size: 0 });
        let is_gzip = match raw.fill_buf()? {
            [] => return Err(wrong("it is empty")),
            first => first.starts_with(&[0x1f, 0x8b]),
        };
        let (sender, chunks) = sync_channel(QUEUE);
        let thread = std::thread::spawn(move || read(raw, is_gzip, &sender));
        Ok(Self { is_gzip, chunks, chunk: Vec::new(), at: 0, thread })
    }

    /// Whether the file is compressed.
    pub(super) fn is_gzip(&self) -> bool {
        self.is_gzip
    }

    /// SHA-256 in hex and size of the file, once its text has come to its end.
    pub(super) fn finish(self) -> io::Result<(String, u64)> {
        drop(self.chunks);
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the reading thread ended unexpectedly")))
    }
}

impl Read for Text {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(buffer)?;
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for Text {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.chunk.len()
            && let Ok(next) = self.chunks.recv()
        {
            (self.chunk, self.at) = (next?, 0);
        }
        Ok(&self.chunk[self.at..])
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount;
    }
}

/// The thread: reads to the end, or until nobody wants more.
fn read(
    mut raw: BufReader<Hashing>,
    is_gzip: bool,
    chunks: &SyncSender<io::Result<Vec<u8>>>,
) -> io::Result<(String, u64)> {
    let wanted = if is_gzip { send(MultiGzDecoder::new(&mut raw), chunks) } else { send(&mut raw, chunks) };
    if wanted {
        io::copy(&mut raw, &mut io::sink())?;
    }
    let Hashing { sha, size, .. } = raw.into_inner();
    Ok((super::metadata::hex(&sha.finalize()), size))
}

/// Sends all of a text; whether that came to its end.
fn send(mut text: impl Read, chunks: &SyncSender<io::Result<Vec<u8>>>) -> bool {
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        let failed = text.by_ref().take(CHUNK as u64).read_to_end(&mut chunk).err();
        let is_end = chunk.is_empty();
        // what came before an error is looked at first
        if !is_end && chunks.send(Ok(chunk)).is_err() {
            return false;
        }
        if let Some(error) = failed {
            let _ = chunks.send(Err(error));
            return false;
        }
        if is_end {
            return true;
        }
    }
}

/// Hashes and counts what is read through it.
struct Hashing {
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
