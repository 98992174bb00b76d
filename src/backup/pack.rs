//! Makes members of the file: rows become a block of text with a digest, and that is compressed. Several threads do it, and
//! nothing here knows the order.

use std::io;
use std::sync::mpsc::Receiver;
use std::sync::{Mutex, PoisonError};

use libdeflater::{CompressionLvl, Compressor};
use tokio::sync::oneshot;

use super::error::Error;
use super::format;
use super::row_digest::RowDigest;
use crate::db::{Backend, SnapshotRows};
use crate::migrate::SchemaTable;

/// What goes into one member.
pub(super) enum Chunk {
    /// As it is.
    Text(String),
    /// Rows of the table with this place among the tables.
    Rows { table: usize, rows: SnapshotRows },
}

/// A part, and who waits for it.
pub(super) struct PackJob {
    pub(super) chunk: Chunk,
    pub(super) done: oneshot::Sender<Result<GzipMember, Error>>,
}

/// A member.
pub(super) struct GzipMember {
    pub(super) bytes: Vec<u8>,
    pub(super) uncompressed_size: usize,
    /// The table with this place, and what is added to it.
    pub(super) digest: Option<(usize, RowDigest)>,
}

/// One thread's tools.
pub(super) struct Packer {
    backend: Backend,
    compressor: Option<Compressor>,
    /// The text and the member, used again and again: fresh memory has to be cleared by the system each time.
    text: Vec<u8>,
    member: Vec<u8>,
}

impl Packer {
    pub(super) fn new(backend: Backend, compressed: bool) -> Self {
        // more effort costs twice the time for a twentieth of the size
        let compressor = compressed.then(|| Compressor::new(CompressionLvl::new(1).unwrap_or_default()));
        Self { backend, compressor, text: Vec::new(), member: Vec::new() }
    }

    /// Works until there are no more jobs.
    pub(super) fn run(mut self, jobs: &Mutex<Receiver<PackJob>>, tables: &[SchemaTable]) {
        loop {
            let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(PackJob { chunk: part, done }) = job else { return };
            // who does not wait any more has failed and says so
            let _ = done.send(self.pack(part, tables));
        }
    }

    fn pack(&mut self, part: Chunk, tables: &[SchemaTable]) -> Result<GzipMember, Error> {
        match part {
            Chunk::Text(text) => Ok(self.compress(text.as_bytes())?),
            Chunk::Rows { table: at, rows } => {
                let table = &tables[at];
                let mut text = std::mem::take(&mut self.text);
                text.clear();
                let digest = format::block(table, &rows, self.backend, &mut text)
                    .map_err(|source| Error::Table { table: table.name.clone(), source })?;
                let packed = self.compress(&text)?;
                self.text = text;
                Ok(GzipMember { digest: Some((at, digest)), ..packed })
            }
        }
    }

    pub(super) fn compress(&mut self, text: &[u8]) -> io::Result<GzipMember> {
        let bytes = match &mut self.compressor {
            None => text.to_vec(),
            Some(compressor) => {
                let bound = compressor.gzip_compress_bound(text.len());
                if self.member.len() < bound {
                    self.member.resize(bound, 0);
                }
                let length = compressor.gzip_compress(text, &mut self.member).map_err(io::Error::other)?;
                self.member[..length].to_vec()
            }
        };
        Ok(GzipMember { bytes, uncompressed_size: text.len(), digest: None })
    }
}
