//! Turns blocks of rows into the file, in a thread of its own: digest, compression, checksum, disk. The reader goes on
//! meanwhile; at most [`QUEUE`] blocks wait.

use std::io::{self, Write};
use std::thread::JoinHandle;

use libdeflater::{CompressionLvl, Compressor};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use xxhash_rust::xxh3::xxh3_128;

use super::error::Error;
use super::format::{self, Footer, LAST};
use crate::db::Backend;

const QUEUE: usize = 4;

/// Rows of a table, and a digest of them that does not depend on their order: the sum of the 128-bit hashes of the rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableDigest {
    /// The table.
    pub name: String,
    /// How many rows.
    pub rows: u64,
    /// Hex.
    pub digest: String,
}

/// Adds up rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    rows: u64,
    sum: u128,
}

impl Tally {
    pub(super) fn add(&mut self, row: &[u8]) {
        self.rows += 1;
        self.sum = self.sum.wrapping_add(xxh3_128(row));
    }

    pub(super) fn rows(self) -> u64 {
        self.rows
    }

    pub(super) fn digest(self, name: &str) -> TableDigest {
        TableDigest { name: name.to_owned(), rows: self.rows, digest: format!("{:032x}", self.sum) }
    }
}

/// What goes to the writer.
pub(super) enum Part {
    /// As it is.
    Text(String),
    /// Rows of the table with this index, a line each.
    Rows { table: usize, open: String, lines: Vec<u8> },
    /// The end: the last line is written, and all is done.
    End,
}

/// What the writer has done.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) size: u64,
    pub(super) uncompressed_size: u64,
    pub(super) sha256: String,
    pub(super) tables: Vec<TableDigest>,
}

/// The thread.
pub(super) struct Writer {
    parts: mpsc::Sender<Part>,
    thread: JoinHandle<io::Result<Option<Written>>>,
}

impl Writer {
    pub(super) fn start(sink: Box<dyn Write + Send>, compressed: bool, backend: Backend, tables: Vec<String>) -> Self {
        let (parts, received) = mpsc::channel(QUEUE);
        let stream = Stream {
            sink,
            compressor: compressed.then(|| Compressor::new(CompressionLvl::new(1).unwrap_or_default())),
            sha: Sha256::new(),
            size: 0,
            uncompressed_size: 0,
        };
        Self { parts, thread: std::thread::spawn(move || run(received, stream, backend, &tables)) }
    }

    /// Hands over a part; waits while the queue is full. Whether somebody is there to take it.
    pub(super) async fn send(&self, part: Part) -> bool {
        self.parts.send(part).await.is_ok()
    }

    /// Waits for the end. `None`: the end was never sent.
    pub(super) fn finish(self) -> Result<Option<Written>, io::Error> {
        drop(self.parts);
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the writing thread ended unexpectedly")))
    }
}

fn run(
    mut parts: mpsc::Receiver<Part>,
    mut stream: Stream,
    backend: Backend,
    tables: &[String],
) -> io::Result<Option<Written>> {
    let mut tallies = vec![Tally::default(); tables.len()];
    while let Some(part) = parts.blocking_recv() {
        match part {
            Part::Text(text) => stream.write(text.as_bytes())?,
            Part::Rows { table, open, lines } => {
                for line in lines.split_inclusive(|byte| *byte == b'\n') {
                    tallies[table].add(&line[..line.len() - 1]);
                }
                stream.write(&format::block(&open, &lines, backend))?;
            }
            Part::End => {
                let tables: Vec<_> = tallies.iter().zip(tables).map(|(tally, name)| tally.digest(name)).collect();
                let footer = serde_json::to_string(&Footer { tables: tables.clone() })?;
                stream.write(format!("{LAST}{footer}\n").as_bytes())?;
                return stream.finish(tables).map(Some);
            }
        }
    }
    Ok(None)
}

/// The bytes on their way to the disk.
struct Stream {
    sink: Box<dyn Write + Send>,
    compressor: Option<Compressor>,
    sha: Sha256,
    size: u64,
    uncompressed_size: u64,
}

impl Stream {
    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        self.uncompressed_size += text.len() as u64;
        let Some(compressor) = &mut self.compressor else { return self.put(text) };
        let mut member = vec![0; compressor.gzip_compress_bound(text.len())];
        let length = compressor.gzip_compress(text, &mut member).map_err(io::Error::other)?;
        self.put(&member[..length])
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.size += bytes.len() as u64;
        self.sha.update(bytes);
        self.sink.write_all(bytes)
    }

    fn finish(mut self, tables: Vec<TableDigest>) -> io::Result<Written> {
        self.sink.flush()?;
        let sha256 = super::metadata::hex(&self.sha.finalize());
        Ok(Written { size: self.size, uncompressed_size: self.uncompressed_size, sha256, tables })
    }
}

impl From<io::Error> for Error {
    fn from(source: io::Error) -> Self {
        Self::File { path: "the backup".into(), source }
    }
}
