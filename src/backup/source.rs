//! Opens an untrusted file and reads its text, as gzip or plain according to its first bytes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};

use super::error::Error;
use super::unreadable::{Unreadable, wrong};
use crate::disk::{self, LinkPolicy};

/// Size of one chunk, in bytes.
const CHUNK: usize = 1 << 18;
/// Largest number of chunks in the queue.
const QUEUE: usize = 4;

/// An opened regular file. Symbolic links are refused.
pub(super) struct BackupSource {
    file: File,
}

impl BackupSource {
    /// Opens a file.
    ///
    /// # Errors
    /// Returns an error if the path is not a regular file or cannot be opened.
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

    /// Reads the text from the beginning of the file.
    ///
    /// # Errors
    /// Returns an error if the file is empty or cannot be read.
    pub(super) fn text(&self) -> Result<Text, Unreadable> {
        let mut file = self.file.try_clone()?;
        file.rewind()?;
        Text::new(Box::new(file))
    }
}

/// Text of a file. A separate thread decompresses it and keeps a few chunks queued.
pub(super) struct Text {
    is_gzip: bool,
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    at: usize,
    thread: JoinHandle<io::Result<(String, u64)>>,
}

impl Text {
    /// Starts the thread that reads and decompresses.
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

    /// Returns true if the file is compressed with gzip.
    pub(super) fn is_gzip(&self) -> bool {
        self.is_gzip
    }

    /// SHA-256 in hex and size in bytes of the file, once its text was read to the end.
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

/// Body of the reading thread. It ends at the end of the file or when the receiver is dropped.
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

/// Sends a whole text in chunks. Returns true if its end was reached.
fn send(mut text: impl Read, chunks: &SyncSender<io::Result<Vec<u8>>>) -> bool {
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        let failed = text.by_ref().take(CHUNK as u64).read_to_end(&mut chunk).err();
        let is_end = chunk.is_empty();
        // bytes before an error are delivered first
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

/// Reader that hashes and counts the bytes it passes on.
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
