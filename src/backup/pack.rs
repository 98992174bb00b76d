//! Makes the gzip members of a backup: formats rows as a block of text, digests it and compresses it. Several threads
//! work in parallel and in no fixed order.

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

/// Content of one member.
pub(super) enum Chunk {
    /// SQL text that is written unchanged.
    Text(String),
    /// Rows of the table at this index of the table list.
    Rows { table: usize, rows: SnapshotRows },
}

/// One chunk to pack, with the channel for its result.
pub(super) struct PackJob {
    pub(super) chunk: Chunk,
    pub(super) done: oneshot::Sender<Result<GzipMember, Error>>,
}

/// One finished gzip member, or plain text if the backup is not compressed.
pub(super) struct GzipMember {
    pub(super) bytes: Vec<u8>,
    pub(super) uncompressed_size: usize,
    /// Digest of the rows, with the index of their table. `None` for plain text.
    pub(super) digest: Option<(usize, RowDigest)>,
}

/// Working state of one packing thread.
pub(super) struct Packer {
    backend: Backend,
    compressor: Option<Compressor>,
    /// Reused buffers for the text and the member. The system must clear new memory on each allocation.
    text: Vec<u8>,
    member: Vec<u8>,
}

impl Packer {
    pub(super) fn new(backend: Backend, compressed: bool) -> Self {
        // a higher level takes twice the time and saves a twentieth of the size
        let compressor = compressed.then(|| Compressor::new(CompressionLvl::new(1).unwrap_or_default()));
        Self { backend, compressor, text: Vec::new(), member: Vec::new() }
    }

    /// Packs jobs until the job channel closes.
    pub(super) fn run(mut self, jobs: &Mutex<Receiver<PackJob>>, tables: &[SchemaTable]) {
        loop {
            let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(PackJob { chunk: part, done }) = job else { return };
            // a closed receiver has failed and reports its own error
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
